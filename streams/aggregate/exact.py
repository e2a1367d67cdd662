"""Exact numbers as text and as Decimal. No float anywhere."""

from decimal import Decimal


def decimal_text(unscaled: int, places: int) -> str:
    """``unscaled`` / 10 ** ``places`` in plain notation with exactly ``places`` decimals: (-5, 2) is "-0.05"."""
    if places == 0:
        return str(unscaled)
    digits = str(abs(unscaled)).rjust(places + 1, "0")
    return f"{'-' if unscaled < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def shortest_text(unscaled: int, places: int) -> str:
    """The same number without trailing zeros, for quantities that have no fixed number of decimals."""
    text = decimal_text(unscaled, places)
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact(unscaled: int, places: int) -> Decimal:
    """The number as a Decimal. Made from text: arithmetic on Decimals would round to the context's 28 digits."""
    return Decimal(decimal_text(unscaled, places))


def plain_text(value: Decimal) -> str:
    """A Decimal in plain notation, never with an exponent."""
    return f"{value:f}"
