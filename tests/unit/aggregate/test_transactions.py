"""Totals, windows and to-date totals of transactions, event by event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas.currencies import exponent
from schemas.events import Transaction
from schemas.scalars import parse_time
from streams.aggregate.dedupe import Dedupe
from streams.aggregate.partition import PartitionAggregate
from streams.aggregate.transactions import SeriesKey, TransactionsPending
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.views import Series
from streams.aggregate.windows import DAY, HOUR, MINUTE, PERIODS, SECOND, WINDOWS, Calendar, Window

NAMES = [window.name for window in WINDOWS]
SHANGHAI = "Asia/Shanghai"
NOON = parse_time("2024-05-15T12:34:56.789012+08:00")


def tx(
    effective_us: int,
    amount: int = 100,
    *,
    cancelled: bool = False,
    exchange: str = "bidex",
    product_type: str = "dataset",
    currency: str = "CNY",
    cross_border: bool = False,
) -> Transaction:
    return Transaction(
        "/s", "1", effective_us, "tx", cancelled, effective_us, exchange, product_type, currency, cross_border, amount
    )


class City:
    """Owners of partitions that write checkpoints, and the board's fold that reads them."""

    def __init__(self, zone: str = SHANGHAI, budget: int = 1_000) -> None:
        self._calendar = Calendar(zone)
        self._budget = budget
        self._ids = 0
        self._owners: dict[int, PartitionAggregate] = {}
        self.fold = TransactionsFold(self._calendar, exponent)

    def restart(self, partition: int = 0, clock_us: int = 0) -> None:
        """Another owner takes the partition over."""
        pending = TransactionsPending(self.fold.series_of(partition), self._budget, self._calendar)
        self._owners[partition] = PartitionAggregate(pending, Dedupe(1_000), "wall", clock_us=clock_us)

    def checkpoint(self, clock_us: int, *events: Transaction, partition: int = 0) -> Any:
        """One checkpoint; gives its delta."""
        if partition not in self._owners:
            self.restart(partition)
        owner = self._owners[partition]
        fresh = []
        for event in events:
            self._ids += 1
            fresh.append(msgspec.structs.replace(event, id=str(self._ids)))
        owner.add(fresh, clock_us)
        taken = owner.take(clock_us)
        delta = msgspec.msgpack.decode(msgspec.msgpack.encode(taken.delta))
        self.fold.apply(partition, delta, taken.clock_us)
        return delta

    def shown(self, clock_us: int) -> dict[SeriesKey, Series]:
        self.fold.advance(clock_us)
        return {(s.exchange, s.product_type, s.currency, s.cross_border): s for s in self.fold.view()}

    def one(self, clock_us: int) -> Series:
        (series,) = self.shown(clock_us).values()
        return series


def in_windows(*names: str, net: int = 100) -> dict[str, int]:
    return {name: net if name in names else 0 for name in NAMES}


# -- what a series holds


def test_gross_cancelled_and_net() -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON, 500), tx(NOON, 70), tx(NOON, 70, cancelled=True))
    series = city.one(NOON)
    assert (series.gross, series.cancelled, series.net) == (570, 70, 500)
    assert (series.executed_count, series.cancelled_count) == (2, 1)
    assert set(series.rolling.values()) == set(series.to_date.values()) == {500}


def test_series_are_apart_and_currencies_never_added() -> None:
    others = [
        {"exchange": "shenzhen"}, {"product_type": "api"}, {"currency": "HKD"}, {"currency": "JPY"},
        {"currency": "KWD"}, {"cross_border": True},
    ]  # fmt: skip
    city = City()
    events = [tx(NOON, 1)] + [tx(NOON, 10**at, **other) for at, other in enumerate(others, 1)]  # type: ignore[arg-type]
    city.checkpoint(NOON, *events)
    shown = city.shown(NOON)
    assert sorted(series.gross for series in shown.values()) == [10**at for at in range(7)]
    decimals = {currency: series.exponent for (_, _, currency, _), series in shown.items()}
    assert decimals == {"CNY": 2, "HKD": 2, "JPY": 0, "KWD": 3}


def test_amounts_beyond_64_bits_are_exact() -> None:
    city = City()
    most = 10**18 - 1
    delta = city.checkpoint(NOON, *[tx(NOON, most)] * 50, *[tx(NOON - 40 * DAY, most)] * 50)
    assert str(100 * most) in delta[2]
    city.checkpoint(NOON, *[tx(NOON, most, cancelled=True)] * 100, tx(NOON, 1))
    series = city.one(NOON)
    assert (series.gross, series.cancelled, series.net) == (100 * most + 1, 100 * most, 1)
    assert series.rolling == in_windows(*NAMES, net=1 - 50 * most)
    assert series.to_date == {"day": 1 - 50 * most, "month": 1 - 50 * most, "quarter": 1, "year": 1}
    assert replayed(city, NOON) == {key(series): series}


def test_a_cancellation_alone_is_negative() -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON, 30, cancelled=True))
    series = city.one(NOON)
    assert (series.net, series.rolling, set(series.to_date.values())) == (-30, in_windows(*NAMES, net=-30), {-30})


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_a_cancellation_takes_its_amount_out_of_the_executions_windows(first: bool, apart: bool) -> None:
    executed_at, said_at = NOON - 30 * MINUTE, NOON
    execution = tx(executed_at, 250)
    cancellation = msgspec.structs.replace(tx(executed_at, 250, cancelled=True), time_us=said_at)
    events = [cancellation, execution] if first else [execution, cancellation]
    city = City()
    if apart:
        for event in events:
            city.checkpoint(NOON, event, tx(NOON, 1))
            assert city.one(NOON).rolling["1m"] == city.one(NOON).executed_count - (event in events[first:])
    else:
        city.checkpoint(NOON, *events)
    assert city.one(NOON).rolling == in_windows(*NAMES, net=2 * apart)


# -- windows


@pytest.mark.parametrize("clock", [NOON, NOON // HOUR * HOUR, NOON // HOUR * HOUR - 1], ids=["any", "edge", "before"])
@pytest.mark.parametrize("window", WINDOWS, ids=NAMES)
@pytest.mark.parametrize("way", ["known clock", "later advance", "next pane"])
def test_the_edges_of_a_window_are_exact(window: Window, clock: int, way: str) -> None:
    head = clock // window.pane * window.pane
    inside = [head + window.pane - window.width, head, min(clock, head + window.pane - 1)]
    outside = head + window.pane - window.width - 1
    city = City()
    if way == "known clock":
        city.shown(clock)
    if way == "next pane":
        city.shown(clock - window.pane)
    city.checkpoint(clock, *[tx(time, 10**at) for at, time in enumerate(inside)], tx(outside, 1_000))
    assert city.one(clock).rolling[window.name] == 111
    assert city.one(head + window.pane - 1).rolling[window.name] == 111
    assert city.one(head + window.pane).rolling[window.name] == 110


@pytest.mark.parametrize("window", WINDOWS, ids=NAMES)
def test_windows_move_with_the_clock_alone(window: Window) -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON))
    leaves = NOON // window.pane * window.pane + window.width
    for clock in (NOON, NOON + window.width // 2, leaves - 1):
        assert city.one(clock).rolling[window.name] == 100
    assert city.one(leaves).rolling[window.name] == 0


@pytest.mark.parametrize("window", WINDOWS, ids=NAMES)
def test_a_pane_ahead_enters_when_the_clock_reaches_it(window: Window) -> None:
    city = City()
    ahead = NOON // HOUR * HOUR + HOUR
    clock = ahead - 5 * MINUTE
    for known in (False, True):
        city.checkpoint(clock, tx(ahead, 10**known))
        assert city.one(clock).rolling == in_windows()
    assert city.one(ahead - 1).rolling[window.name] == 0
    assert city.one(ahead).rolling[window.name] == 11


def test_an_event_ahead_within_the_head_pane_counts_at_once() -> None:
    city = City()
    clock = NOON // HOUR * HOUR
    city.checkpoint(clock, tx(clock + 5 * MINUTE))
    assert city.one(clock).rolling == in_windows("7d", "30d")


def test_a_clock_that_goes_back_changes_nothing() -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON), tx(NOON - 3 * HOUR, 10), tx(NOON - 200 * DAY, 1))
    before = city.one(NOON)
    for back in (1, MINUTE, 40 * DAY, 400 * DAY):
        assert city.one(NOON - back) == before
        city.checkpoint(NOON - back)  # nor does an owner whose clock goes back
        assert city.one(NOON) == before


def test_what_is_late_counts_in_all_time_and_to_date_only() -> None:
    floor = NOON // HOUR * HOUR + HOUR - 30 * DAY
    city = City()
    delta = city.checkpoint(NOON, tx(floor - 1, 1), tx(floor, 10), tx(NOON - 365 * DAY, 100))
    series = city.one(NOON)
    assert (len(delta[3]), len(delta[4])) == (2, 4)
    assert series.rolling == in_windows("30d", net=10)
    assert series.to_date == {"day": 0, "month": 0, "quarter": 11, "year": 11}
    assert series.gross == 111


@pytest.mark.parametrize(
    ("gap", "window"), [(3 * HOUR, "24h"), (23 * HOUR, "24h"), (30 * HOUR, "30d"), (29 * DAY, "30d")]
)
def test_a_board_that_nobody_looked_at_for_long_drops_what_left_its_windows(gap: int, window: str) -> None:
    """The partition's own clock drops panes that the windows still hold, for they have not moved since."""
    width = next(one.width for one in WINDOWS if one.name == window)
    old = [NOON - width + into for into in (30 * MINUTE, 121 * MINUTE, 40 * HOUR, 29 * DAY)]
    now = NOON + gap
    city, fresh = City(), City()
    for one, looks in ((city, True), (fresh, False)):
        one.checkpoint(NOON, *[tx(time, 10**at) for at, time in enumerate(old) if time <= NOON], tx(NOON, 10_000))
        if looks:
            one.shown(NOON)
        one.checkpoint(now, tx(now, 100_000))
    assert city.shown(now) == fresh.shown(now)


# -- to-date totals


@pytest.mark.parametrize(
    ("zone", "boundary", "ended"),
    [
        (SHANGHAI, "2024-01-01T00:00:00+08:00", PERIODS),
        (SHANGHAI, "2024-04-01T00:00:00+08:00", ("day", "month", "quarter")),
        (SHANGHAI, "2024-03-01T00:00:00+08:00", ("day", "month")),
        (SHANGHAI, "2024-02-29T00:00:00+08:00", ("day",)),
        ("Europe/Berlin", "2024-03-31T00:00:00+01:00", ("day",)),
        ("Europe/Berlin", "2024-04-01T00:00:00+02:00", ("day", "month", "quarter")),
        ("Europe/Berlin", "2024-10-28T00:00:00+01:00", ("day",)),
        ("Asia/Kathmandu", "2024-01-01T00:00:00+05:45", PERIODS),
        ("Australia/Lord_Howe", "2024-04-08T00:00:00+10:30", ("day",)),
        ("Australia/Lord_Howe", "2024-01-01T00:00:00+11:00", PERIODS),
    ],
)
def test_periods_begin_at_local_midnight(zone: str, boundary: str, ended: tuple[str, ...]) -> None:
    midnight = parse_time(boundary)
    city = City(zone)
    city.checkpoint(midnight - 1, tx(midnight - 1, 1), tx(midnight, 10), tx(midnight + MINUTE, 1_000))
    before = city.one(midnight - 1).to_date
    assert before == {period: 1 if period in ended else 1_011 for period in PERIODS}
    assert city.one(midnight).to_date == {period: 1_010 if period in ended else 1_011 for period in PERIODS}
    city.checkpoint(midnight, tx(midnight - 1, 100))
    assert city.one(midnight).to_date == {period: 1_010 if period in ended else 1_111 for period in PERIODS}


def test_to_date_totals_follow_the_clock_through_a_year() -> None:
    city = City("UTC")
    start = datetime(2023, 12, 31, 12, tzinfo=UTC)
    for day in range(368):
        moment = start + timedelta(days=day)
        clock = parse_time(moment.isoformat())
        city.checkpoint(clock, tx(clock))
        to_date = city.one(clock).to_date
        months = (moment.month - 1) % 3
        quarter = (moment.replace(hour=0) - datetime(moment.year, moment.month - months, 1, tzinfo=UTC)).days + 1
        days = {"day": 1, "month": moment.day, "quarter": quarter, "year": moment.timetuple().tm_yday}
        if moment.year == 2023:
            days = dict.fromkeys(PERIODS, 1)
        assert to_date == {period: 100 * count for period, count in days.items()}


# -- the series budget


def test_beyond_the_budget_series_fold_into_other() -> None:
    city = City(budget=2)
    city.checkpoint(NOON, *[tx(NOON, 10**at, exchange=f"e{at}") for at in range(4)])
    city.checkpoint(NOON, tx(NOON, 10**4, exchange="e4"), tx(NOON, 10**5, exchange="e0"))
    city.checkpoint(
        NOON, tx(NOON, 10**6, exchange="e2", currency="HKD"), tx(NOON, 10**7, exchange="e3", currency="HKD")
    )
    shown = {(exchange, currency): series.net for (exchange, _, currency, _), series in city.shown(NOON).items()}
    assert shown == {
        ("e0", "CNY"): 100_001, ("e1", "CNY"): 10, ("other", "CNY"): 11_100, ("other", "HKD"): 11_000_000
    }  # fmt: skip
    assert city.fold.folded == 5


def test_a_folded_series_cancellation_is_folded_too() -> None:
    city = City(budget=1)
    city.checkpoint(NOON, tx(NOON, 5, exchange="known"), tx(NOON, 7, exchange="new"))
    city.checkpoint(NOON, tx(NOON, 5, exchange="known", cancelled=True), tx(NOON, 7, exchange="new", cancelled=True))
    shown = city.shown(NOON)
    assert {name[0]: (s.gross, s.cancelled) for name, s in shown.items()} == {"known": (5, 5), "other": (7, 7)}
    assert city.fold.folded == 2


def test_an_exchange_that_is_called_other_is_not_folded_while_there_is_room() -> None:
    city = City(budget=1)
    city.checkpoint(NOON, tx(NOON, 5, exchange="other"), tx(NOON, 7, exchange="new"), tx(NOON, 1, exchange="other"))
    assert city.one(NOON).gross == 13
    assert city.fold.folded == 1


def test_the_budget_holds_across_owners() -> None:
    city = City(budget=2)
    city.checkpoint(NOON, tx(NOON, 1, exchange="a"), tx(NOON, 10, exchange="b"))
    city.restart()
    delta = city.checkpoint(NOON, tx(NOON, 100, exchange="c"), tx(NOON, 1_000, exchange="a"))
    assert delta[:2] == [2, [["other", "dataset", "CNY", False]]]
    city.restart()
    delta = city.checkpoint(NOON, tx(NOON, 10_000, exchange="d"))
    assert delta[:2] == [3, []]
    assert {name[0]: s.net for name, s in city.shown(NOON).items()} == {"a": 1_001, "b": 10, "other": 10_100}
    assert city.fold.folded == 2
    assert replayed(city, NOON) == city.shown(NOON)


def test_partitions_count_their_series_and_what_they_fold_on_their_own() -> None:
    city = City(budget=1)
    for partition, exchange in enumerate("ab"):
        city.checkpoint(NOON, tx(NOON, 1, exchange=exchange), tx(NOON, 10, exchange="c"), partition=partition)
    assert {name[0]: s.net for name, s in city.shown(NOON).items()} == {"a": 1, "b": 1, "other": 20}
    assert city.fold.folded == 2
    city.fold.drop(0)
    assert city.fold.folded == 1


# -- pages


def key(series: Series) -> SeriesKey:
    return series.exchange, series.product_type, series.currency, series.cross_border


def replayed(city: City, clock_us: int, partitions: int = 1) -> dict[SeriesKey, Series]:
    """What a fold shows that reads nothing but pages, written now."""
    fold = TransactionsFold(Calendar(SHANGHAI), exponent)
    for partition in range(partitions):
        pages = {page: city.fold.dump(partition, page) for page in city.fold.dirty(partition)}
        pages = {page: content for page, content in pages.items() if content is not None}
        pages = msgspec.msgpack.decode(msgspec.msgpack.encode(pages))
        fold.drop(partition)
        fold.prepare(partition, pages, [])
        for page, content in pages.items():
            fold.load(partition, page, content)
        fold.loaded(partition)
    fold.advance(clock_us)
    assert fold.folded == city.fold.folded
    return {key(series): series for series in fold.view()}


def test_nothing_pending_gives_no_delta_and_no_page() -> None:
    city = City()
    assert city.checkpoint(NOON) is None
    assert city.fold.dirty(0) == set()
    assert city.shown(NOON) == {}


def test_pages_are_dirty_until_they_are_clean() -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON))
    day = Calendar(SHANGHAI).day(NOON)
    pages = {f"a{NOON // (5 * MINUTE)}", f"b{NOON // (10 * MINUTE)}", f"c{NOON // HOUR}", f"d{day}", "t0"}
    assert city.fold.dirty(0) == pages
    city.fold.clean(0)
    assert city.fold.dirty(0) == set()
    city.checkpoint(NOON, tx(NOON - 40 * DAY))
    assert city.fold.dirty(0) == {f"d{day - 40}", "t0"}


def test_a_delta_is_added_to_all_but_the_pages_that_hold_it() -> None:
    """Any one page may be newer than the others: its writer died before it wrote the rest."""
    city = City(budget=2)
    events = [tx(NOON, 1, exchange="a"), tx(NOON - 40 * DAY, 10, exchange="b"), tx(NOON, 100, exchange="c")]
    city.checkpoint(NOON, *events)
    older = {page: city.fold.dump(0, page) for page in city.fold.dirty(0)}
    delta = city.checkpoint(NOON, *events, tx(NOON - 3 * HOUR, 1_000, exchange="a"), tx(NOON, 1, currency="HKD"))
    newer = {page: city.fold.dump(0, page) for page in city.fold.dirty(0)}
    assert {page[0] for page in newer} == set("abcdft")
    for held, copy in newer.items():
        pages = {**older, held: copy}
        fold = TransactionsFold(Calendar(SHANGHAI), exponent)
        fold.prepare(0, pages, [delta])
        for page, content in pages.items():
            fold.load(0, page, content)
        fold.loaded(0)
        fold.apply(0, delta, NOON, {held}.__contains__)
        assert fold.dirty(0) == newer.keys() - {held}
        assert fold.series_of(0) == city.fold.series_of(0)
        fold.advance(NOON)
        assert {key(series): series for series in fold.view()} == city.shown(NOON)
        assert fold.folded == city.fold.folded == 3


def test_series_are_numbered_in_any_order_of_their_pages() -> None:
    city = City()
    for at in range(600):
        city.checkpoint(NOON, tx(NOON, 1 + at, exchange=f"e{at}"))
    pages = {page: city.fold.dump(0, page) for page in sorted(city.fold.dirty(0), reverse=True)}
    fold = TransactionsFold(Calendar(SHANGHAI), exponent)
    fold.prepare(0, pages, [])
    assert fold.series_of(0) == city.fold.series_of(0)


def test_more_series_than_one_page_holds() -> None:
    city = City()
    for at in range(600):
        city.checkpoint(NOON, tx(NOON, 1 + at, exchange=f"e{at}"))
    assert {page for page in city.fold.dirty(0) if page[0] == "t"} == {"t0", "t1", "t2"}
    assert len(city.fold.dump(0, "t2")) == 600 - 512
    assert replayed(city, NOON) == city.shown(NOON)


def test_partitions_are_merged_from_their_pages() -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON, 1, exchange="a"), tx(NOON, 10, exchange="b"), partition=0)
    city.checkpoint(NOON, tx(NOON, 100, exchange="b"), tx(NOON - DAY, 1_000, exchange="c"), partition=1)
    assert replayed(city, NOON, 2) == city.shown(NOON)
    assert city.shown(NOON)["b", "dataset", "CNY", False].net == 110


def test_a_dropped_partition_takes_its_sums_along() -> None:
    city, other = City(), City()
    for one in (city, other):
        one.checkpoint(NOON, tx(NOON, 1), tx(NOON - 40 * DAY, 10), partition=1)
        one.shown(NOON)
    city.checkpoint(NOON, tx(NOON, 100), tx(NOON - 40 * DAY, 1_000), partition=0)
    assert city.one(NOON).gross == 1_111
    city.fold.drop(0)
    city.fold.drop(7)
    assert city.one(NOON) == other.one(NOON)


@pytest.mark.parametrize(("kind", "keep"), [("a", 15 * MINUTE), ("b", 26 * HOUR), ("c", 31 * DAY)])
def test_panes_go_when_no_window_can_reach_them(kind: str, keep: int) -> None:
    """Kept a while longer than its windows: another worker's clock may be behind."""
    start = NOON // HOUR * HOUR
    city = City()
    city.checkpoint(start, tx(start))
    (page,) = {page for page in city.fold.dirty(0) if page[0] == kind}
    pane = {"a": 10 * SECOND, "b": MINUTE, "c": HOUR}[kind]
    city.fold.clean(0)
    city.checkpoint(start + keep + pane - 1)
    assert page not in city.fold.dirty(0)
    assert city.fold.dump(0, page) is not None
    city.checkpoint(start + keep + pane)
    assert page in city.fold.dirty(0)
    assert city.fold.dump(0, page) is None


def test_panes_that_are_old_already_are_not_kept() -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON - 20 * MINUTE), tx(NOON - 27 * HOUR))
    kinds = sorted(page[0] for page in city.fold.dirty(0))
    assert kinds == ["b", "c", "c", "d", "d", "t"]


def test_days_of_the_year_before_go_a_day_after_it_ends() -> None:
    year_end = parse_time("2025-01-01T00:00:00+08:00")
    city = City()
    city.checkpoint(year_end - 1, tx(year_end - 1))
    page = f"d{Calendar(SHANGHAI).day(year_end - 1)}"
    city.checkpoint(year_end + DAY - 1)
    assert city.fold.dump(0, page) is not None
    city.fold.clean(0)
    city.checkpoint(year_end + DAY)
    assert city.fold.dump(0, page) is None
    assert city.fold.dirty(0) == {page}


def test_what_goes_changes_no_number() -> None:
    city, whole = City(), City()
    times = [NOON + at * 7 * HOUR + at * SECOND for at in range(200)]
    for time in times:
        city.checkpoint(time, tx(time))
    whole.checkpoint(times[-1], *map(tx, times))
    assert city.one(times[-1]) == whole.one(times[-1])
    assert replayed(city, times[-1]) == whole.shown(times[-1])


def test_the_view_does_not_change_afterwards() -> None:
    city = City()
    city.checkpoint(NOON, tx(NOON))
    before = city.one(NOON)
    copy = replace(before, rolling=dict(before.rolling), to_date=dict(before.to_date))
    city.checkpoint(NOON, tx(NOON))
    assert city.one(NOON) != before == copy
