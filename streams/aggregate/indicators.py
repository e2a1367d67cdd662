"""Published indicators: every figure of every vintage, which of them is current, and which contradict the others."""

from collections.abc import Hashable, Iterable
from datetime import date
from typing import Any

from schemas.events import Figure
from streams.aggregate.consistency import growth_warnings, judge
from streams.aggregate.consistency_rules import group_of
from streams.aggregate.figures import MISSING, PROVISIONAL, FigureRow, Slot
from streams.aggregate.fold import PlainReplay
from streams.aggregate.registers import Registers, pack_all, put_latest
from streams.aggregate.views import Finding, Observation
from streams.aggregate.windows import DAY

_EPOCH = date(1970, 1, 1).toordinal()


class IndicatorPending:
    """Figures since the last checkpoint of one source partition."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, FigureRow] = {}

    def add(self, event: Figure) -> None:
        """Adds a figure."""
        put_latest(self._rows, FigureRow.of(event))

    def take(self) -> list[list[Any]] | None:
        """The delta, or None when there is nothing; empties what is pending."""
        rows, self._rows = self._rows, {}
        return pack_all(rows) or None


class IndicatorFold(PlainReplay, Registers[FigureRow]):
    """Figures over all source partitions. Areas are judged when asked for, and only those that changed."""

    def __init__(self) -> None:
        super().__init__(FigureRow.unpack, self._place)
        self._areas: dict[str, _Area] = {}

    def observations(self) -> tuple[Observation, ...]:
        """Every figure, by area, indicator, period and vintage."""
        return tuple(shown for area in self._judged() for shown in area.observations)

    def inconsistencies(self) -> tuple[Finding, ...]:
        """Every figure that breaks an identity, by area, indicator, period and vintage."""
        return tuple(found for area in self._judged() for found in area.inconsistencies)

    def warnings(self) -> tuple[Finding, ...]:
        """Every figure that looks wrong and is shown all the same, in the same order."""
        return tuple(found for area in self._judged() for found in area.warnings)

    def _place(self, old: FigureRow | None, new: FigureRow | None) -> None:
        for row in (old, new):
            if row is not None:
                self._areas.setdefault(row.area, _Area()).put(row, kept=row is new)

    def _judged(self) -> list["_Area"]:
        areas = [self._areas[name] for name in sorted(self._areas)]
        for area in areas:
            area.judge()
        return areas


class _Area:
    """The figures of one area, and what they come to."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[Hashable, FigureRow]] = {}
        self._found: dict[str, dict[Hashable, Finding]] = {}
        self._stale: set[str] = set()
        self.observations: list[Observation] = []
        self.inconsistencies: list[Finding] = []
        self.warnings: list[Finding] = []

    def put(self, row: FigureRow, *, kept: bool) -> None:
        """Keeps a figure, or takes it away."""
        group = group_of(row)
        rows = self._groups.setdefault(group, {})
        if kept:
            rows[row.key] = row
        else:
            rows.pop(row.key)
        self._stale.add(group)

    def judge(self) -> None:
        """Judges the groups that changed, and chooses the current figures again."""
        if not self._stale:
            return
        for group in self._stale:
            self._found[group] = judge(self._groups[group].values())
        self._stale.clear()
        found = {key: one for group in self._found.values() for key, one in group.items()}
        rows = sorted(row for group in self._groups.values() for row in group.values())
        good = [row for row in rows if row.key not in found and row.status != MISSING]
        current = {row.indicator: row.key for row in sorted(good, key=_recency)}
        self.observations = [_observation(row, current.get(row.indicator) == row.key, row.key in found) for row in rows]
        self.inconsistencies = [found[row.key] for row in rows if row.key in found]
        self.warnings = growth_warnings(_best(good))


def _best(good: Iterable[FigureRow]) -> dict[Slot, FigureRow]:
    """The latest version in each slot."""
    return {row.slot: row for row in sorted(good, key=lambda row: row.version)}


def _recency(row: FigureRow) -> tuple[Any, ...]:
    """Orders figures of one indicator: the latest end, then the longer period, then the latest version."""
    return row.end, -date.fromisoformat(row.start).toordinal(), row.version


def _observation(row: FigureRow, current: bool, inconsistent: bool) -> Observation:
    return Observation(
        indicator=row.indicator,
        area=row.area,
        period=row.period,
        period_end_us=(date.fromisoformat(row.end).toordinal() - _EPOCH) * DAY,
        value=row.base_value,
        unit=row.base_unit,
        printed=row.printed,
        status=row.status,
        provisional=row.status == PROVISIONAL,
        vintage=row.vintage,
        source_url=row.source_url,
        current=current,
        inconsistent=inconsistent,
    )
