"""The identities that published figures must satisfy, as intervals.

A printed figure stands for an interval: half a unit of its last digit each way. An identity says, for each of its
figures, in which interval the others expect it; it holds when that interval and the figure's own meet. The classes of
the core industries are those of the Statistical Classification of the Digital Economy and Its Core Industries
(National Bureau of Statistics of China, 2021).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import combinations, product
from typing import Final, NamedTuple

from streams.aggregate.figures import EXACT, FigureRow, Slot

UNIT_SLIP: Final = "unit_slip"
SHARE_OF_GDP: Final = "share_of_gdp"
CORE_SHARE_OF_GDP: Final = "core_share_of_gdp"
PARTS_EQUAL_TOTAL: Final = "parts_equal_total"
CORE_NOT_ABOVE_TOTAL: Final = "core_not_above_total"
YEAR_TO_DATE_FALLS: Final = "year_to_date_falls"
STOCK_FALLS: Final = "stock_falls"
GROWTH_MISMATCH: Final = "growth_mismatch"

RULES: Final = (
    UNIT_SLIP,
    SHARE_OF_GDP,
    CORE_SHARE_OF_GDP,
    PARTS_EQUAL_TOTAL,
    CORE_NOT_ABOVE_TOTAL,
    YEAR_TO_DATE_FALLS,
    STOCK_FALLS,
    GROWTH_MISMATCH,
)
"""Every rule, the most telling first: a figure that breaks several is listed under the first of them."""

TOTAL: Final = "digital_economy_value_added"
GROWTH: Final = "digital_economy_growth"
CORE: Final = "core_industries_value_added"
GDP: Final = "gdp"
_SHARE = "digital_economy_share"
_CORE_SHARE = "core_industries_share"
_CORE_CLASSES = tuple(f"core_class_{number:02d}_value_added" for number in range(1, 5))
_STOCKS = frozenset({"base_stations_5g", "large_models"})


_QUOTIENTS = Context(prec=34)
"""Quotients rarely end: as many digits as IEEE 754 decimal128 has, so that they can still be read."""


class Interval(NamedTuple):
    """What a printed figure stands for, in base units, both ends included."""

    low: Decimal
    high: Decimal


class Expected(NamedTuple):
    """Where the other figures of an identity expect one, in base units; None: no bound on that side."""

    low: Decimal | None
    high: Decimal | None


ANYTHING: Final = Expected(None, None)


def interval(row: FigureRow) -> Interval:
    """The interval that a printed figure stands for."""
    value, half = row.base_value, row.half_digit
    return Interval(EXACT.subtract(value, half), EXACT.add(value, half))


def meet(known: Interval, expected: Expected) -> bool:
    """Whether a figure may be where it is expected."""
    below = expected.high is None or known.low <= expected.high
    return below and (expected.low is None or known.high >= expected.low)


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity over the figures of some slots. ``expect`` takes a member's place and all members' intervals."""

    rule: str
    members: tuple[Slot, ...]
    expect: Callable[[int, Sequence[Interval]], Expected]

    def expected(self, slot: Slot, known: Mapping[Slot, Interval]) -> Expected:
        """Where the other members expect this one."""
        return self.expect(self.members.index(slot), [known[member] for member in self.members])

    def holds(self, known: Mapping[Slot, Interval]) -> bool:
        """Whether the members' intervals can all be true together."""
        return meet(known[self.members[0]], self.expected(self.members[0], known))


def times(one: Interval, other: Interval) -> Interval:
    """All products."""
    ends = [EXACT.multiply(a, b) for a, b in product(one, other)]
    return Interval(min(ends), max(ends))


def quotient(one: Interval, other: Interval) -> Interval | None:
    """All quotients, or None where the divisor may be zero."""
    if other.low <= 0 <= other.high:
        return None
    ends = [_QUOTIENTS.divide(a, b) for a, b in product(one, other)]
    return Interval(min(ends), max(ends))


def _not_above(place: int, known: Sequence[Interval]) -> Expected:
    lower, upper = known
    return Expected(None, upper.high) if place == 0 else Expected(lower.low, None)


def _share_of(place: int, known: Sequence[Interval]) -> Expected:
    part, whole, share = known
    if place == 0:
        return Expected(*times(whole, share))
    return Expected(*(quotient(part, share if place == 1 else whole) or ANYTHING))


def _sum_of(place: int, known: Sequence[Interval]) -> Expected:
    total, *parts = known
    others = [part for at, part in enumerate(parts, start=1) if at != place]
    low = sum((part.low for part in others), Decimal(0))
    high = sum((part.high for part in others), Decimal(0))
    return Expected(low, high) if place == 0 else Expected(total.low - high, total.high - low)


_OF_ONE_PERIOD: Final = (
    (SHARE_OF_GDP, (TOTAL, GDP, _SHARE), _share_of),
    (CORE_SHARE_OF_GDP, (CORE, GDP, _CORE_SHARE), _share_of),
    (PARTS_EQUAL_TOTAL, (CORE, *_CORE_CLASSES), _sum_of),
    (CORE_NOT_ABOVE_TOTAL, (CORE, TOTAL), _not_above),
)


def group_of(row: FigureRow) -> str:
    """Names the figures of an area that one identity may join: one start, or one stock indicator."""
    return row.indicator if row.indicator in _STOCKS else row.start


def identities(standing: Iterable[Slot]) -> Iterator[Identity]:
    """Every identity among the figures of one group."""
    periods: dict[tuple[str, str], set[str]] = {}
    series: dict[tuple[str, str], list[Slot]] = {}
    for indicator, start, end in sorted(standing):
        periods.setdefault((start, end), set()).add(indicator)
        if (rule := _never_falls(indicator, start, end)) is not None:
            series.setdefault((rule, indicator), []).append((indicator, start, end))
    for (start, end), known in periods.items():
        for rule, indicators, expect in _OF_ONE_PERIOD:
            if known.issuperset(indicators):
                yield Identity(rule, tuple((indicator, start, end) for indicator in indicators), expect)
    for (rule, _), slots in series.items():
        for one, other in combinations(sorted(slots, key=lambda slot: slot[2]), 2):
            if one[2] < other[2]:
                yield Identity(rule, (one, other), _not_above)


def _never_falls(indicator: str, start: str, end: str) -> str | None:
    """The rule by which later figures of the series are not below earlier ones, if there is one."""
    if indicator in _STOCKS:
        return STOCK_FALLS
    to_date = start.endswith("-01-01") and end <= f"{int(start[:4]) + 1:04d}-01-01"
    return YEAR_TO_DATE_FALLS if to_date and (indicator == GDP or indicator.endswith("_value_added")) else None
