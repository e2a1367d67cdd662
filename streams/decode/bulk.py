"""Many values at once, as ``schemas.scalars`` reads them one by one, when all are written alike.

What is not written alike, or breaks a rule, makes the answer None: then each value has to be judged by itself.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.batch import Int64s
from schemas.scalars import MAX_DIGITS

_MINUTE: Final = 60_000_000
_ZERO, _COMMA, _POINT, _PLUS, _MINUS = b"0,.+-"
_POWERS: Final = 10 ** np.arange(MAX_DIGITS + 1, dtype=np.int64)

# In a shape a 0 stands for any digit and a + for either sign. Each has its own length, the comma behind it included.
_SHAPES: Final = {
    len(shape): np.frombuffer(shape, np.uint8)
    for fraction in (b"", b".000", b".000000")
    for zone in (b"Z", b"+00:00")
    for shape in (b"0000-00-00T00:00:00" + fraction + zone + b",",)
}
_FIRST_YEAR, _LAST_YEAR = 1901, 2200
"""Of the table below; the rules of time strings allow more, one by one."""

_MONTHS: Final = np.arange(f"{_FIRST_YEAR}-01", f"{_LAST_YEAR + 1}-02", dtype="M8[M]").astype("M8[D]").astype(np.int64)
"""The first day of each month, counted from 1970-01-01, and of the one that follows the last."""

_MONTH_LENGTHS: Final = np.diff(_MONTHS)


def parse_times(texts: Sequence[str]) -> Int64s | None:
    """Microseconds since the Unix epoch of RFC 3339 times; see ``schemas.scalars.parse_time``.

    Args:
        texts: ASCII, at least one.
    """
    raw = (",".join(texts) + ",").encode("ascii")
    shape = _SHAPES.get(len(texts[0]) + 1)
    if shape is None or len(raw) != len(texts) * len(shape):
        return None
    # One row for each place. Commas are in the last one only, so no text is cut in the wrong place.
    places = np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(-1, len(shape)).T)
    is_digit, is_sign = shape == _ZERO, shape == _PLUS
    is_mark = ~is_digit & ~is_sign
    digits = places[is_digit] - np.uint8(_ZERO)  # what is below "0" becomes large
    signs = places[is_sign]
    if digits.max() > 9 or (places[is_mark] != shape[is_mark, None]).any():
        return None
    if not ((signs == _PLUS) | (signs == _MINUS)).all():
        return None
    tens = digits[:14:2] * np.uint8(10) + digits[1:14:2]
    minutes_us = _minutes_us(tens)
    if minutes_us is None:
        return None
    time_us: Int64s = minutes_us + tens[6].astype(np.int64) * 1_000_000
    zone = digits[14:]
    if len(signs):
        zone, (h, hh, m, mm) = zone[:-4], zone[-4:].astype(np.int64)
        hours, minutes = h * 10 + hh, m * 10 + mm
        if hours.max() > 23 or minutes.max() > 59:
            return None
        ahead = (hours * 60 + minutes) * _MINUTE
        time_us += np.where(signs[0] == _MINUS, ahead, -ahead)
    for power, digit in zip(range(5, -1, -1), zone, strict=False):
        time_us += digit * _POWERS[power]
    return time_us


def _minutes_us(tens: npt.NDArray[np.uint8]) -> Int64s | None:
    """When the minute begins, in microseconds; ``tens`` are century, year, month, day, hour, minute, second."""
    _, _, month, day, hour, minute, second = tens
    if month.min() < 1 or month.max() > 12 or hour.max() > 23 or minute.max() > 59 or second.max() > 59:
        return None
    year = tens[0].astype(np.int64) * 100 + tens[1]
    if year.min() < _FIRST_YEAR or year.max() > _LAST_YEAR:
        return None
    months = (year - _FIRST_YEAR) * 12 + month - 1
    if day.min() < 1 or (day > _MONTH_LENGTHS[months]).any():
        return None
    start_us: Int64s = ((_MONTHS[months] + day - 1) * 1440 + hour * np.int64(60) + minute) * _MINUTE
    return start_us


def parse_amounts(texts: Sequence[str], exponents: Int64s) -> Int64s | None:
    """Amounts of money in minor units; see ``schemas.scalars.parse_amount``.

    Args:
        texts: ASCII, at least one.
        exponents: decimals of each one's currency; -1 where there is no such currency.
    """
    joined = ",".join(texts)
    raw = joined.encode("ascii") + b","
    if raw.translate(None, b"0123456789.,"):
        return None
    characters = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero(characters == _COMMA)
    if len(ends) != len(texts):
        return None  # a text holds a comma
    starts = np.concatenate([[0], ends[:-1] + 1])
    points = np.flatnonzero(characters == _POINT)
    pointed = np.searchsorted(ends, points)  # whose point it is
    if (pointed[1:] == pointed[:-1]).any():
        return None
    decimals = np.zeros(len(texts), np.int64)
    decimals[pointed] = ends[pointed] - points - 1
    digits = ends - starts
    digits[pointed] -= 1
    missing = exponents - decimals
    if (points == starts[pointed]).any() or (decimals[pointed] == 0).any() or digits.min() < 1 or missing.min() < 0:
        return None
    if (digits + missing).max() > MAX_DIGITS:
        return None  # too many digits, or an amount beyond 64 bits
    amounts = np.fromiter(map(int, joined.replace(".", "").split(",")), np.int64, len(texts)) * _POWERS[missing]
    return amounts if amounts.min() > 0 else None
