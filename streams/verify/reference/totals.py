"""Every number that the platform shows, recomputed from the records in one plain pass."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

from schemas.topics import TRANSACTIONS
from streams.verify.reference.decode import (
    DEFAULTS,
    Asset,
    Event,
    Figure,
    Record,
    Rules,
    Survey,
    Transaction,
    decode,
    moment,
)

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
WINDOWS = {  # name -> width and pane, microseconds
    "1m": (MINUTE, 10 * SECOND),
    "5m": (5 * MINUTE, 10 * SECOND),
    "1h": (HOUR, MINUTE),
    "24h": (DAY, MINUTE),
    "7d": (7 * DAY, HOUR),
    "30d": (30 * DAY, HOUR),
}
EXACT = Context(prec=100)
"""Decimal's own context stops at 28 digits."""

PERIODS = ("day", "month", "quarter", "year")
SeriesKey = tuple[str, str, str, bool]
"""exchange, product_type, currency, cross_border"""


@dataclass
class SeriesTotals:
    """Amounts in major units of the currency."""

    gross: Decimal = Decimal(0)
    cancelled: Decimal = Decimal(0)
    executed: int = 0
    cancelled_count: int = 0
    rolling: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(WINDOWS, Decimal(0)))
    to_date: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(PERIODS, Decimal(0)))

    @property
    def net(self) -> Decimal:
        """Gross less cancelled."""
        return EXACT.subtract(self.gross, self.cancelled)


@dataclass
class ReferenceTotals:
    """All numbers at ``clock_us``. Surveys and figures are not judged yet: ``reference`` beside this does that."""

    clock_us: int = 0
    series: dict[SeriesKey, SeriesTotals] = field(default_factory=lambda: defaultdict(SeriesTotals))
    assets: dict[str, Asset] = field(default_factory=dict)  # asset_id -> the last word on it
    surveys: dict[tuple[str, str, str, int], Decimal] = field(
        default_factory=dict
    )  # type, area, unit ("": count), time
    figures: dict[tuple[str, str, str, str, str], Figure] = field(default_factory=dict)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)  # topic, outcome
    dead_letters: Counter[tuple[str, str]] = field(default_factory=Counter)  # topic, reason
    folded: int = 0  # transactions counted under ``other``


def period_of(time_us: int, zone: ZoneInfo) -> dict[str, tuple[int, ...]]:
    """The local day, month, quarter and year that hold a time."""
    local: datetime = moment(time_us).astimezone(zone)
    return {
        "day": (local.year, local.month, local.day),
        "month": (local.year, local.month),
        "quarter": (local.year, (local.month - 1) // 3),
        "year": (local.year,),
    }


def late_before(now_us: int) -> int:
    """The start of the 30 d window: an earlier transaction is late."""
    return now_us // HOUR * HOUR + HOUR - 30 * DAY


@dataclass
class Seen:
    """What one partition remembers."""

    events: int = 0
    highest_us: int | None = None
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)  # source, id -> number, the earliest first
    series: set[SeriesKey] = field(default_factory=set)

    def repeats(self, event: Event, horizon: int) -> bool:
        """Whether the next event of the partition has been among the last ``horizon`` ones."""
        name = (event.source, event.id)
        self.events += 1
        before = self.numbers.pop(name, None)
        self.numbers[name] = self.events
        oldest = next(iter(self.numbers))
        if self.events - self.numbers[oldest] >= horizon:
            del self.numbers[oldest]
        return before is not None and self.events - before <= horizon

    def folds(self, key: SeriesKey, budget: int) -> bool:
        """Whether there is no room for the series: then its transactions count under ``other``."""
        fold = key not in self.series and len(self.series) >= budget
        self.series.add(("other", *key[1:]) if fold else key)
        return fold


class Recount:
    """All numbers of some records, one after the other.

    What is kept: the events of each partition within the horizon until it is forgotten, one sum for each series and
    second with transactions, each asset, survey and figure.

    Args:
        wall_us: the wall clock that events must not be ahead of, microseconds since the epoch.
        event_clock: lateness is judged by the highest event time of the partition, the event itself and duplicates
            included. Else by the clock that the totals are asked for at.
        rules: the workers' settings.
    """

    def __init__(self, wall_us: int, event_clock: bool, rules: Rules = DEFAULTS) -> None:
        self._wall_us = wall_us
        self._event_clock = event_clock
        self._rules = rules
        self._totals = ReferenceTotals()
        self._seen: dict[tuple[str, int], Seen] = defaultdict(Seen)
        self._highest_us = 0
        self._counted: dict[tuple[SeriesKey, int], tuple[Decimal, int]] = {}  # series, second -> net, transactions

    def take(self, record: Record, judged_us: int | None = None) -> None:
        """The next record of its partition.

        Args:
            record: from Kafka.
            judged_us: the wall clock when a worker refused it as from the future, if one did.
        """
        event = decode(record, self._wall_us if judged_us is None else judged_us, self._rules)
        if isinstance(event, str):
            self._totals.dead_letters[record.topic, event] += 1
            self._totals.events[record.topic, "rejected"] += 1
            return
        seen = self._seen[record.topic, record.partition]
        seen.highest_us = event.time_us if seen.highest_us is None else max(seen.highest_us, event.time_us)
        if seen.repeats(event, self._rules.horizon):
            self._totals.events[record.topic, "duplicate"] += 1
        elif isinstance(event, Transaction):
            late = self._event_clock and event.effective_us < late_before(seen.highest_us)
            self._totals.events[record.topic, "late" if late else "applied"] += 1
            self._count(seen, event)
        else:
            self._totals.events[record.topic, "applied"] += 1
            self.register(event)
        if record.topic == TRANSACTIONS:
            self._highest_us = max(self._highest_us, seen.highest_us)

    def _count(self, seen: Seen, event: Transaction) -> None:
        key = event.series
        if seen.folds(key, self._rules.series_budget):
            key = ("other", *key[1:])
            self._totals.folded += 1
        self.keep(key, event)

    def keep(self, key: SeriesKey, event: Transaction) -> None:
        """A transaction that counts in a series."""
        net = count(self._totals.series[key], event)
        place = (key, event.effective_us // SECOND)  # windows and calendar periods begin with a second
        before, transactions = self._counted.get(place, (Decimal(0), 0))
        self._counted[place] = (EXACT.add(before, net), transactions + 1)

    def register(self, event: Asset | Survey | Figure) -> None:
        """An event of an asset, a survey or a figure."""
        register(self._totals, event)

    def forget(self, topic: str, partition: int) -> None:
        """No more records of a partition will come."""
        self._seen.pop((topic, partition), None)

    def at(self, now_us: int | None) -> ReferenceTotals:
        """The totals at a clock; None: at the highest event time of all transactions."""
        totals = deepcopy(self._totals)
        totals.clock_us = self._highest_us if now_us is None else now_us
        if not self._event_clock:
            floor = late_before(totals.clock_us) // SECOND
            late = sum(transactions for (_, second), (_, transactions) in self._counted.items() if second < floor)
            totals.events[TRANSACTIONS, "late"] += late
            totals.events[TRANSACTIONS, "applied"] -= late
            totals.events = +totals.events
        show(totals, self._counted, ZoneInfo(self._rules.time_zone))
        return totals


def compute(
    records: Iterable[Record],
    *,
    wall_us: int,
    now_us: int | None = None,
    time_zone: str = "Asia/Shanghai",
    horizon: int = 1_000_000,
) -> ReferenceTotals:
    """All numbers of some records.

    Args:
        records: those of one topic and partition in the order of their offsets.
        wall_us: the wall clock that events must not be ahead of, microseconds since the epoch.
        now_us: the wall clock that lateness is judged by and windows are shown at. None: the event clock; windows are
            shown at the highest event time of all transactions.
        time_zone: of to-date totals.
        horizon: how many events of its partition back a repeat is recognised. Rejected records are no events.
    """
    recount = Recount(wall_us, now_us is None, Rules(time_zone=time_zone, horizon=horizon))
    for record in records:
        recount.take(record)
    return recount.at(now_us)


def count(series: SeriesTotals, event: Transaction) -> Decimal:
    """Adds to the all-time totals; gives the net amount."""
    if event.cancelled:
        series.cancelled = EXACT.add(series.cancelled, event.amount)
        series.cancelled_count += 1
        return -event.amount
    series.gross = EXACT.add(series.gross, event.amount)
    series.executed += 1
    return event.amount


def show(totals: ReferenceTotals, counted: Mapping[tuple[SeriesKey, int], tuple[Decimal, int]], zone: ZoneInfo) -> None:
    """Windows and to-date totals at the clock. What is late lies before every window by its time alone."""
    now = totals.clock_us
    ends = {name: (now // pane * pane + pane, width) for name, (width, pane) in WINDOWS.items()}
    today = period_of(now, zone)
    for (key, second), (net, _) in counted.items():
        series = totals.series[key]
        for name, (end, width) in ends.items():
            if end - width <= second * SECOND < end:
                series.rolling[name] = EXACT.add(series.rolling[name], net)
        for period, current in period_of(second * SECOND, zone).items():
            if current == today[period]:
                series.to_date[period] = EXACT.add(series.to_date[period], net)


def register(totals: ReferenceTotals, event: Asset | Survey | Figure) -> None:
    """Keeps the last word by event time; where times are equal the content decides, whatever came first."""
    if isinstance(event, Asset):
        held = totals.assets.get(event.asset_id)
        if held is None or event.rank() > held.rank():
            totals.assets[event.asset_id] = event
    elif isinstance(event, Survey):
        for unit, value in (("", event.count), (event.unit, event.capacity)):
            if value is not None:
                key = (event.asset_type, event.area, unit, event.time_us)
                totals.surveys[key] = max(Decimal(value), totals.surveys.get(key, Decimal(0)))
    else:
        key_of_figure = (event.indicator, event.area, event.start, event.end, event.vintage)
        known = totals.figures.get(key_of_figure)
        if known is None or event.version() > known.version():
            totals.figures[key_of_figure] = event
