"""Recounts the source topics with the reference implementation."""

import asyncio
import json
from collections.abc import Callable, Mapping

from schemas.topics import DEAD_LETTERS, SOURCES
from streams.settings import Settings
from streams.transport.reading import read_partition
from streams.transport.topic_admin import check_topics
from streams.verify.reference.decode import Record, Rules
from streams.verify.reference.totals import Recount

LETTER_AFTER_US = 60_000_000
"""A dead letter is written after its record was judged; no longer than this, or the worker would have given up."""

Judged = dict[tuple[str, int, int], int]
"""Topic, partition, offset of records refused as from the future -> the wall clock by which they are judged."""


async def recount(
    settings: Settings,
    counted: Recount,
    ends: Mapping[tuple[str, int], int | None],
    *,
    future: bool,
    taken: Callable[[int], None] = lambda _: None,
) -> None:
    """Has all records before some offsets counted.

    Args:
        settings: those of the workers.
        counted: takes the records, those of one partition after those of another.
        ends: topic and partition -> where it ends; None: all that is there.
        future: whether records have been refused as from the future. Their time may have come since, so the dead
            letters have to tell which they were.
        taken: told how many records more have been read.

    Raises:
        CityPulseError: the broker, or records that are not there any more.
    """
    partitions = (await check_topics(settings)).partitions
    judged: Judged = {}
    for partition in range(partitions[DEAD_LETTERS] if future else 0):
        judged |= await _refused_as_future(settings, partition)
    for (topic, partition), end in sorted(ends.items(), key=lambda item: (SOURCES.index(item[0][0]), item[0][1])):
        async for part in read_partition(settings, topic, partition, end):
            records = [record for record in part.records if end is None or record.offset < end]
            for record in records:
                counted.take(
                    Record(topic, partition, record.key, record.value, record.headers),
                    judged.get((topic, partition, record.offset)),
                )
            taken(len(records))
            await asyncio.sleep(0)  # the connection has its own work
        counted.forget(topic, partition)


def rules_of(settings: Settings) -> Rules:
    """What numbers depend on."""
    return Rules(
        time_zone=settings.time_zone,
        horizon=settings.dedupe_horizon,
        series_budget=settings.series_budget,
        max_event_bytes=settings.max_event_bytes,
        open_indicators=settings.open_indicators,
    )


async def _refused_as_future(settings: Settings, partition: int) -> Judged:
    """Of one partition of the dead letters; what is no letter of a worker's says nothing."""
    found: Judged = {}
    async for part in read_partition(settings, DEAD_LETTERS, partition):
        for record in part.records:
            try:
                letter = json.loads(record.value or b"")
                if letter["reason"] == "from_the_future":
                    place = (letter["topic"], letter["partition"], letter["offset"])
                    found.setdefault(place, record.timestamp * 1000 - LETTER_AFTER_US)
            except (ValueError, KeyError, TypeError):
                continue
        await asyncio.sleep(0)
    return found
