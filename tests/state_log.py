"""A model of the state log and of the processes around it, for tests: no broker, no sockets, no time that passes.

``StateLog`` is a compacted topic at its most aggressive. ``Producer`` and ``LogConsumer`` stand in for aiokafka's: what
is sent may arrive late, not at all, or arrive with its acknowledgement lost; a reader may be far behind, or be thrown
back to the start. ``Process`` is an event loop of its own that is stepped one callback at a time, so that a worker can
be stopped, or die, at any place where it waits.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, LeaderNotAvailableError, OffsetOutOfRangeError


class LogRecord(NamedTuple):
    offset: int
    key: bytes
    value: bytes | None


class StateLog:
    """One compacted topic."""

    def __init__(self, partitions: int) -> None:
        self.records: list[list[LogRecord]] = [[] for _ in range(partitions)]
        self.ends = [0] * partitions
        self.hidden = [0] * partitions
        self._compacted = [0] * partitions
        self._latest: list[dict[bytes, int]] = [{} for _ in range(partitions)]

    def append(self, partition: int, key: bytes, value: bytes | None) -> int:
        offset = self.ends[partition]
        self.records[partition].append(LogRecord(offset, key, value))
        self._latest[partition][key] = offset
        self.ends[partition] += 1
        return offset

    def fetch(self, partition: int, position: int, limit: int) -> tuple[list[LogRecord], int, int]:
        """Records from a position on, where to go on, and the end of the log as a fetch tells it."""
        end = self.ends[partition] - self.hidden[partition]
        after = [record for record in self.records[partition] if position <= record.offset < end]
        taken = after[:limit]
        return taken, (taken[-1].offset + 1 if len(after) > limit else max(position, end)), end

    def move_leader(self, partition: int, behind: int) -> None:
        """The new leader's high watermark is behind: it does not give out, nor take, the last records for a while.

        Compaction goes no further than a replica's own high watermark, so what it was based on is not hidden.
        """
        self.hidden[partition] = min(behind, self.ends[partition] - self._compacted[partition])

    def compact(self, partition: int, removes: Callable[[], bool]) -> None:
        """Takes away superseded records, and tombstones that nothing is left under, whichever ``removes`` says."""
        if self.hidden[partition]:
            return
        self._compacted[partition] = self.ends[partition]
        latest = self._latest[partition]
        kept: list[LogRecord] = []
        below: set[bytes] = set()
        for record in self.records[partition]:
            superseded = latest[record.key] > record.offset
            spent = record.value is None and record.key not in below
            if (superseded or spent) and removes():
                continue
            below.add(record.key)
            kept.append(record)
        self.records[partition] = kept

    def live(self, partition: int) -> dict[bytes, bytes]:
        """What compaction can never take away: the last record of each key, tombstones apart."""
        last = {record.key: record.value for record in self.records[partition]}
        return {key: value for key, value in last.items() if value is not None}


@dataclass
class Faults:
    """How often things go wrong: chances from 0 to 1."""

    lost: float = 0.0  # a record does not arrive; its sender is told
    ack_lost: float = 0.0  # a record arrives; its sender is told that it did not
    fetch_fails: float = 0.0
    fetch_resets: float = 0.0  # the reader's offset is out of range
    latency: tuple[float, float] = (0.001, 0.1)  # of a fetch, seconds


@dataclass
class _Sent:
    key: bytes
    value: bytes | None
    ack: "asyncio.Future[int]"


@dataclass
class Time:
    """The clock on the wall, seconds."""

    now: float = 0.0


class Process(asyncio.BaseEventLoop):
    """An event loop that runs one callback when told to, and knows only the time it is told."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._clock = time
        self.failures: list[str] = []
        self.dead = False

    def time(self) -> float:
        return self._clock.now

    def call_exception_handler(self, context: Any) -> None:
        if not self.dead:
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    @property
    def busy(self) -> bool:
        """A callback can be run now."""
        self._due()
        return bool(self._ready)

    @property
    def next_due(self) -> float | None:
        """When the next timer ends."""
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False  # type: ignore[attr-defined]
        return self._scheduled[0].when() if self._scheduled else None

    def _due(self) -> None:
        while (due := self.next_due) is not None and due <= self._clock.now:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            self._ready.append(timer)

    def step(self) -> bool:
        """Runs one callback, if there is one."""
        if not self.busy:
            return False
        handle = self._ready.popleft()
        if not handle._cancelled:
            asyncio._set_running_loop(self)
            try:
                handle._run()
            finally:
                asyncio._set_running_loop(None)
        return True

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        return self.create_task(work)

    def die(self) -> None:
        """Kill -9, as seen from outside: nothing that runs from here on has an effect, nor makes a noise."""
        self.dead = True
        for _ in range(50):
            for task in asyncio.all_tasks(self):
                task.cancel()
            for _ in range(1000):
                if not self.step():
                    break
            if not asyncio.all_tasks(self):
                break
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.close()


class Producer:
    """One process's producer: what it sends to a partition arrives in order, when ``deliver`` is called."""

    def __init__(self, log: StateLog, process: Process, chance: random.Random, faults: Faults) -> None:
        self._log = log
        self._process = process
        self._chance = chance
        self._faults = faults
        self.waiting: list[deque[_Sent]] = [deque() for _ in log.ends]

    async def append(self, partition: int, key: bytes, value: bytes | None) -> "asyncio.Future[int]":
        if self._process.dead:
            raise KafkaConnectionError
        ack: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        ack.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        self.waiting[partition].append(_Sent(key, value, ack))
        if self._chance.random() < 0.1:
            await asyncio.sleep(0)
        return ack

    async def dead_letters(self, part: Any, refused: Iterable[Any]) -> list[Any]:
        await asyncio.sleep(self._chance.uniform(0, 0.02))
        acks = []
        for _ in refused:
            acks.append(asyncio.get_running_loop().create_future())
            acks[-1].set_result(0)
        return acks

    def deliver(self, partition: int) -> bool:
        """The next record of a partition arrives, or not."""
        if not self.waiting[partition] or self._log.hidden[partition]:
            return False
        sent = self.waiting[partition].popleft()
        draw = self._chance.random() - self._faults.lost
        offset = self._log.append(partition, sent.key, sent.value) if draw >= 0 else -1
        if not self._process.dead:
            failed = draw < self._faults.ack_lost
            self._process.call_soon(_answer, sent.ack, KafkaTimeoutError() if failed else None, offset)
        return True


def _answer(ack: "asyncio.Future[int]", error: Exception | None, offset: int) -> None:
    if ack.done():
        return
    if error is not None:
        ack.set_exception(error)
    else:
        ack.set_result(offset)


@dataclass
class _Fetched:
    position: int = 0
    records: list[LogRecord] = field(default_factory=list)
    goes_on: int = 0
    end: int | None = None
    told: int | None = None


class LogConsumer:
    """Stands in for AIOKafkaConsumer where ``streams.state.tail`` uses it."""

    def __init__(self, log: StateLog, chance: random.Random, faults: Faults, wall_us: Callable[[], int]) -> None:
        self._log = log
        self._chance = chance
        self._faults = faults
        self._wall_us = wall_us
        self._parts: dict[TopicPartition, _Fetched] = {}

    async def start(self) -> None:
        await asyncio.sleep(self._latency())

    async def stop(self) -> None:
        await asyncio.sleep(0)

    def _latency(self) -> float:
        return self._chance.uniform(*self._faults.latency)

    def assign(self, tps: Iterable[TopicPartition]) -> None:
        self._parts = {tp: _Fetched() for tp in tps}

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._latency())
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        await asyncio.sleep(self._latency())
        if self._chance.random() < self._faults.fetch_fails or any(self._log.hidden[tp.partition] for tp in tps):
            raise LeaderNotAvailableError
        ends = {tp: self._log.ends[tp.partition] for tp in tps}
        await asyncio.sleep(self._latency())
        return ends

    def seek(self, tp: TopicPartition, offset: int) -> None:
        part = self._parts[tp]
        self._parts[tp] = _Fetched(position=offset, end=part.end, told=part.told)

    async def position(self, tp: TopicPartition) -> int:
        return self._parts[tp].position

    def highwater(self, tp: TopicPartition) -> int | None:
        return self._parts[tp].end

    def last_poll_timestamp(self, tp: TopicPartition) -> int | None:
        return self._parts[tp].told

    async def getmany(self, *_: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[LogRecord]]:
        draw = self._chance.random()
        if draw < self._faults.fetch_fails:
            raise KafkaConnectionError
        if draw < self._faults.fetch_fails + self._faults.fetch_resets:
            raise OffsetOutOfRangeError({self._chance.choice(list(self._parts)): 0})
        answers = {
            tp: self._log.fetch(tp.partition, part.position, self._chance.choice([1, 3, 10, 100]))
            for tp, part in self._parts.items()
            if not part.records
        }
        await asyncio.sleep(self._latency() if answers else 0)
        for tp, (records, goes_on, end) in answers.items():
            part = self._parts[tp]
            part.records, part.goes_on, part.end, part.told = records, goes_on, end, self._wall_us() // 1000
        return {tp: self._take(part) for tp, part in self._parts.items()}

    def _take(self, part: _Fetched) -> list[LogRecord]:
        count = self._chance.randint(1, len(part.records)) if part.records else 0
        taken, part.records = part.records[:count], part.records[count:]
        if part.records:
            part.position = part.records[0].offset
        else:
            part.position = max(part.position, part.goes_on)
        return taken
