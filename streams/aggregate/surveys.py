"""What authorities report of infrastructure: series of reports over time, judged as stocks that do not fall back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np

from schemas.events import CAPACITY_SCALE, Survey
from streams.aggregate.consistency import in_words
from streams.aggregate.consistency_rules import STOCK_FALLS
from streams.aggregate.figures import EXACT, plain
from streams.aggregate.numbers import pack_int, unpack_int
from streams.aggregate.registers import Registers
from streams.aggregate.views import Finding, Reported

KEPT_REPORTS: Final = 365
"""Latest reports of a series that are kept and judged: a year of daily ones. It bounds memory and judging."""

COUNT: Final = ""
"""The unit of a count, beside the units of capacity."""

_PAGES = tuple(f"s{shard}" for shard in range(16))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Series = tuple[str, str, str]


class SurveyRow(NamedTuple):
    """One number that was reported: a count (unit ``COUNT``), or a capacity in 10^-18 of its unit."""

    asset_type: str
    area: str
    unit: str
    time_us: int
    value: int

    @classmethod
    def of(cls, survey: Survey) -> "list[SurveyRow]":
        """The rows of an event: its count and its capacity, each on its own."""
        numbers = ((COUNT, survey.count), (survey.unit, survey.capacity))
        return [
            cls(survey.asset_type, survey.area, unit, survey.time_us, value)
            for unit, value in numbers
            if value is not None
        ]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "SurveyRow":
        """What ``pack`` gave."""
        *key, value = packed
        return cls._make((*key, unpack_int(value)))

    def pack(self) -> list[Any]:
        """The row as msgpack can hold it."""
        return [*self.key, pack_int(self.value)]

    @property
    def key(self) -> tuple[Any, ...]:
        """One register a series and time."""
        return self[:4]

    @property
    def page(self) -> str:
        """The page that its asset type and area hash to."""
        return _PAGES[crc32(f"{self.asset_type}:{self.area}".encode()) % len(_PAGES)]

    @property
    def rank(self) -> tuple[int]:
        """Reports of one time: the greater number wins, so that the order of arrival does not matter."""
        return (self.value,)


class _Judged(NamedTuple):
    """What a series comes to: its latest consistent report, if any, and the inconsistent ones."""

    best: SurveyRow | None
    findings: tuple[Finding, ...]


class SurveyFold(Registers[SurveyRow]):
    """Reports over all source partitions. Series are judged when asked for, and only those that changed."""

    def __init__(self) -> None:
        super().__init__(SurveyRow.unpack, self._place)
        self._series: dict[_Series, dict[int, SurveyRow]] = {}
        self._judged: dict[_Series, _Judged] = {}

    def reported(self) -> tuple[Reported, ...]:
        """What stands for each asset type and area, by those; a type without a consistent report is left out."""
        best: dict[tuple[str, str], dict[str, SurveyRow]] = {}
        for (asset_type, area, unit), judged in sorted(self._verdicts().items()):
            if judged.best is not None:
                best.setdefault((asset_type, area), {})[unit] = judged.best
        return tuple(_reported(*place, rows) for place, rows in best.items())

    def inconsistencies(self) -> tuple[Finding, ...]:
        """Every report that contradicts others, by area, asset type, unit and time."""
        judged = sorted(self._verdicts().items(), key=lambda item: (item[0][1], item[0]))
        return tuple(found for _, one in judged for found in one.findings)

    def _verdicts(self) -> dict[_Series, _Judged]:
        for series in self._series.keys() - self._judged.keys():
            self._judged[series] = _judge(self._series[series])
        return self._judged

    def _place(self, old: SurveyRow | None, new: SurveyRow | None) -> None:
        row = new or old
        assert row is not None
        series = row[:3]
        reports = self._series.setdefault(series, {})
        self._judged.pop(series, None)
        if new is None:
            del reports[row.time_us]
            if not reports:
                del self._series[series]
            return
        reports[row.time_us] = new
        if len(reports) > KEPT_REPORTS:
            self.forget(reports[min(reports)])


def _judge(reports: dict[int, SurveyRow]) -> _Judged:
    rows = [reports[time_us] for time_us in sorted(reports)]
    broken = falling([row.value for row in rows])
    good = [row for at, row in enumerate(rows) if at not in broken]
    return _Judged(good[-1] if good else None, tuple(_finding(rows[at], *broken[at]) for at in sorted(broken)))


def falling(values: Sequence[int]) -> dict[int, tuple[int | None, int | None]]:
    """Which members of a series contradict its rule that a later one is not less.

    Those that contradict most of the others go, all of them when several contradict as many, until none falls.

    Args:
        values: the series, earliest first.

    Returns:
        place -> at least, at most (None: no bound) by those that it contradicts.
    """
    if all(one <= other for one, other in pairwise(values)):
        return {}
    ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}  # values may be beyond 64 bits
    rank = np.array([ranks[value] for value in values])
    above = np.triu(rank[:, None] > rank, 1)
    broken = above | above.T
    gone: dict[int, tuple[int | None, int | None]] = {}
    while (counts := broken.sum(axis=0)).any():
        most = np.flatnonzero(counts == counts.max())
        for place in most.tolist():
            others = np.flatnonzero(broken[place]).tolist()
            low = max((values[other] for other in others if other < place), default=None)
            gone[place] = low, min((values[other] for other in others if other > place), default=None)
        broken[most, :] = False
        broken[:, most] = False
    return gone


def _reported(asset_type: str, area: str, rows: dict[str, SurveyRow]) -> Reported:
    count = rows.get(COUNT)
    capacities = [row for unit, row in rows.items() if unit != COUNT]
    capacity = max(capacities, key=lambda row: (row.time_us, row.unit), default=None)
    return Reported(
        asset_type=asset_type,
        area=area,
        count=count and count.value,
        count_time_us=count and count.time_us,
        capacity=capacity and capacity.value,
        capacity_time_us=capacity and capacity.time_us,
        unit=capacity.unit if capacity else "",
    )


def _finding(row: SurveyRow, low: int | None, high: int | None) -> Finding:
    value, at_least, at_most = (_number(row.unit, number) for number in (row.value, low, high))
    assert value is not None
    day = (_EPOCH + timedelta(microseconds=row.time_us)).isoformat().replace("+00:00", "Z")
    words = in_words(*(None if bound is None else plain(bound) for bound in (at_least, at_most)))
    reported = f"{plain(value)} {row.unit or 'assets'}"
    return Finding(
        rule=STOCK_FALLS,
        indicator=row.asset_type,
        area=row.area,
        period=day,
        vintage="",
        value=value,
        expected_low=at_least,
        expected_high=at_most,
        hint="",
        message=f"{reported} reported for {day} breaks {STOCK_FALLS}: expected {words} by the other reports",
    )


def _number(unit: str, value: int | None) -> Decimal | None:
    """A reported number in its unit, exact."""
    if value is None or unit == COUNT:
        return None if value is None else Decimal(value)
    return Decimal(f"{Decimal(value).scaleb(-CAPACITY_SCALE, EXACT):f}")
