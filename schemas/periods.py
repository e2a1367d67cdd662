"""Periods as SDMX writes them, with their first and last day.

Source: SDMX 2.1 technical notes, section 6, "Observational time period":
https://sdmx.org/wp-content/uploads/SDMX_2-1_SECTION_6_TechnicalNotes_2020-07.pdf
"""

import re
from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

PERIOD_PATTERN: Final = (
    r"^([0-9]{4}|[0-9]{4}-[0-9]{2}|[0-9]{4}-(A1|S[12]|T[1-3]|Q[1-4]|M[0-9]{2}|W[0-9]{2})"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}/P([0-9]+Y)?([0-9]+M)?([0-9]+D)?)$"
)

_EXPECTED = "expected an SDMX period such as 2023, 2023-09, 2023-Q3, 2023-M09 or 2023-01-01/P9M"
_PART = re.compile(r"([0-9]{4})(?:-(?:([0-9]{2})|([ASTQMW])([0-9]{1,2})))?\Z")
_RANGE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})/P(?:([1-9][0-9]{0,3})Y)?(?:([1-9][0-9]{0,3})M)?(?:([1-9][0-9]{0,3})D)?\Z"
)
_MONTHS = {"A": 12, "S": 6, "T": 4, "Q": 3, "M": 1}
"""Frequency letter -> months of one period."""


class Period(NamedTuple):
    """``start`` is the first day, ``end`` the day after the last one."""

    start: date
    end: date


@lru_cache(maxsize=4096)
def parse_period(text: str) -> Period:
    """The days of a period.

    Taken are a year (``2023``, ``2023-A1``), half-year (``S``), third (``T``), quarter (``Q``), month (``2023-09``,
    ``2023-M09``), ISO week (``2023-W05``), and a start with a duration in years, months and days
    (``2023-01-01/P9M``). Months and weeks have two digits, durations no leading zero.

    Raises:
        ValueError: not such a period, or not within the years 1900 to 9999.
    """
    try:
        period = _part(text) if "/" not in text else _range(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{_EXPECTED} ({error})") from None
    if period.start.year < 1900:
        raise ValueError("expected a year from 1900 to 9999")
    return period


def _part(text: str) -> Period:
    match = _PART.match(text)
    if match is None:
        raise ValueError("unknown form")
    year, month, letter, number = match.groups()
    if month:
        letter, number = "M", month
    if letter is None:
        letter, number = "A", "1"
    if len(number) != (2 if letter in "MW" else 1):
        raise ValueError("months and weeks have two digits, the others one")
    if letter == "W":
        start = date.fromisocalendar(int(year), int(number), 1)
        return Period(start, start + timedelta(days=7))
    months = _MONTHS[letter]
    if not 1 <= int(number) <= 12 // months:
        raise ValueError(f"{letter} goes from 1 to {12 // months}")
    start = date(int(year), (int(number) - 1) * months + 1, 1)
    return Period(start, _add_months(start, months))


def _range(text: str) -> Period:
    match = _RANGE.match(text)
    if match is None:
        raise ValueError("unknown form")
    year, month, day, years, months, days = (int(part or 0) for part in match.groups())
    if not years + months + days:
        raise ValueError("the duration is empty")
    start = date(year, month, day)
    return Period(start, _add_months(start, years * 12 + months) + timedelta(days=days))


def _add_months(start: date, months: int) -> date:
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if year > 9999:
        raise ValueError("it ends after the year 9999")
    if start.day > monthrange(year, month + 1)[1]:
        raise ValueError("its last month is too short for the day it starts on")
    return date(year, month + 1, start.day)
