"""Every number that the platform shows, recomputed from the records in one plain pass."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from schemas.topics import TRANSACTIONS
from tests.reference.decode import Asset, Figure, Record, Survey, Transaction, decode, moment

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
WINDOWS = {  # name -> width and pane, microseconds
    "1m": (MINUTE, 10 * SECOND),
    "5m": (5 * MINUTE, 10 * SECOND),
    "1h": (HOUR, MINUTE),
    "24h": (DAY, MINUTE),
    "7d": (7 * DAY, HOUR),
    "30d": (30 * DAY, HOUR),
}
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
        return self.gross - self.cancelled


@dataclass
class ReferenceTotals:
    """All numbers at ``clock_us``. Surveys and figures are not judged yet: ``tests.reference.reference`` does that."""

    clock_us: int = 0
    series: dict[SeriesKey, SeriesTotals] = field(default_factory=lambda: defaultdict(SeriesTotals))
    assets: dict[str, Asset] = field(default_factory=dict)  # asset_id -> the last word on it
    surveys: dict[tuple[str, str, str, int], Decimal] = field(
        default_factory=dict
    )  # type, area, unit ("": count), time
    figures: dict[tuple[str, str, str, str, str], Figure] = field(default_factory=dict)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)  # topic, outcome
    dead_letters: Counter[tuple[str, str]] = field(default_factory=Counter)  # topic, reason


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
        now_us: the wall clock that lateness is judged by and windows are shown at. None: the event clock. An event is
            late by the highest event time of its partition, itself and duplicates included; windows are shown at
            the highest event time of all transactions.
        time_zone: of to-date totals.
        horizon: how many events of its partition back a repeat is recognised. Rejected records are no events.
    """
    totals = ReferenceTotals()
    numbers: Counter[tuple[str, int]] = Counter()
    last_seen: dict[tuple[str, int, str, str], int] = {}
    highest: dict[tuple[str, int], int] = {}
    counted: list[tuple[SeriesKey, int, Decimal]] = []
    for record in records:
        event = decode(record, wall_us)
        if isinstance(event, str):
            totals.dead_letters[record.topic, event] += 1
            totals.events[record.topic, "rejected"] += 1
            continue
        partition = (record.topic, record.partition)
        highest[partition] = max(event.time_us, highest.get(partition, event.time_us))
        number = numbers[partition] = numbers[partition] + 1
        before = last_seen.get((*partition, event.source, event.id))
        last_seen[*partition, event.source, event.id] = number
        if before is not None and number - before <= horizon:
            outcome = "duplicate"
        else:
            outcome = "applied"
            if isinstance(event, Transaction):
                if event.effective_us < late_before(highest[partition] if now_us is None else now_us):
                    outcome = "late"
                net = count(totals.series[event.series], event)
                counted.append((event.series, event.effective_us, net))
            else:
                register(totals, event)
        totals.events[record.topic, outcome] += 1
    seen = [time for (topic, _), time in highest.items() if topic == TRANSACTIONS]
    totals.clock_us = max(seen, default=0) if now_us is None else now_us
    show(totals, counted, ZoneInfo(time_zone))
    return totals


def count(series: SeriesTotals, event: Transaction) -> Decimal:
    """Adds to the all-time totals; gives the net amount."""
    if event.cancelled:
        series.cancelled += event.amount
        series.cancelled_count += 1
        return -event.amount
    series.gross += event.amount
    series.executed += 1
    return event.amount


def show(totals: ReferenceTotals, counted: list[tuple[SeriesKey, int, Decimal]], zone: ZoneInfo) -> None:
    """Windows and to-date totals at the clock. What is late lies before every window by its time alone."""
    now = totals.clock_us
    ends = {name: (now // pane * pane + pane, width) for name, (width, pane) in WINDOWS.items()}
    today = period_of(now, zone)
    for key, time_us, net in counted:
        series = totals.series[key]
        for name, (end, width) in ends.items():
            if end - width <= time_us < end:
                series.rolling[name] += net
        for period, current in period_of(time_us, zone).items():
            if current == today[period]:
                series.to_date[period] += net


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
