"""Rules of single values: times, decimal strings, slugs, identifiers. Each function raises ValueError with what was
expected, in words that finish the sentence "<field> is <value>: ...".
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.currencies import EXPONENTS
from schemas.events import CAPACITY_SCALE

MAX_DIGITS: Final = 18
"""Digits of a decimal string, leading and trailing zeros included: every amount fits a signed 64-bit integer."""

MAX_IDENTIFIER: Final = 256
SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
IDENTIFIER_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]{1,256}$"
DECIMAL_PATTERN: Final = r"^[0-9]+(\.[0-9]+)?$"
SIGNED_DECIMAL_PATTERN: Final = r"^[+-]?[0-9]+(\.[0-9]+)?$"
DATE_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
URL_PATTERN: Final = r"^https?://[^\s/?#\x00-\x1f\x7f-\x9f][^\s\x00-\x1f\x7f-\x9f]{0,2000}$"

_MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_US = (datetime(1900, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_MAX_US = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)

_SLUG = re.compile(SLUG_PATTERN.removesuffix("$") + r"\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_URL = re.compile(URL_PATTERN.removesuffix("$") + r"\Z")
_DATE = re.compile(DATE_PATTERN.removesuffix("$") + r"\Z")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))\Z"
)


class FieldError(ValueError):
    """A rule about several values of an event, broken. ``field`` is the one to blame, a name in ``data``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


# parse_time cuts a time string in three and remembers each piece that was part of a valid time: the minute (years that
# no offset can carry out of range only), the second, and the fraction with the offset, or the offset alone.
_MINUTES: dict[str, int] = {}
_SECONDS: Final = {f":{second:02}": second * 1_000_000 for second in range(60)}
_TAILS: dict[str, int] = {}
_OFFSETS: dict[str, int] = {}
_REMEMBERED = 65_536
_LONGEST_TAIL = len(".250+08:00")


def parse_time(text: str) -> int:
    """Microseconds since the Unix epoch of an RFC 3339 time.

    The offset is required, digits beyond microseconds are cut off, and there is no leap second (60).

    Raises:
        ValueError: not such a time, or not in the years 1900 to 9999 (as written and in UTC).
    """
    minute = _MINUTES.get(text[:16])
    if minute is not None:
        second = _SECONDS.get(text[16:19])
        if second is not None:
            tail_text = text[19:]
            tail = _TAILS.get(tail_text)
            if tail is not None:
                return minute + second + tail
            # Six digits are what most languages print; too many different ones to remember, quick to read.
            offset = _OFFSETS.get(tail_text[7:])
            fraction = tail_text[1:7]
            if offset is not None and tail_text[0] == "." and fraction.isdigit() and fraction.isascii():
                return minute + second + offset + int(fraction)
    return _parse_new_time(text)


def _parse_new_time(text: str) -> int:
    match = _TIME.match(text)
    if match is None:
        raise ValueError("expected an RFC 3339 time with an offset, such as 2023-11-24T09:30:00+08:00")
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    try:
        start = (datetime(year, month, day, hour, minute, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    except ValueError as error:
        raise ValueError(f"there is no such day or time of day ({error})") from None
    if second > 59:
        raise ValueError("seconds go from 00 to 59; a leap second is written as 59")
    offset = 0
    if match[8]:
        hours, minutes = int(match[9]), int(match[10])
        if hours > 23 or minutes > 59:
            raise ValueError("an offset goes from -23:59 to +23:59")
        ahead = (hours * 60 + minutes) * _MINUTE_US
        offset = ahead if match[8] == "-" else -ahead
    tail = offset + int((match[7] or "")[:6].ljust(6, "0"))
    time_us = start + second * 1_000_000 + tail
    if year < 1900 or not _MIN_US <= time_us <= _MAX_US:
        raise ValueError("expected a year from 1900 to 9999")
    if 1900 < year < 9999:
        _remember(_MINUTES, text[:16], start)
    if len(text) - 19 <= _LONGEST_TAIL:
        _remember(_TAILS, text[19:], tail)
    _remember(_OFFSETS, text[-6:] if match[8] else text[-1], offset)
    return time_us


def _remember(cache: dict[str, int], key: str, value: int) -> None:
    if len(cache) >= _REMEMBERED:
        cache.clear()
    cache[key] = value


def format_time(time_us: int) -> str:
    """RFC 3339 in UTC of microseconds since the Unix epoch, as short as is exact: ``2023-11-24T01:30:00.250Z``."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    precision = "seconds" if not time_us % 1_000_000 else "milliseconds" if not time_us % 1_000 else "microseconds"
    return moment.isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def parse_decimal(text: str) -> tuple[int, int]:
    """A decimal string without a sign: its digits as an integer, and how many of them follow the point.

    Raises:
        ValueError: not plain notation, or more than 18 digits.
    """
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isdigit() and digits.isascii() and whole and (fraction or not point)):
        raise ValueError("expected digits with at most one point between them, no sign and no exponent")
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"expected at most {MAX_DIGITS} digits")
    return int(digits), len(fraction)


def parse_signed_decimal(text: str) -> tuple[int, int]:
    """As ``parse_decimal``, with an optional sign in front."""
    digits, places = parse_decimal(text[1:] if text[:1] in {"+", "-"} else text)
    return (-digits if text[0] == "-" else digits), places


def parse_amount(text: str, currency: str) -> int:
    """An amount of money in the minor unit of its currency.

    Raises:
        ValueError: not a decimal string, zero, or more decimals than the currency has.
        KeyError: the currency is not in ``currencies.EXPONENTS``.
    """
    digits, places = parse_decimal(text)
    missing = EXPONENTS[currency] - places
    if missing < 0:
        raise ValueError(f"{currency} has {EXPONENTS[currency]} decimals, not {places}")
    if not digits:
        raise ValueError("expected more than 0")
    return digits * _POWERS[missing]


_POWERS: Final[tuple[int, ...]] = tuple(10**power for power in range(CAPACITY_SCALE + 1))


def parse_capacity(text: str) -> int:
    """A capacity, 0 or more, in 10^-18 of its unit.

    Raises:
        ValueError: not a decimal string without a sign.
    """
    digits, places = parse_decimal(text)
    return digits * _POWERS[CAPACITY_SCALE - places]


def check_slug(text: str) -> str:
    """The slug itself. ``total`` is no slug: it would read like a sum among the label values.

    Raises:
        ValueError: not a slug.
    """
    if not _SLUG.match(text) or text == "total":
        raise ValueError("expected 1 to 64 of a-z, 0-9, _ and -, a letter or digit first, and not the word total")
    return text


def check_identifier(text: str) -> str:
    """The identifier itself.

    Raises:
        ValueError: empty, longer than 256 characters, or with control characters.
    """
    if not 0 < len(text) <= MAX_IDENTIFIER or _CONTROL.search(text):
        raise ValueError(f"expected 1 to {MAX_IDENTIFIER} characters, none of them a control character")
    return text


def check_date(text: str) -> str:
    """The ISO date itself, ``YYYY-MM-DD``.

    Raises:
        ValueError: not a date, or not in the years 1900 to 9999.
    """
    if not _DATE.match(text):
        raise ValueError("expected a date such as 2023-11-24")
    try:
        year = datetime.fromisoformat(text).year
    except ValueError as error:
        raise ValueError(f"there is no such day ({error})") from None
    if year < 1900:
        raise ValueError("expected a year from 1900 to 9999")
    return text


def check_url(text: str) -> str:
    """The address itself. Only http and https: it is shown as a link.

    Raises:
        ValueError: another scheme, white space or control characters, or over 2,000 characters.
    """
    if not _URL.match(text):
        raise ValueError("expected an http or https address without spaces, at most 2,000 characters")
    return text
