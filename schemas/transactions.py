"""``data`` of the transaction events."""

from typing import Any, Final, Literal, Self

from pydantic import ConfigDict, model_validator

from schemas.currencies import EXPONENTS
from schemas.fields import Area, Currency, Data, Decimal, Identifier, Slug, Time
from schemas.scalars import FieldError, parse_amount

ProductType = Literal["dataset", "api", "report", "model", "computing", "service", "spatial"]


def _amounts(exponent: int) -> dict[str, Any]:
    """JSON Schema of: no more decimals than the currency has."""
    codes = sorted(code for code, decimals in EXPONENTS.items() if decimals == exponent)
    decimals = rf"(\.[0-9]{{1,{exponent}}})?" if exponent else ""
    then = {"properties": {"amount": {"pattern": f"^[0-9]+{decimals}$"}}}
    return {"if": {"properties": {"currency": {"enum": codes}}}, "then": then}


_RULES: Final[dict[str, Any]] = {
    "allOf": [
        {"properties": {"amount": {"pattern": "[1-9]", "description": "Above 0."}}},
        *(_amounts(exponent) for exponent in sorted(set(EXPONENTS.values()))),
    ]
}
"""What ``_amount_in_currency`` says, for JSON Schema."""


class Executed(Data):
    """A transaction executed on an exchange. ``amount`` is in major units of ``currency``."""

    model_config = ConfigDict(json_schema_extra=_RULES)

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
