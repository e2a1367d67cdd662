"""Reads what a topic holds, once, without a consumer group."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import CityPulseError
from streams.settings import Settings
from streams.transport.client_options import client_options, connecting, explained
from streams.transport.fetching import fetch
from streams.transport.slices import RecordSlice

_WAIT_S = 0.25
_SILENT_AFTER = 120
"""Waits in a row without an answer after which the broker counts as gone."""


class RecordsGoneError(CityPulseError):
    """The topic does not hold the records that were asked for."""


async def read_partition(
    settings: Settings,
    topic: str,
    partition: int,
    end: int | None = None,
    *,
    start: int = 0,
    since_ms: int | None = None,
) -> AsyncGenerator[RecordSlice]:
    """The committed records of one partition from its first, or a later one, to an end.

    The end is never asked of the broker: it is named, or the high watermark that comes with the first fetch.

    Args:
        settings: where the cluster is.
        topic: to read.
        partition: of it.
        end: the offset after the last record wanted; None: all that is there when the first answer comes. What it
            gives ends there: the last slice may hold records beyond, which its reader leaves aside.
        start: the first offset wanted.
        since_ms: records before the first one with this timestamp, or a later one, are left out; None: none are.

    Raises:
        BrokerUnreachable: nobody answers, or not any more.
        NotAllowed: the broker does not let us read this topic.
        RecordsGoneError: with an end, the partition does not begin at offset 0, or it ends before.
    """
    tp = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=100,
    )
    try:
        async with connecting(settings):
            await consumer.start()
        with explained(settings):
            consumer.assign([tp])
            first = (await consumer.beginning_offsets([tp]))[tp]
            if end is not None and min(first, end) > 0:
                raise RecordsGoneError(
                    f"{topic} partition {partition} begins at offset {first}: what was before cannot be recounted",
                    "retention has removed records; the contract's source topics keep everything",
                )
            start = max(first, start)
            if since_ms is not None:
                found = (await consumer.offsets_for_times({tp: max(0, since_ms)}))[tp]
                if found is None or found.timestamp < 0:  # the embedded broker's way to say that there is none
                    return
                start = max(start, found.offset)
            consumer.seek(tp, start)
            async for part in _read(consumer, tp, start, end):
                yield part
    finally:
        await consumer.stop()


async def _read(consumer: Any, tp: TopicPartition, at: int, end: int | None) -> AsyncIterator[RecordSlice]:
    silent = 0
    while end is None or at < end:
        part = (await fetch(consumer, {tp}, _WAIT_S)).get(tp)
        told = consumer.highwater(tp)
        if part is not None:
            at, silent = part.next_offset, 0
            yield part
        elif told is None:
            silent += 1
        elif end is not None and told < end:
            raise RecordsGoneError(
                f"{tp.topic} partition {tp.partition} ends at offset {told}, but offsets up to {end} are counted",
                "the topic has been deleted or truncated, or this is another cluster than the worker's",
            )
        else:
            silent += 1
        if silent > _SILENT_AFTER:
            raise KafkaError(f"no records of {tp.topic} partition {tp.partition} for {silent * _WAIT_S:.0f} s")
        if end is None and told is not None:
            end = told
