"""``data`` of the transaction events."""

from typing import Literal, Self

from pydantic import model_validator

from schemas.fields import Area, Currency, Data, Decimal, Identifier, Slug, Time
from schemas.scalars import FieldError, parse_amount

ProductType = Literal["dataset", "api", "report", "model", "computing", "service", "spatial"]


class Executed(Data):
    """A transaction executed on an exchange. ``amount`` is in major units of ``currency``."""

    transaction_id: Identifier
    exchange: Slug
    product_type: ProductType
    amount: Decimal
    currency: Currency
    cross_border: bool
    buyer_area: Area | None = None
    seller_area: Area | None = None

    @model_validator(mode="after")
    def _amount_in_currency(self) -> Self:
        try:
            parse_amount(self.amount, self.currency)
        except ValueError as error:
            raise FieldError("amount", str(error)) from None
        return self


class Cancelled(Executed):
    """A transaction taken back: the fields of the event it cancels, and that event's ``time``."""

    executed_at: Time
