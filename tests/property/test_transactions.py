"""Laws of transactions: whatever the order, repeats, batches, partitions, restarts and steps of the clock, the numbers
are those of the plain reference.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.currencies import EXPONENTS, exponent
from schemas.events import Rejection
from schemas.scalars import format_time, parse_time
from schemas.topics import CANCELLED, EXECUTED, TRANSACTIONS
from streams.aggregate.dedupe import BLOCK, Dedupe
from streams.aggregate.fold import holds_nothing
from streams.aggregate.partition import PartitionAggregate
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.windows import DAY, HOUR, MINUTE, SECOND, WINDOWS, Calendar
from streams.decode import Decoder
from tests import strategies
from tests.reference.decode import Record
from tests.reference.totals import compute
from tests.strategies import Sent

PARTITIONS = 3
HORIZON = 8
"""Short, so that repeats beyond it come up."""

ZONES = ("Asia/Shanghai", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe")
CLOCKS = [
    parse_time(text)
    for text in (
        "2024-05-15T12:34:56.789012+08:00", "2024-05-15T12:00:00+08:00", "2024-01-01T00:00:00+08:00",
        "2024-01-01T00:02:03+05:45", "2024-03-31T23:58:30+08:00", "2024-04-07T01:59:59.999999+11:00",
        "2024-10-27T02:30:00+01:00", "2025-01-20T09:00:00+08:00",
    )
]  # fmt: skip

Numbers = dict[Any, tuple[Any, ...]]
"""Series -> all its numbers, in minor units."""


# -- events and their way


@st.composite
def times(draw: Callable[..., Any], clock_us: int) -> int:
    """An event time around a clock: at the edges of windows and days, ahead, of this year, of long ago."""
    window = draw(st.sampled_from(WINDOWS))
    edge = clock_us // window.pane * window.pane + window.pane - window.width
    nudge = st.sampled_from([-SECOND, -1, 0, 1, SECOND])
    midnight = clock_us // DAY * DAY - 8 * HOUR
    spans = [5 * MINUTE, HOUR, 26 * HOUR, 31 * DAY, 400 * DAY]
    time_us: int = draw(
        nudge.map(lambda by: edge + by)
        | st.builds(lambda by, days: midnight - days * DAY + by, nudge, st.integers(0, 40))
        | st.sampled_from(spans).flatmap(lambda span: st.integers(clock_us - span, clock_us))
        | st.integers(clock_us, clock_us + 5 * MINUTE)
    )
    return time_us


@st.composite
def sent(draw: Callable[..., Any], clock_us: int) -> Sent:
    """A valid transaction event; few series, so that they meet."""
    data = draw(strategies.executed()) | {
        "exchange": draw(st.sampled_from(["bidex", "shenzhen"])),
        "product_type": "dataset",
        "currency": (currency := draw(st.sampled_from(["CNY", "JPY", "KWD"]))),
        "amount": draw(strategies.decimals(places=EXPONENTS[currency], smallest=1)),
    }
    time_us = draw(times(clock_us))
    id_ = str(draw(st.integers(0, 1 << 30)))
    if draw(st.booleans()):
        return Sent("/s", id_, EXECUTED, format_time(time_us), data)
    said_us = draw(st.sampled_from([time_us, max(time_us, clock_us)]))
    return Sent("/s", id_, CANCELLED, format_time(said_us), data | {"executed_at": format_time(time_us)})


@st.composite
def deliveries(draw: Callable[..., Any], clock_us: int) -> list[tuple[int, Sent]]:
    """Partitions and events in the order they come in, some of them again, there or elsewhere."""
    some = draw(st.lists(sent(clock_us), min_size=1, max_size=14))
    again = draw(st.lists(st.sampled_from(some), max_size=8))
    return [(draw(st.integers(0, PARTITIONS - 1)), event) for event in draw(st.permutations(some + again))]


def decoded(event: Sent, wall_us: int) -> Any:
    found = Decoder(TRANSACTIONS)(event.structured(), [], wall_us)
    assert not isinstance(found, Rejection), found
    return found


def wanted(
    some: Iterable[tuple[int, Sent]], wall_us: int, now_us: int | None, zone: str = ZONES[0], horizon: int = HORIZON
) -> Numbers:
    """What the reference makes of it."""
    events = [Record(TRANSACTIONS, partition, None, event.structured(), []) for partition, event in some]
    totals = compute(events, wall_us=wall_us, now_us=now_us, time_zone=zone, horizon=horizon)
    return {
        key: (
            *(int(amount.scaleb(exponent(key[2]))) for amount in (one.gross, one.cancelled)),
            one.executed,
            one.cancelled_count,
            {name: int(net.scaleb(exponent(key[2]))) for name, net in one.rolling.items()},
            {name: int(net.scaleb(exponent(key[2]))) for name, net in one.to_date.items()},
        )
        for key, one in totals.series.items()
    }


def shown(fold: TransactionsFold) -> Numbers:
    return {
        (one.exchange, one.product_type, one.currency, one.cross_border): (
            one.gross, one.cancelled, one.executed_count, one.cancelled_count, dict(one.rolling), dict(one.to_date)
        )
        for one in fold.view()
    }  # fmt: skip


# -- owners, their log, and a reader of it


class Log:
    """One partition's checkpoints and pages, as the state log keeps them."""

    def __init__(self) -> None:
        self.heads: list[tuple[bytes, int, int, bytes]] = []  # delta, clock, first event number, hashes
        self.pages: dict[str, tuple[int, bytes]] = {}  # page -> as of which head, content
        self.base = 0
        self.dirty: set[str] = set()

    def write_pages(self, fold: TransactionsFold, partition: int, torn: bool) -> None:
        """Writes what has changed; of a torn writing some pages are missing, so the base stays."""
        todo = sorted(self.dirty)
        for page in todo[len(self.heads) % 2 :: 2] if torn else todo:
            content = fold.dump(partition, page)
            if content is None:
                self.pages.pop(page, None)
            else:
                self.pages[page] = len(self.heads), msgspec.msgpack.encode(content)
        if not torn:
            self.base = len(self.heads)
            self.dirty.clear()

    def replay(self, fold: TransactionsFold, partition: int) -> None:
        """Gives a fold the partition back: pages first, then the deltas that they do not hold."""
        contents = {page: msgspec.msgpack.decode(content) for page, (_, content) in self.pages.items()}
        deltas = [(n, msgspec.msgpack.decode(delta), clock) for n, (delta, clock, _, _) in enumerate(self.heads, 1)]
        deltas = deltas[self.base :]
        fold.drop(partition)
        fold.prepare(partition, contents, [delta for _, delta, _ in deltas])
        for page, content in contents.items():
            fold.load(partition, page, content)
        fold.loaded(partition)
        for n, delta, clock in deltas:
            held = {page for page, (as_of, _) in self.pages.items() if as_of >= n}
            fold.apply(partition, delta, clock, held.__contains__)
        fold.clean(partition)


class Work:
    """All partitions' owners, and one board that reads their checkpoints live."""

    def __init__(self, clock: Literal["wall", "event"], zone: str = ZONES[0], budget: int = 1_000) -> None:
        self._clock = clock
        self._budget = budget
        self._calendar = Calendar(zone)
        self.fold = self.new_fold()
        self.logs = [Log() for _ in range(PARTITIONS)]
        self._uncommitted: list[list[Any]] = [[] for _ in range(PARTITIONS)]
        self._watermarks: list[int | None] = [None] * PARTITIONS
        self._clocks = [0] * PARTITIONS
        self._owners = [self._owner(partition) for partition in range(PARTITIONS)]

    def new_fold(self) -> TransactionsFold:
        return TransactionsFold(self._calendar, exponent)

    def _owner(self, partition: int) -> PartitionAggregate:
        """A new owner, that knows what is in the log and in the fold."""
        heads = self.logs[partition].heads
        count = sum(len(ids) for _, _, _, ids in heads) // 16
        dedupe = Dedupe.restore(HORIZON, count, [(first, ids) for _, _, first, ids in reversed(heads)])
        assert not list(dedupe.blocks(count))[1:], f"fewer than {BLOCK} events"
        pending = TransactionsPending(self.fold.series_of(partition), self._budget, self._calendar)
        return PartitionAggregate(
            pending,
            dedupe,
            self._clock,
            watermark_us=self._watermarks[partition],
            clock_us=self._clocks[partition],
        )

    def add(self, partition: int, events: Sequence[Any], now_us: int) -> None:
        self._uncommitted[partition] += events
        self._owners[partition].add(events, now_us)

    def checkpoint(self, partition: int, now_us: int) -> None:
        taken = self._owners[partition].take(now_us)
        log = self.logs[partition]
        log.heads.append((msgspec.msgpack.encode(taken.delta), taken.clock_us, taken.first_id, taken.ids))
        self.fold.apply(partition, msgspec.msgpack.decode(log.heads[-1][0]), taken.clock_us, holds_nothing)
        log.dirty |= self.fold.dirty(partition)
        self.fold.clean(partition)
        self._uncommitted[partition] = []
        self._watermarks[partition], self._clocks[partition] = taken.watermark_us, taken.clock_us

    def do(self, what: str, partition: int, now_us: int) -> None:
        """One of ``ACTIONS``."""
        if what == "checkpoint":
            self.checkpoint(partition, now_us)
        elif what in ("pages", "torn pages"):
            self.logs[partition].write_pages(self.fold, partition, torn=what == "torn pages")
        elif what == "kill":  # what was not durable is read again by the next owner
            lost = self._uncommitted[partition]
            self._owners[partition] = self._owner(partition)
            self._owners[partition].add(lost, now_us)
        elif what == "reread":  # the board reads the partition's log from the start
            self.logs[partition].replay(self.fold, partition)
        elif what == "look":
            self.fold.advance(self.clock_us(now_us))

    def clock_us(self, now_us: int) -> int:
        if self._clock == "wall":
            return now_us
        return max((mark for mark in self._watermarks if mark is not None), default=0)

    def finish(self, now_us: int) -> None:
        for partition in range(PARTITIONS):
            self.checkpoint(partition, now_us)
        self.fold.advance(self.clock_us(now_us))

    def reread(self) -> TransactionsFold:
        """Another process's board that reads the logs only now."""
        fold = self.new_fold()
        for partition, log in enumerate(self.logs):
            log.replay(fold, partition)
        return fold


ACTIONS = ("checkpoint", "checkpoint", "pages", "torn pages", "kill", "reread", "look")
actions = st.lists(st.sampled_from(ACTIONS), max_size=3)
steps = st.sampled_from([0, 0, 0, 1, 9 * SECOND, 3 * MINUTE, 20 * MINUTE, 3 * HOUR, 30 * HOUR, 12 * DAY])


def run(work: Work, some: Sequence[tuple[int, Sent]], wall_us: int, data: st.DataObject, moving: bool) -> int:
    """Lets the events in, with anything happening between them; gives the clock at the end."""
    now_us = wall_us
    at = 0
    while at < len(some):
        size = data.draw(st.integers(1, 4), label="batch")
        slices: dict[int, list[Any]] = {}
        for partition, event in some[at : at + size]:
            slices.setdefault(partition, []).append(decoded(event, wall_us))
        at += size
        for partition, events in slices.items():
            work.add(partition, events, now_us)
        for what in data.draw(actions, label="then"):
            work.do(what, data.draw(st.integers(0, PARTITIONS - 1), label="of"), now_us)
            now_us += data.draw(steps, label="later") if moving else 0
    work.finish(now_us)
    return now_us


# -- the laws


@settings(deadline=None)
@given(st.sampled_from(CLOCKS), st.sampled_from(ZONES), st.booleans(), st.data())
def test_by_the_wall_clock_the_numbers_are_the_references(
    clock: int, zone: str, moving: bool, data: st.DataObject
) -> None:
    some = data.draw(deliveries(clock), label="deliveries")
    work = Work("wall", zone)
    now = run(work, some, clock, data, moving)
    expected = wanted(some, clock, now, zone)
    assert shown(work.fold) == expected
    again = work.reread()
    again.advance(now)
    assert shown(again) == expected
    later = now + data.draw(steps, label="and then")
    for fold in (work.fold, again):
        fold.advance(later)
        assert shown(fold) == wanted(some, clock, later, zone)


@settings(deadline=None)
@given(st.sampled_from(CLOCKS), st.data())
def test_by_the_event_clock_the_numbers_are_the_references(clock: int, data: st.DataObject) -> None:
    some = data.draw(deliveries(clock), label="deliveries")
    work = Work("event")
    run(work, some, clock, data, moving=False)
    expected = wanted(some, clock, None)
    assert shown(work.fold) == expected
    again = work.reread()
    again.advance(work.clock_us(clock))
    assert shown(again) == expected


@settings(deadline=None)
@given(st.sampled_from(CLOCKS), st.data())
def test_a_budget_folds_series_and_loses_nothing(clock: int, data: st.DataObject) -> None:
    some = data.draw(deliveries(clock), label="deliveries")
    work = Work("wall", budget=2)
    now = run(work, some, clock, data, moving=False)
    sums = [_over_exchanges(numbers) for numbers in (shown(work.fold), wanted(some, clock, now))]
    assert sums[0] == sums[1]
    again = work.reread()
    again.advance(now)
    assert (shown(again), again.folded) == (shown(work.fold), work.fold.folded)
    assert all(len(work.fold.series_of(partition)) <= 2 + 3 * 2 for partition in range(PARTITIONS))


def _over_exchanges(numbers: Numbers) -> Numbers:
    """All exchanges as one."""
    sums: Numbers = {}
    for (_, *rest), row in numbers.items():
        flat = [*row[:4], *row[4].values(), *row[5].values()]
        sums[tuple(rest)] = tuple(map(sum, zip(sums.get(tuple(rest), (0,) * len(flat)), flat, strict=True)))
    return sums


@settings(deadline=None)
@given(st.sampled_from(CLOCKS), st.data())
def test_partitions_merge_in_any_order(clock: int, data: st.DataObject) -> None:
    """Each partition's checkpoints in their order, the partitions in any, under any of each other's names."""
    some = data.draw(deliveries(clock), label="deliveries")
    work = Work("wall")
    now = run(work, some, clock, data, moving=True)
    names = data.draw(st.permutations(range(PARTITIONS)), label="names")
    left = {partition: list(log.heads) for partition, log in enumerate(work.logs)}
    fold = work.new_fold()
    turns = [partition for partition, heads in left.items() for _ in heads]
    for partition in data.draw(st.permutations(turns), label="turns"):
        delta, clock_us, _, _ = left[partition].pop(0)
        fold.apply(names[partition], msgspec.msgpack.decode(delta), clock_us)
    fold.advance(now)
    assert shown(fold) == shown(work.fold)


@settings(deadline=None)
@given(st.sampled_from(CLOCKS), st.data())
def test_order_and_repeats_do_not_matter(clock: int, data: st.DataObject) -> None:
    some = [
        replace(event, id=str(at)) for at, event in enumerate(data.draw(st.lists(sent(clock), min_size=1, max_size=6)))
    ]
    again = data.draw(st.permutations(some + data.draw(st.lists(st.sampled_from(some), max_size=2))), label="again")
    for events in (some, again):
        work = Work("wall")
        run(work, [(0, event) for event in events], clock, data, moving=False)
        assert shown(work.fold) == wanted([(0, event) for event in some], clock, clock)


@settings(deadline=None)
@given(st.sampled_from(CLOCKS), st.lists(steps | st.integers(0, 40 * DAY), min_size=1, max_size=12), st.data())
def test_any_steps_of_the_clock_come_to_one_jump(clock: int, some_steps: list[int], data: st.DataObject) -> None:
    some = data.draw(deliveries(clock), label="deliveries")
    work = Work("wall")
    run(work, some, clock, data, moving=False)
    jump = work.reread()
    now = clock
    for step in some_steps:
        now += step
        work.fold.advance(now)
        if data.draw(st.booleans(), label="idle checkpoint"):
            work.checkpoint(data.draw(st.integers(0, PARTITIONS - 1)), now)
    jump.advance(now)
    work.fold.advance(now)
    assert shown(jump) == shown(work.fold)
