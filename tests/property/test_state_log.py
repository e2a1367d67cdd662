"""The state log's protocol under random schedules: kills, pauses, races for ownership, lost answers, compaction.

Real owners, boards, tails and ownership run against the model of ``tests.state_log``. At every moment each board must
show exactly what a plain pass over the source records gives, up to the offsets that it names; in the end every board,
old or new, must show it for all records. ``CITYPULSE_TEST_STATE_SCHEDULES=1000:5000`` runs those schedules instead of
the usual ones.
"""

import asyncio
import os
import random
import secrets
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types.tuples import TP

from schemas import topics
from schemas.batch import Batch
from schemas.events import Asset, Event, Rejection, Transaction
from streams.aggregate import dedupe
from streams.aggregate.windows import DAY, HOUR, SECOND, WINDOWS, Calendar, late_before, period_starts
from streams.state import copies, pages, tail
from streams.state.board import CAUGHT_UP_WITHIN, TOPIC_OF, Board, StateSettings
from streams.state.owner import Owner
from streams.state.recovery import OwnerOptions
from streams.transport import ownership
from streams.transport.ownership import Hooks, Ownership
from streams.transport.slices import RecordSlice
from tests.state_log import Faults, LogConsumer, Process, Producer, StateLog, Time

SCHEDULES = os.environ.get("CITYPULSE_TEST_STATE_SCHEDULES", "0:100")

LAYOUT = {"transactions": 2, "infrastructure": 1}
HORIZON = 12
BUDGET = 5
EPOCH_US = 1_700_000_000 * SECOND
ZONE = "Asia/Shanghai"
CALENDAR = Calendar(ZONE)
MINUTE10 = 600 * SECOND
QUIET = 12.0
"""Seconds without trouble in the end: long enough that heartbeats alone have pages written, and all cleaned up."""

SeriesKey = tuple[str, str, str, bool]


# -- what should come out


class Plain:
    """One source partition, counted in one pass."""

    def __init__(self, by_event: bool) -> None:
        self.events: list[Event | Rejection] = []
        self.outcomes = [(0, 0, 0, 0)]  # after each record
        self.counted: list[list[tuple[SeriesKey, Transaction]]] = [[]]
        self.assets: list[dict[str, Asset]] = [{}]
        self.totals: list[dict[SeriesKey, tuple[int, int, int, int]]] = [{}]
        self._by_event = by_event
        self._numbers: dict[tuple[str, str], int] = {}
        self._number = 0
        self._highest = -1
        self._series: list[SeriesKey] = []

    def add(self, event: Event | Rejection) -> None:
        self.events.append(event)
        outcome = 3 if isinstance(event, Rejection) else self._judge(event)
        self.outcomes.append(tuple(n + (at == outcome) for at, n in enumerate(self.outcomes[-1])))  # type: ignore[arg-type]
        fresh = outcome < 2
        series, assets = dict(self.totals[-1]), self.assets[-1]
        counted = self.counted[-1]
        if fresh and isinstance(event, Transaction):
            key = self._key(event)
            one = (0, event.amount, 0, 1) if event.cancelled else (event.amount, 0, 1, 0)
            series[key] = tuple(map(sum, zip(series.get(key, (0, 0, 0, 0)), one, strict=True)))  # type: ignore[assignment]
            counted = [*counted, (key, event)]
        if fresh and isinstance(event, Asset):
            assets = later(assets, {event.asset_id: event})
        self.totals.append(series)
        self.assets.append(assets)
        self.counted.append(counted)

    def _judge(self, event: Event) -> int:
        """The place of the event's outcome."""
        self._number += 1
        before = self._numbers.get((event.source, event.id))
        self._numbers[event.source, event.id] = self._number
        self._highest = max(self._highest, event.time_us)
        if before is not None and self._number - before <= HORIZON:
            return 2
        late = isinstance(event, Transaction) and event.effective_us < late_before(self._highest)
        return 1 if self._by_event and late else 0

    def _key(self, event: Transaction) -> SeriesKey:
        key = (event.exchange, event.product_type, event.currency, event.cross_border)
        if key not in self._series:
            if len(self._series) >= BUDGET:
                key = ("other", *key[1:])
            if key not in self._series:
                self._series.append(key)
        return key


def later(one: dict[str, Asset], other: dict[str, Asset]) -> dict[str, Asset]:
    """Of each asset the last word."""
    words = dict(one)
    for name, asset in other.items():
        if name not in words or _rank(asset) > _rank(words[name]):
            words[name] = asset
    return words


def _rank(asset: Asset) -> tuple[Any, ...]:
    return asset.time_us, not asset.in_service, asset.area, -1 if asset.capacity is None else asset.capacity


def windows(counted: list[tuple[SeriesKey, Transaction]], now: int) -> dict[SeriesKey, dict[str, int]]:
    """Rolling and to-date nets at a clock."""
    sums: dict[SeriesKey, dict[str, int]] = {}
    today, starts = CALENDAR.day(now), period_starts(CALENDAR.day(now))
    for key, event in counted:
        row = sums.setdefault(key, {})
        net = -event.amount if event.cancelled else event.amount
        for window in WINDOWS:
            end = now // window.pane * window.pane + window.pane
            row[window.name] = row.get(window.name, 0) + net * (end - window.width <= event.effective_us < end)
        day = CALENDAR.day(event.effective_us)
        for period, start in starts.items():
            same = start <= day <= today or (day > today and period_starts(day)[period] == start)
            row[period] = row.get(period, 0) + net * same
    return sums


class Source:
    """The source topics, filled at random."""

    def __init__(self, chance: random.Random, by_event: bool, time: Time) -> None:
        self.parts = {
            TP(TOPIC_OF[family], partition): Plain(by_event) for family, n in LAYOUT.items() for partition in range(n)
        }
        self._chance = chance
        self._by_event = by_event
        self._time = time
        self._clock_us = EPOCH_US
        self._made = 0

    def grow(self) -> None:
        tp = self._chance.choice(list(self.parts))
        for _ in range(self._chance.randint(1, 8)):
            self.parts[tp].add(self._event(tp))

    def _event(self, tp: TP) -> Event | Rejection:
        chance, known = self._chance, self.parts[tp].events
        draw = chance.random()
        if draw < 0.1:
            return Rejection("not_json", "", "")
        if draw < 0.35 and known:
            return chance.choice(known[-2 * HORIZON :])
        self._made += 1
        if not self._by_event:
            self._clock_us = EPOCH_US + int((self._time.now - chance.uniform(-1, 60)) * SECOND)
        elif chance.random() < 0.1:
            self._clock_us += chance.choice([MINUTE10, HOUR, 3 * HOUR, 2 * DAY, 40 * DAY])
        time_us = self._clock_us + chance.randint(0, 30) * SECOND
        if tp.topic == topics.INFRASTRUCTURE:
            return self._asset(time_us)
        cancelled = chance.random() < 0.2
        back = chance.choice([0, SECOND, HOUR, DAY, 31 * DAY]) if self._by_event and chance.random() < 0.3 else 0
        return Transaction(
            "/s", str(self._made), time_us - back, "t", cancelled, time_us - back, chance.choice("abc"),
            chance.choice(["dataset", "api"]), "CNY", chance.random() < 0.5, chance.choice([1, 250, 9 * 10**18]),
        )  # fmt: skip

    def _asset(self, time_us: int) -> Asset:
        chance = self._chance
        return Asset(
            "/s", str(self._made), time_us, f"asset-{chance.randint(0, 9)}", "computing_cluster",
            chance.choice(["110108", "110101"]), "110000", chance.random() < 0.7,
            chance.choice([None, 5, 10**30]), "PFLOPS",
        )  # fmt: skip


# -- the workers


class WatchedBoard(Board):
    """A board that knows what it should show."""

    def __init__(self, settings: StateSettings, source: Source) -> None:
        self.offsets: dict[tuple[str, int], int] = {}
        self._source = source
        self._seen: Any = None
        super().__init__(settings, LAYOUT)

    def restart(self, log_partition: int) -> None:
        self._note()
        super().restart(log_partition)

    def _note(self) -> None:
        for name, stream in self.streams.items():
            if stream.head is not None:
                assert stream.head.next_offset >= self.offsets.get(name, 0), f"{name} went back"
                self.offsets[name] = stream.head.next_offset

    def check(self, everything: bool = False) -> None:
        """Everything shown is what a plain pass gives at the offsets named; a stream read again stands still."""
        seen = [(stream.ready, stream.head and stream.head.n) for stream in self.streams.values()]
        if seen == self._seen and not everything:
            return
        self._seen = seen
        self._note()
        for name, stream in self.streams.items():
            if stream.head is not None:
                plain = self._source.parts[TP(TOPIC_OF[name[0]], name[1])]
                outcomes = plain.outcomes[stream.head.next_offset]
                assert tuple(stream.head.outcomes) == outcomes, f"{name} {stream.head} {outcomes}"
                assert sum(outcomes) == stream.head.next_offset
        parts = {
            name: (self._source.parts[TP(TOPIC_OF[name[0]], name[1])], offset) for name, offset in self.offsets.items()
        }
        self._check_transactions([part for (family, _), part in parts.items() if family == "transactions"], everything)
        self._check_assets([part for (family, _), part in parts.items() if family == "infrastructure"])

    def _check_transactions(self, parts: list[tuple[Plain, int]], everything: bool) -> None:
        totals: Counter[tuple[SeriesKey, int]] = Counter()
        for plain, offset in parts:
            for key, row in plain.totals[offset].items():
                totals.update({(key, column): value for column, value in enumerate(row)})
        view = self.transactions.view()
        shown = Counter(
            {
                ((one.exchange, one.product_type, one.currency, one.cross_border), column): value
                for one in view
                for column, value in enumerate((one.gross, one.cancelled, one.executed_count, one.cancelled_count))
            }
        )
        assert +shown == +totals, f"{self.offsets}: {+shown} should be {+totals}"
        if everything:
            counted = [pair for plain, offset in parts for pair in plain.counted[offset]]
            expected = windows(counted, self._clock_us)
            for one in view:
                nets = expected.get((one.exchange, one.product_type, one.currency, one.cross_border), {})
                shown_nets = one.rolling | one.to_date
                assert {name: n for name, n in shown_nets.items() if n} == {name: n for name, n in nets.items() if n}

    def _check_assets(self, parts: list[tuple[Plain, int]]) -> None:
        words: dict[str, Asset] = {}
        for plain, offset in parts:
            words = later(words, plain.assets[offset])
        counts: Counter[str] = Counter()
        capacity: Counter[str] = Counter()
        for asset in words.values():
            counts[asset.area] += asset.in_service
            capacity[asset.area] += asset.in_service * (asset.capacity or 0)
        assert +counts == Counter({one.area: one.count for one in self.infrastructure.assets() if one.count})
        assert +capacity == Counter(
            {one.area: n for one in self.infrastructure.assets() if (n := one.capacity.get("PFLOPS"))}
        )


class SourceConsumer:
    """One worker's consumer of the source topics."""

    def __init__(self) -> None:
        self.positions: dict[TP, int] = {}
        self.open: set[TP] = set()
        self.slices: dict[str, asyncio.Queue[RecordSlice]] = {TOPIC_OF[family]: asyncio.Queue() for family in LAYOUT}

    def pause_partitions(self, tps: Any) -> None:
        self.open -= set(tps)

    async def seek_and_resume(self, tp: TP, offset: int) -> None:
        await asyncio.sleep(0)
        queue = self.slices[tp.topic]
        kept = [part for part in _drain(queue) if part.partition != tp.partition]
        for part in kept:
            queue.put_nowait(part)
        self.positions[tp] = offset
        self.open.add(tp)

    async def begins_at(self, tp: TP) -> int:
        await asyncio.sleep(0.001)
        return 0


def _drain(queue: "asyncio.Queue[RecordSlice]") -> Iterator[RecordSlice]:
    while not queue.empty():
        yield queue.get_nowait()


class Worker:
    """A worker: everything between the source topics and the board."""

    def __init__(self, name: str, world: "World") -> None:
        self.name = name
        self.paused = False
        self.process = Process(world.time)
        self.skew = world.chance.uniform(-2, 2)
        self._world = world
        self.board = WatchedBoard(world.settings, world.source)
        self.producer = Producer(world.log, self.process, world.chance, world.faults)
        self.consumer = SourceConsumer()
        self.assigned: set[TP] = set()
        self._rebalances: asyncio.Queue[set[TP]] = asyncio.Queue()
        self.ownership = Ownership(
            self._new_owner,
            dict.fromkeys(self.consumer.slices, _Decoder()),  # type: ignore[arg-type]
            self.producer,  # type: ignore[arg-type]
            lambda family, partition: tail.read_ids("state", family, partition, self._options),
            Hooks(lambda *_: None, lambda: None, lambda _: None, self._fatal),
        )
        self._options = {"worker": self}
        reading = tail.Tail("state", self.board, self._options, self.process.time, self.wall_us)
        self.start(reading.run())
        self.start(self._join())
        for topic in self.consumer.slices:
            self.start(self._agent(topic))

    def log_consumer(self) -> LogConsumer:
        return LogConsumer(self._world.log, self._world.chance, self._world.faults, self.wall_us)

    def start(self, work: Any) -> None:
        task = self.process.start(work)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._fatal(task.exception())

    def _fatal(self, error: BaseException | None) -> None:
        if not self.process.dead:
            self._world.errors.append(error)

    def wall_us(self) -> int:
        return EPOCH_US + int((self._world.time.now + self.skew) * SECOND)

    def _new_owner(self, family: str, partition: int) -> Owner:
        return Owner(
            self.board.streams[family, partition],
            self.board,
            self.producer,
            OwnerOptions(self.name, 0.1, HORIZON, BUDGET),
            clock=self.process.time,
            wall_us=self.wall_us,
            committed=lambda *_: None,
        )

    async def _agent(self, topic: str) -> None:
        while True:
            await self.ownership.take_in(await self.consumer.slices[topic].get())

    async def _join(self) -> None:
        """Does what the group says."""
        while True:
            assigned = await self._rebalances.get()
            keep = assigned if self._world.chance.random() < 0.5 else set()
            await self.ownership.revoked(self.assigned - keep)
            self.consumer.open &= keep
            if self._world.chance.random() < 0.3:  # faust seeks at any time
                await self.ownership.seek_all(self.consumer)
            self.assigned = assigned
            self.ownership.assigned(assigned)
            await self.ownership.seek_all(self.consumer)

    def rebalance(self, assigned: set[TP]) -> None:
        self._rebalances.put_nowait(assigned)
        self.process.call_soon(lambda: None)

    def fetch(self) -> None:
        """A slice comes in from the source."""
        if not self.consumer.open:
            return
        tp = self._world.chance.choice(sorted(self.consumer.open))
        events, start = self._world.source.parts[tp].events, self.consumer.positions[tp]
        after = min(len(events), start + self._world.chance.randint(1, 6))
        if tp not in self.assigned or start == after:
            return
        records = [
            SimpleNamespace(offset=at, value=events[at], headers=(), key=b"", timestamp=0) for at in range(start, after)
        ]
        for record in records:
            record.value = _Bytes(record.value)
        self.consumer.positions[tp] = after
        self.consumer.slices[tp.topic].put_nowait(
            RecordSlice(tp.topic, tp.partition, start, after, len(events), [records], 0)
        )

    def step(self) -> bool:
        worked = self.process.step()
        if worked:
            if self._world.chance.random() < 0.1:
                self._world.check_fresh(self.board)
            self.board.check(everything=self._world.chance.random() < 0.002)
            if self.process.failures:
                self._world.errors += [AssertionError(failure) for failure in self.process.failures]
        return worked


class _Bytes:
    """The value of a record: an event that is already decoded."""

    def __init__(self, event: Event | Rejection) -> None:
        self.event = event

    def __len__(self) -> int:
        return 100


class _Decoder:
    """Decodes what is decoded already."""

    def batch(self, chunks: Any, now_us: int) -> Batch:
        records = [record for chunk in chunks for record in chunk]
        return Batch.of([record.value.event for record in records], sum(len(record.value) for record in records))


# -- the world


@dataclass
class World:
    """Workers that come and go, one state log, one group."""

    chance: random.Random
    time: Time = field(default_factory=Time)
    workers: list[Worker] = field(default_factory=list)
    errors: list[BaseException | None] = field(default_factory=list)
    born: int = 0
    read: deque[tuple[float, dict[tuple[str, int], int]]] = field(default_factory=lambda: deque([(0.0, {})]))

    def __post_init__(self) -> None:
        by_event = self.chance.random() < 0.7
        self.settings = StateSettings(ZONE, "event" if by_event else "wall")
        self.faults = Faults(
            lost=self.chance.choice([0, 0.01]),
            ack_lost=self.chance.choice([0, 0.01]),
            fetch_fails=self.chance.choice([0, 0.005]),
            fetch_resets=self.chance.choice([0, 0.01]),
        )
        self.log = StateLog(max(LAYOUT.values()))
        self.source = Source(self.chance, by_event, self.time)
        for _ in range(self.chance.randint(1, 3)):
            self.add()

    def add(self) -> Worker:
        self.born += 1
        worker = Worker(f"worker-{self.born}", self)
        self.workers.append(worker)
        return worker

    def running(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.paused]

    def rebalance(self) -> None:
        """The group knows the workers that run; those that are paused are not told."""
        members = self.running()
        assigned: dict[str, set[TP]] = {worker.name: set() for worker in members}
        for tp in self.source.parts:
            if members:
                assigned[self.chance.choice(members).name].add(tp)
        for worker in members:
            worker.rebalance(assigned[worker.name])

    def check_fresh(self, board: Board) -> None:
        """A board that says complete lacks nothing that any board had read as long ago as it may be behind."""
        while len(self.read) > 1 and self.read[1][0] <= self.time.now - CAUGHT_UP_WITHIN:
            self.read.popleft()
        heads = {name: stream.head.next_offset for name, stream in board.streams.items() if stream.head is not None}
        when, then = self.read[0]
        if when <= self.time.now - CAUGHT_UP_WITHIN and not board.reasons(self.time.now):
            assert all(heads[name] >= offset for name, offset in then.items()), f"{heads} but others had {then}"
        latest = self.read[-1][1]
        self.read.append((self.time.now, latest | {name: max(at, latest.get(name, 0)) for name, at in heads.items()}))

    def kill(self) -> None:
        if self.workers:
            worker = self.workers.pop(self.chance.randrange(len(self.workers)))
            for partition, waiting in enumerate(worker.producer.waiting):
                for _ in range(self.chance.randint(0, len(waiting))):
                    worker.producer.deliver(partition)
            worker.process.die()

    def disturb(self) -> None:
        """Something happens."""
        draw = self.chance.random()
        if draw < 0.1:
            self.log.move_leader(self.chance.randrange(len(self.log.ends)), self.chance.randint(1, 5))
        elif draw < 0.3:
            self.rebalance()
        elif draw < 0.5:
            self.kill()
            if len(self.workers) < 2 or self.chance.random() < 0.5:
                self.add()
            self.rebalance()
        elif draw < 0.75:
            worker = self.chance.choice(self.workers)
            worker.paused = not worker.paused
            if self.chance.random() < 0.7:
                self.rebalance()
        elif len(self.workers) < 4:
            self.add()
            self.rebalance()

    def turn(self, patience: float = 0.0) -> None:
        """A few steps of somebody, or time passes."""
        chance = self.chance
        running = self.running()
        busy = [worker for worker in running if worker.process.busy]
        if busy:
            worker = chance.choice(busy)
            for _ in range(chance.randint(1, 12)):
                if not worker.step():
                    break
        for worker in self.workers:
            if chance.random() < (0.02 if worker.paused else 0.5):
                for partition in range(len(self.log.ends)):
                    worker.producer.deliver(partition)
        if running and chance.random() < 0.2:
            chance.choice(running).fetch()
        if chance.random() < 0.002:
            self.log.hidden[chance.randrange(len(self.log.ends))] = 0
        if chance.random() < 0.03:
            dice = chance.choice([0.3, 1.0])
            self.log.compact(chance.randrange(len(self.log.ends)), lambda: chance.random() < dice)
        if not busy:
            due = [when for worker in running if (when := worker.process.next_due) is not None]
            self.time.now = max(self.time.now, min(due, default=self.time.now + 0.1))
        elif chance.random() < 0.3:
            self.time.now += chance.choice([0.0001, 0.01])
        if self.errors:
            raise AssertionError(f"a worker failed: {self.errors[0]!r}") from self.errors[0]

    def settle(self) -> None:
        """No more faults: everybody wakes up, and all that was published is taken in."""
        self.faults.lost = self.faults.ack_lost = self.faults.fetch_fails = self.faults.fetch_resets = 0
        self.log.hidden = [0] * len(self.log.ends)
        for worker in self.workers:
            worker.paused = False
        if not self.workers:
            self.add()
        self.add()
        self.rebalance()
        for _ in range(60_000):
            self.turn()
            if self.time.now > self.quiet_since() + QUIET:
                return
        raise AssertionError(f"no rest: {[worker.board.offsets for worker in self.workers]}")

    def quiet_since(self) -> float:
        """Since when all boards show all records."""
        done = all(
            worker.board.streams[family, partition].head is not None
            and worker.board.streams[family, partition].ready
            and worker.board.streams[family, partition].head.next_offset == len(plain.events)
            for worker in self.workers
            for family, count in LAYOUT.items()
            for partition in range(count)
            for plain in [self.source.parts[TP(TOPIC_OF[family], partition)]]
        )
        if not done:
            self._quiet = self.time.now
        return self._quiet

    _quiet: float = 0.0

    def end(self) -> None:
        for worker in self.workers:
            worker.process.die()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are written often, and hold little."""
    monkeypatch.setattr(pages, "WRITE_EVERY", 0.5)
    monkeypatch.setattr(pages, "WRITE_AFTER_BYTES", 3000)
    monkeypatch.setattr(pages, "WRITE_AFTER_HEADS", 6)
    for module in (dedupe, pages, tail):
        monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(tail, "_consumer", lambda options, **_: options["worker"].log_consumer())
    monkeypatch.setattr(ownership, "monotonic", _monotonic)
    monkeypatch.setattr(ownership, "wall_us", lambda: EPOCH_US + int(_monotonic() * SECOND))


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


def seeds() -> range:
    first, last = SCHEDULES.split(":")
    return range(int(first), int(last))


def go_on(world: World, turns: int, trouble: float) -> None:
    for _ in range(turns):
        if world.chance.random() < 0.02:
            world.source.grow()
        if world.chance.random() < trouble:
            world.disturb()
        world.turn()


@contextmanager
def begun(seed: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world with workers in it, and without them in the end."""
    chance = random.Random(seed)
    monkeypatch.setattr(secrets, "token_hex", lambda n: f"{chance.getrandbits(8 * n):012x}")
    world = World(chance)
    try:
        world.rebalance()
        yield world
    finally:
        world.end()


def check_boards(world: World) -> None:
    for worker in world.workers:
        worker.board.check(everything=True)


@pytest.mark.parametrize("seed", seeds())
def test_boards_show_what_a_plain_pass_gives(seed: int, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with begun(seed, monkeypatch) as world:
        trouble = world.chance.choice([0.0005, 0.002, 0.005])
        go_on(world, world.chance.choice([1000, 3000]), trouble)
        world.settle()
        check_boards(world)
        for partition in range(len(world.log.ends)):
            world.log.compact(partition, lambda: True)
        check_log(world)


@pytest.mark.parametrize("seed", seeds()[::4])
def test_what_is_restored_goes_on_exactly(seed: int, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump at any moment, restored into an empty log when all workers are gone; the source has gone on meanwhile."""
    with begun(seed, monkeypatch) as world:
        go_on(world, 1000, trouble=0.002)
        log = restored(world)
        go_on(world, 500, trouble=0.002)
        world.end()
        world.workers.clear()
        world.log = log
        world.read = deque([(world.time.now, {})])
        world.settle()
        check_boards(world)


def restored(world: World) -> StateLog:
    """What a dump of the log holds, in a log of its own."""
    log = StateLog(len(world.log.ends))
    board = WatchedBoard(world.settings, world.source)
    for partition in range(board.log_partitions):
        ids = {family: tail.IdPages(family) for family in LAYOUT}
        for record in world.log.records[partition]:
            board.read(record.key, record.value, record.offset, 0.0)
            for page in ids.values():
                page.read(record.key, record.value)
        board.reached_end(partition)
        for stream in board.streams_of(partition):
            copy = copies.copied(stream, ids[stream.family].pieces, HORIZON)
            pairs = [] if copy is None else copy.pairs
            first = copies.begin(stream.family, partition)
            last = copies.finish(stream.family, partition, str(world.settings))
            for key, value in (first, *pairs, last):
                log.append(partition, key, value)
    board.check(everything=True)
    return log


def check_log(world: World) -> None:
    """What compaction leaves is bounded by the size of the state."""
    for partition in range(len(world.log.ends)):
        kinds = Counter(key.split(b"/")[2] for key in world.log.live(partition))
        streams = len([name for name in LAYOUT if partition < LAYOUT[name]])
        assert kinds[b"h"] <= streams * (pages.WRITE_AFTER_HEADS + 20), kinds
        assert kinds[b"c"] <= streams * 3, kinds
