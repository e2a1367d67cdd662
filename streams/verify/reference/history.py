"""The city's numbers at every step of the past: what a worker would have shown, had each event come at its own time.

An instant is a whole number of steps since the Unix epoch. At an instant count the transactions and assets whose event
time is not after it. Figures and surveys are judged with all that is known today; a figure is current from the end of
its period until that of the next one, a survey from its time on.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.currencies import exponent
from schemas.metrics import KINDS
from streams.verify.reference.consistency import inconsistent
from streams.verify.reference.decode import EPOCH, Asset, Figure, Rules, Survey, Transaction, moment
from streams.verify.reference.reference import figure_row, recency, reports
from streams.verify.reference.totals import EXACT, PERIODS, WINDOWS, Recount, SeriesKey

SUMS: Final = ("gross", "taken_back", *KINDS, *WINDOWS, *PERIODS)
"""What is kept of a series: what each sum changes by at an instant. Amounts in minor units."""

Change = tuple[int, float | None]
"""From this instant on the value is this; None: there is none any more."""


class Timeline(NamedTuple):
    """One time series: a metric's label values in the catalogue's order, and its changes, the earliest first."""

    metric: str
    labels: tuple[str, ...]
    changes: Iterable[Change]


class History(Recount):
    """Recounts records, and keeps how the numbers changed.

    What is kept, beside what a recount keeps of a partition while it is read: fourteen integers for each series and
    instant at which something changed, each event of an asset, each survey and figure. No event of a transaction.

    ``first`` and ``last`` are the instants by which the first and all transactions, assets and surveys are in; None:
    there are none.

    Args:
        step_us: between two instants, microseconds.
        wall_us: the wall clock that events must not be ahead of, microseconds since the epoch.
        rules: the workers' settings.
    """

    def __init__(self, step_us: int, wall_us: int, rules: Rules) -> None:
        super().__init__(wall_us, event_clock=True, rules=rules)
        self._step_us = step_us
        self._zone = ZoneInfo(rules.time_zone)
        self._changes: dict[SeriesKey, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * len(SUMS)))
        self._assets: dict[str, list[Asset]] = defaultdict(list)
        self.first: int | None = None
        self.last: int | None = None

    def instant(self, time_us: int) -> int:
        """The first instant that is not before a time."""
        return -(-time_us // self._step_us)

    def keep(self, key: SeriesKey, event: Transaction) -> None:
        """A transaction that counts in a series."""
        known = self._seen_at(event.time_us)
        changes = self._changes[key]
        row = changes[known]
        amount = int(event.amount.scaleb(exponent(key[2])))
        row[SUMS.index("taken_back" if event.cancelled else "gross")] += amount
        row[SUMS.index(KINDS[event.cancelled])] += 1
        net = -amount if event.cancelled else amount
        for name, end_us in self._ends(event.effective_us):
            over = self.instant(end_us)
            if over > known:
                row[SUMS.index(name)] += net
                changes[over][SUMS.index(name)] -= net

    def _ends(self, time_us: int) -> Iterator[tuple[str, int]]:
        """Until when each window and calendar period holds an event of a time; it holds it from before that time on."""
        for name, (width, pane) in WINDOWS.items():
            yield name, time_us // pane * pane + width
        yield from zip(PERIODS, _calendar_ends(moment(time_us).astimezone(self._zone).date(), self._zone), strict=True)

    def register(self, event: Asset | Survey | Figure) -> None:
        """An event of an asset, a survey or a figure."""
        if not isinstance(event, Figure):
            self._seen_at(event.time_us)
        if isinstance(event, Asset):
            self._assets[event.asset_id].append(event)
        else:
            super().register(event)

    def _seen_at(self, time_us: int) -> int:
        known = self.instant(time_us)
        self.first = known if self.first is None else min(self.first, known)
        self.last = known if self.last is None else max(self.last, known)
        return known

    def timelines(self) -> Iterator[Timeline]:
        """Every time series, those of one metric together."""
        yield from self._exchanges()
        yield from self._infrastructure()
        yield from self._indicators()

    def _exchanges(self) -> Iterator[Timeline]:
        shown: dict[str, dict[str, tuple[str, ...]]] = {
            "citypulse_exchange_amount_gross_total": {"": ("gross",)},
            "citypulse_exchange_amount_cancelled_total": {"": ("taken_back",)},
            "citypulse_exchange_transactions_total": {kind: (kind,) for kind in KINDS},
            "citypulse_exchange_amount_net": {"": ("gross", "taken_back")},
            "citypulse_exchange_amount_rolling": {window: (window,) for window in WINDOWS},
            "citypulse_exchange_amount_to_date": {period: (period,) for period in PERIODS},
        }
        for metric, values in shown.items():
            for key in sorted(self._changes):
                labels = (*key[:3], "true" if key[3] else "false")
                scale = 1 if metric.endswith("transactions_total") else 10 ** exponent(key[2])
                for value, sums in values.items():
                    yield Timeline(metric, (*labels, value) if value else labels, self._sums(key, sums, scale))

    def _sums(self, key: SeriesKey, names: tuple[str, ...], scale: int) -> Iterator[Change]:
        """A sum of a series, less another one if two are named, at each instant at which the series changes."""
        added, *less = (SUMS.index(name) for name in names)
        rows = self._changes[key]
        at = sorted(rows)
        sums = accumulate(rows[instant][added] - sum(rows[instant][slot] for slot in less) for instant in at)
        return ((instant, total / scale) for instant, total in zip(at, sums, strict=True))

    def _infrastructure(self) -> Iterator[Timeline]:
        there, assets = _Tally(), _Tally()
        with_capacity, capacity = _Tally(), _Tally()
        for words in self._assets.values():
            words.sort(key=Asset.rank)
            ends = [*(self.instant(after.time_us) for after in words[1:]), None]
            for word, until in zip(words, ends, strict=True):
                place, since = (word.asset_type, word.area, word.city), self.instant(word.time_us)
                there.add(place, since, until, Decimal(1))
                assets.add(place, since, until, Decimal(not word.gone))
                if word.capacity is not None:
                    with_capacity.add((*place, word.unit), since, until, Decimal(1))
                    capacity.add((*place, word.unit), since, until, word.capacity)
        yield from assets.timelines("citypulse_infrastructure_assets", there)
        yield from capacity.timelines("citypulse_infrastructure_capacity", with_capacity)
        for (asset_type, area, unit), (rows, broken) in reports(self._totals).items():
            if unit == "":
                good = [row for place, row in enumerate(rows) if place not in broken]
                changes = [(self.instant(time_us), float(value)) for time_us, value in good]
                yield Timeline("citypulse_infrastructure_assets_reported", (asset_type, area), changes)

    def _indicators(self) -> Iterator[Timeline]:
        current = list(self._current())
        for (indicator, area), rows in current:
            for unit in sorted({row["unit"] for _, row in rows}):
                changes = [(at, float(row["value"]) if row["unit"] == unit else None) for at, row in rows]
                yield Timeline("citypulse_indicator_value", (indicator, area, unit), changes)
        for name, rows in current:
            ends = [(at, _midnight_us(row["period_end"][:10]) / 1e6) for at, row in rows]
            yield Timeline("citypulse_indicator_period_end_timestamp_seconds", name, ends)
        for name, rows in current:
            provisional = [(at, float(row["provisional"])) for at, row in rows]
            yield Timeline("citypulse_indicator_provisional", name, provisional)

    def _current(self) -> Iterator[tuple[tuple[str, str], list[tuple[int, dict[str, Any]]]]]:
        """Indicator and area -> since when which figure is current."""
        figures: dict[str, list[Figure]] = defaultdict(list)
        for figure in self._totals.figures.values():
            figures[figure.area].append(figure)
        for area, known in sorted(figures.items()):
            broken = inconsistent(known)
            good = sorted((one for one in known if one not in broken and one.status != "M"), key=recency)
            for indicator in sorted({figure.indicator for figure in good}):
                best = {figure.end: figure for figure in good if figure.indicator == indicator}
                yield (
                    (indicator, area),
                    [(self.instant(_midnight_us(end)), figure_row(one, True, False)) for end, one in best.items()],
                )


class _Tally:
    """Sums of what lasts from an instant to another one, by label values."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, ...], dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def add(self, labels: tuple[str, ...], since: int, until: int | None, value: Decimal) -> None:
        """A part of the sum; until None: it lasts."""
        changes = self._changes[labels]
        changes[since] = EXACT.add(changes[since], value)
        if until is not None:
            changes[until] = EXACT.subtract(changes[until], value)

    def sums(self, labels: tuple[str, ...]) -> Iterator[tuple[int, Decimal]]:
        """The sum at each instant at which it changes."""
        total = Decimal(0)
        for at, change in sorted(self._changes[labels].items()):
            total = EXACT.add(total, change)
            yield at, total

    def timelines(self, metric: str, there: "_Tally") -> Iterator[Timeline]:
        """The sums as a metric's; where and when ``there`` is zero there is none."""
        for labels in sorted(self._changes):
            pairs = zip(self.sums(labels), there.sums(labels), strict=True)
            yield Timeline(metric, labels, [(at, float(total) if parts else None) for (at, total), (_, parts) in pairs])


def samples(changes: Iterable[Change], instants: range) -> Iterator[tuple[int, float]]:
    """The value at each of some instants, where there is one."""
    for (at, value), (over, _) in pairwise([*changes, (instants.stop, None)]):
        if value is not None:
            for instant in range(max(at, instants.start), min(over, instants.stop)):
                yield instant, value


def _midnight_us(day: str) -> int:
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def _calendar_ends(day: date, zone: ZoneInfo) -> tuple[int, ...]:
    """When the day, month, quarter and year of a local date end, microseconds since the epoch."""
    month = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    first = (day.month - 1) // 3 * 3 + 4
    quarter = date(day.year + (first > 12), (first - 1) % 12 + 1, 1)
    ends = (day + timedelta(days=1), month, quarter, date(day.year + 1, 1, 1))
    return tuple(
        (datetime(end.year, end.month, end.day, tzinfo=zone).astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
        for end in ends
    )
