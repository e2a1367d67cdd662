"""Reads the state log: all of it, from its start, for ever."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NoReturn

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streams.aggregate.dedupe import BLOCK
from streams.errors import CityPulseError
from streams.state import records
from streams.state.board import Board
from streams.state.ends import Ends, has_read
from streams.state.stream import IDS_PAGE, HoleError

log = logging.getLogger(__name__)

_FETCH_WAIT_MS = 50
"""How long a broker may hold back an answer when there is nothing new. Apache Kafka answers as soon as there is. The
embedded broker looks in steps that grow with this: at 250 ms the median
event was readable after 179 ms, at 50 ms after 79, at 1,000 events/s on a busy machine.
"""
_RETRY_SECONDS = 1.0
_ASK_EVERY_S = 0.25
"""Between two questions for the ends; what is shown counts as read as of the last one that was answered."""

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
        ends = Ends(consumer, self._clock, self._wall_us)
        for tp in self._tps:
            await self._restart(consumer, ends, tp)
        asking = asyncio.create_task(self._ask(consumer, ends), name="ends of the state log")
        try:
            while not asking.done():
                await self._read_some(consumer, ends)
        finally:
            asking.cancel()
            await asyncio.wait([asking])
        await asking

    async def _ask(self, consumer: AIOKafkaConsumer, ends: Ends) -> NoReturn:
        """Asks for the ends for ever. Without an answer what has been read gets old, and the board says so."""
        while True:
            now = self._clock()
            try:
                ends.answered(await consumer.end_offsets(self._tps), now)
            except KafkaError as error:
                log.debug("no ends of the state log: %s", error)
            await asyncio.sleep(_ASK_EVERY_S)

    async def _read_some(self, consumer: AIOKafkaConsumer, ends: Ends) -> None:
        try:
            batches = await consumer.getmany(timeout_ms=_FETCH_WAIT_MS)
        except OffsetOutOfRangeError as error:
            for tp in error.args[0]:
                await self._restart(consumer, ends, tp)
            return
        now = self._clock()
        polled = max((consumer.last_poll_timestamp(tp) or 0 for tp in self._tps), default=0)
        if polled != self._polled:
            self._polled, self.heard = polled, now
        for tp in self._tps:
            await self._feed(consumer, ends, tp, batches.get(tp, []), now)
        await asyncio.sleep(0)

    async def _feed(
        self, consumer: AIOKafkaConsumer, ends: Ends, tp: TopicPartition, batch: list[Any], now: float
    ) -> None:
        try:
            for record in batch:
                self._board.read(record.key or b"", record.value, record.offset, now)
            if await ends.reached(tp):
                self._board.reached_end(tp.partition)
                self._holes.pop(tp, None)
            until = await ends.read_until(tp)
            if until is not None:
                self._board.read_until(tp.partition, until)
        except HoleError as error:
            holes = self._holes[tp] = self._holes.get(tp, 0) + 1
            if holes > _READ_AGAIN:
                raise StateDamagedError(
                    f"{error} in {tp.topic}",
                    "restore a dump, or count anew under another CITYPULSE_APP_ID",
                ) from error
            log.info("%s: reading partition %d of the state log again", error, tp.partition)
            await asyncio.sleep(_RETRY_SECONDS * (holes - 1))
            await self._restart(consumer, ends, tp)

    async def _restart(self, consumer: AIOKafkaConsumer, ends: Ends, tp: TopicPartition) -> None:
        self._board.restart(tp.partition)
        ends.restart(tp)
        await _to_beginning(consumer, tp)


async def read_log(topic: str, partition: int, options: dict[str, Any]) -> AsyncGenerator[list[Any]]:
    """Every record of one partition of the state log, from its start to its end, which is no earlier than its end now.

    Yields:
        What each answer brought; nothing, when it brought none and the end is not reached.
    """
    consumer = _consumer(options)
    tp = TopicPartition(topic, partition)
    try:
        await consumer.start()
        consumer.assign([tp])
        await _to_beginning(consumer, tp)
        least = (await consumer.end_offsets([tp]))[tp]
        while not await has_read(consumer, tp, least):
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
