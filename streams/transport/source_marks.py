"""What stands at places of the source topics: whether a state that was counted up to there goes on from there."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.settings import Settings
from streams.state.dump_file import Mark
from streams.transport.client_options import client_options, connecting, explained

_LOOK_BACK = 100
"""Offsets before a place within which there is a record, unless nothing but transactions' marks stand there."""

_ANSWERS_WITHIN = 30.0
"""Seconds for what is asked of one partition."""

_WAIT_MS = 250
_FETCH_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a partition of a source topic, and what is around it.

    Attributes:
        begins: the first offset of the partition.
        ends: the offset behind its last record.
        last: the last record before the place; None: there is none near it.
    """

    begins: int
    ends: int
    last: Mark | None


async def places(
    settings: Settings, wanted: Iterable[tuple[str, int, int]], looked: Callable[[], None] = lambda: None
) -> AsyncGenerator[tuple[tuple[str, int, int], Place]]:
    """Looks at places, one after the other.

    Args:
        settings: where the cluster is.
        wanted: topic, partition and offset of each.
        looked: told when one has been looked at.

    Raises:
        BrokerUnreachable: nobody answers, or not any more.
        NotAllowed: a topic may not be read.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        async with connecting(settings):
            await consumer.start()
        for topic, partition, offset in wanted:
            with explained(settings):
                async with asyncio.timeout(_ANSWERS_WITHIN):
                    found = await _look(consumer, TopicPartition(topic, partition), offset)
            looked()
            yield (topic, partition, offset), found
    finally:
        await consumer.stop()


async def _look(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> Place:
    consumer.assign([tp])
    begins = (await consumer.beginning_offsets([tp]))[tp]
    consumer.seek(tp, begins)
    while consumer.highwater(tp) is None:
        await consumer.getmany(tp, timeout_ms=_WAIT_MS)
    ends = consumer.highwater(tp)
    start, stop = max(begins, offset - _LOOK_BACK), min(offset, ends)
    last: Any = None
    if start < stop:
        consumer.seek(tp, start)
        while await consumer.position(tp) < stop:
            for record in (await consumer.getmany(tp, timeout_ms=_WAIT_MS)).get(tp, []):
                last = record if record.offset < stop else last
    return Place(begins, ends, None if last is None else mark(last))


def mark(record: Any) -> Mark:
    """What tells a record from others."""
    sha256 = hashlib.sha256()
    for part in (record.key, record.value, *(text for header in record.headers for text in header)):
        bytes_ = part.encode() if isinstance(part, str) else part
        sha256.update(b"-" if bytes_ is None else len(bytes_).to_bytes(8) + bytes_)
    return Mark(record.offset, sha256.hexdigest())
