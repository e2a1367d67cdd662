"""The types of ``data`` fields: the rules of ``scalars`` for pydantic, with their JSON Schema."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema

from schemas import periods, scalars
from schemas.currencies import EXPONENTS


class Data(BaseModel):
    """What the ``data`` of all types have in common: unknown fields are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _decimal(text: str) -> str:
    scalars.parse_decimal(text)
    return text


def _signed_decimal(text: str) -> str:
    scalars.parse_signed_decimal(text)
    return text


def _currency(text: str) -> str:
    if text not in EXPONENTS:
        raise ValueError("expected an active ISO 4217 currency such as CNY")
    return text


def _time(text: str) -> str:
    scalars.parse_time(text)
    return text


def _period(text: str) -> str:
    periods.parse_period(text)
    return text


def _text(pattern: str, description: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": description, **more})


Identifier = Annotated[
    str,
    AfterValidator(scalars.check_identifier),
    _text(scalars.IDENTIFIER_PATTERN, "1 to 256 characters, no control characters."),
]
Slug = Annotated[
    str,
    AfterValidator(scalars.check_slug),
    _text(scalars.SLUG_PATTERN, "1 to 64 of a-z, 0-9, _ and -; not the word total.", **{"not": {"const": "total"}}),
]
Decimal = Annotated[
    str,
    AfterValidator(_decimal),
    _text(scalars.DECIMAL_PATTERN, "Plain decimal notation, at most 18 digits, no sign.", maxLength=19),
]
SignedDecimal = Annotated[
    str,
    AfterValidator(_signed_decimal),
    _text(scalars.SIGNED_DECIMAL_PATTERN, "Plain decimal notation, at most 18 digits.", maxLength=20),
]
Currency = Annotated[
    str,
    AfterValidator(_currency),
    WithJsonSchema({"type": "string", "enum": sorted(EXPONENTS), "description": "ISO 4217 code."}),
]
Time = Annotated[
    str,
    AfterValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with an offset."}),
]
Date = Annotated[str, AfterValidator(scalars.check_date), _text(scalars.DATE_PATTERN, "A calendar day.", format="date")]
Period = Annotated[str, AfterValidator(_period), _text(periods.PERIOD_PATTERN, "SDMX period.")]
Url = Annotated[str, AfterValidator(scalars.check_url), _text(scalars.URL_PATTERN, "http or https address.")]
Area = Annotated[
    str,
    _text(
        r"^([0-9]{6}|[A-Z]{2}(-[A-Z0-9]{1,3})?|X-[A-Z]+)$",
        "GB/T 2260 code inside mainland China, ISO 3166 code elsewhere, or a local area; valid at the event's time.",
    ),
]
"""Whether an area is valid depends on the event's time, so ``areas.check_area`` judges it, not this type."""
