"""Reads the state log: all of it, from its start, for ever.

The end of a partition is the high watermark that came with its last fetch. That is the only end that can be trusted: a
compacted log is consistent only there, because a record may have been removed for the sake of a later one.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streams.aggregate.dedupe import BLOCK
from streams.errors import CityPulseError
from streams.state import records
from streams.state.board import Board
from streams.state.stream import IDS_PAGE, HoleError

log = logging.getLogger(__name__)

_FETCH_WAIT_MS = 50
"""How long a broker may hold back an answer when there is nothing new. Apache Kafka answers as soon as there is. The
embedded broker looks in steps that grow with this: at 250 ms the median
event was readable after 179 ms, at 50 ms after 79, at 1,000 events/s on a busy machine.
"""
_RETRY_SECONDS = 1.0

_READ_AGAIN = 5
"""Times that a log is read again from its start for a missing checkpoint. While it is compacted one may be missed."""


class StateDamagedError(CityPulseError):
    """The state log does not hold what it must."""


def _consumer(options: dict[str, Any], fetch_wait_ms: int = _FETCH_WAIT_MS) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **options,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=fetch_wait_ms,
        max_partition_fetch_bytes=4 << 20,
    )


async def _to_beginning(consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
    """Reads from the start. Not by ``seek_to_beginning``: when the leader has moved, aiokafka would ask the old one for
    as long as it takes its metadata for new, five minutes.
    """
    consumer.seek(tp, (await consumer.beginning_offsets([tp]))[tp])


class _End:
    """How far a partition has been read, against the end that its fetches told.

    A fetch's answer may have waited long before it was looked at: in a busy loop, or while the process was stopped.
    But it was sent after the answer before it had come; so its end stood at least until then.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._told: dict[TopicPartition, int] = {}
        self._waiting: dict[TopicPartition, tuple[int, int]] = {}  # an end to reach, and when it was still the end

    async def reached(self, tp: TopicPartition) -> bool:
        """Everything that is known to be there has been read."""
        end = self._consumer.highwater(tp)
        return end is not None and await self._consumer.position(tp) >= end

    async def read_until(self, tp: TopicPartition) -> int | None:
        """A moment, wall clock in ms: all that was there by then has been read. None: no later one than before."""
        end, told = self._consumer.highwater(tp), self._consumer.last_poll_timestamp(tp)
        before = self._told.get(tp)
        if end is None or told is None or told == before:
            return None
        self._told[tp] = told
        if before is None:
            return None
        position = await self._consumer.position(tp)
        if position >= end:
            self._waiting.pop(tp, None)
            return before
        waiting = self._waiting.get(tp)
        if waiting is None or position >= waiting[0]:
            self._waiting[tp] = (end, before)
        return waiting[1] if waiting and position >= waiting[0] else None


class Tail:
    """Feeds a board from the state log.

    Args:
        topic: the state log.
        board: what to feed.
        options: aiokafka's, for the connection.
        clock: monotonic, seconds.
        wall_us: wall clock, microseconds; aiokafka's timestamps are of that.
    """

    def __init__(
        self,
        topic: str,
        board: Board,
        options: dict[str, Any],
        clock: Callable[[], float],
        wall_us: Callable[[], int],
    ) -> None:
        self._board = board
        self._options = options
        self._clock = clock
        self._wall_us = wall_us
        self._holes: dict[TopicPartition, int] = {}
        self._polled: int = 0
        self.heard = clock()
        """When a broker last answered, by ``clock``."""
        self._tps = [TopicPartition(topic, partition) for partition in range(board.log_partitions)]

    async def run(self) -> None:
        """Reads until cancelled; comes back by itself when the broker does.

        Raises:
            records.StateFormatError: when the log holds what this version cannot read.
            StateDamagedError: when checkpoints are missing for good.
        """
        while True:
            consumer = _consumer(self._options)
            try:
                await consumer.start()
                await self._read(consumer)
            except (KafkaError, OSError) as error:
                log.warning("reading the state log failed, trying again: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        consumer.assign(self._tps)
        end = _End(consumer)
        for tp in self._tps:
            await self._restart(consumer, tp)
        while True:
            try:
                batches = await consumer.getmany(timeout_ms=_FETCH_WAIT_MS)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    await self._restart(consumer, tp)
                continue
            now = self._clock()
            polled = max((consumer.last_poll_timestamp(tp) or 0 for tp in self._tps), default=0)
            if polled != self._polled:
                self._polled, self.heard = polled, now
            for tp in self._tps:
                await self._feed(consumer, end, tp, batches.get(tp, []), now)
            await asyncio.sleep(0)

    async def _feed(
        self, consumer: AIOKafkaConsumer, end: _End, tp: TopicPartition, batch: list[Any], now: float
    ) -> None:
        try:
            for record in batch:
                self._board.read(record.key or b"", record.value, record.offset, now)
            if await end.reached(tp):
                self._board.reached_end(tp.partition)
                self._holes.pop(tp, None)
            until = await end.read_until(tp)
            if until is not None:
                self._board.read_until(tp.partition, now - (self._wall_us() / 1e6 - until / 1e3))
        except HoleError as error:
            holes = self._holes[tp] = self._holes.get(tp, 0) + 1
            if holes > _READ_AGAIN:
                raise StateDamagedError(
                    f"{error} in {tp.topic}",
                    "restore a dump, or count anew under another CITYPULSE_APP_ID",
                ) from error
            log.info("%s: reading partition %d of the state log again", error, tp.partition)
            await asyncio.sleep(_RETRY_SECONDS * (holes - 1))
            await self._restart(consumer, tp)

    async def _restart(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
        self._board.restart(tp.partition)
        await _to_beginning(consumer, tp)


async def read_log(topic: str, partition: int, options: dict[str, Any]) -> AsyncGenerator[list[Any]]:
    """Every record of one partition of the state log, from its start to its end: that of the last answer.

    Yields:
        What each answer brought; nothing, when it brought none and the end is not reached.
    """
    consumer = _consumer(options)
    tp = TopicPartition(topic, partition)
    try:
        await consumer.start()
        consumer.assign([tp])
        await _to_beginning(consumer, tp)
        end = _End(consumer)
        while not await end.reached(tp):
            yield (await consumer.getmany(tp, timeout_ms=_FETCH_WAIT_MS)).get(tp, [])
    finally:
        await consumer.stop()


class IdPages:
    """The pages of event hashes that one partition of a log holds of a family.

    Args:
        family: its name.
    """

    def __init__(self, family: str) -> None:
        self._family = family
        self._pages: dict[bytes, tuple[int, bytes]] = {}

    @property
    def pieces(self) -> list[tuple[int, bytes]]:
        """Pieces of (number of the first event, hashes)."""
        return list(self._pages.values())

    def read(self, key: bytes, value: bytes | None) -> None:
        """Takes the next record of the log; most of them are something else."""
        family, _, kind, rest = records.parse_key(key)
        if family != self._family or kind != "p" or not rest.startswith(IDS_PAGE):
            return
        if value is None:
            self._pages.pop(key, None)
        else:
            block = int(rest.split("/", 1)[0][len(IDS_PAGE) :])
            self._pages[key] = (block * BLOCK, records.decode(kind, value).content)


async def read_ids(topic: str, family: str, partition: int, options: dict[str, Any]) -> list[tuple[int, bytes]]:
    """The event hashes of a family that one partition of the state log holds in pages.

    Returns:
        Pieces of (number of the first event, hashes).
    """
    pages = IdPages(family)
    async with aclosing(read_log(topic, partition, options)) as answers:
        async for answer in answers:
            for record in answer:
                pages.read(record.key or b"", record.value)
    return pages.pieces
