"""How many dead letters wait to be mended: counted from their topic, beside everything else that a worker does."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, get_args

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.events import Reason
from schemas.topics import DEAD_LETTERS, SOURCES
from streams.errors import CityPulseError
from streams.settings import Settings
from streams.transport.client_options import client_options
from streams.transport.fetching import fetch
from streams.transport.topic_admin import topic_partitions

log = logging.getLogger(__name__)

REASONS: Final[tuple[str, ...]] = get_args(Reason)

FETCH_WAIT_S = 1.0
EXPIRED_EVERY = 60
"""Fetches, so seconds at most when nothing comes, between looks at what retention has removed."""

RETRY_S = 1.0

Counts = Mapping[tuple[str, str], int]
"""Topic and reason -> letters."""


class _Head(msgspec.Struct):
    """Of a letter or a mark, what tells them apart; the bytes of the record are not looked at."""

    topic: str
    partition: int
    offset: int
    reason: str = ""
    replayed: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Head).decode


class WaitingLetters:
    """Every letter that was written and not replayed, once, while its topic holds it: about 150 bytes each."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._waiting: dict[tuple[str, int], dict[int, tuple[str, int, int]]] = {}
        self._replayed: dict[tuple[str, int], set[int]] = {}

    def take(self, partition: int, offset: int, value: bytes | None) -> None:
        """Takes the next record of a partition of the dead letters' topic; what no worker wrote says nothing."""
        try:
            head = _decode(value or b"")
        except (msgspec.DecodeError, RecursionError):
            return
        if head.topic not in SOURCES or (head.replayed is None and head.reason not in REASONS):
            return
        origin = (head.topic, head.partition)
        waiting, replayed = self._waiting.setdefault(origin, {}), self._replayed.setdefault(origin, set())
        if head.replayed is not None:
            replayed.add(head.offset)
            self._drop(origin, [head.offset])
        elif head.offset not in waiting and head.offset not in replayed:
            waiting[head.offset] = (head.reason, partition, offset)
            self.counts[head.topic, head.reason] += 1

    def expire(self, partition: int, begins_at: int) -> None:
        """Retention has removed what was before an offset of a partition of the dead letters' topic."""
        for origin, waiting in self._waiting.items():
            gone = [number for number, (_, of, offset) in waiting.items() if of == partition and offset < begins_at]
            self._drop(origin, gone)

    def _drop(self, origin: tuple[str, int], offsets: Iterable[int]) -> None:
        for offset in offsets:
            found = self._waiting[origin].pop(offset, None)
            if found is not None:
                self.counts[origin[0], found[0]] -= 1


async def follow(settings: Settings, changed: Callable[[Counts | None], None]) -> None:
    """Counts for ever.

    Args:
        settings: where the cluster is.
        changed: told the counts whenever the topic has been read to its end, and None while they are not known.
    """
    waiting, at = WaitingLetters(), dict[TopicPartition, int]()
    while True:
        try:
            await _follow(settings, waiting, at, changed)
        except (KafkaError, OSError, CityPulseError) as error:
            log.warning("dead letters that wait are not known, trying again: %r", error)
        changed(None)
        await asyncio.sleep(RETRY_S)


async def _follow(
    settings: Settings,
    waiting: WaitingLetters,
    at: dict[TopicPartition, int],
    changed: Callable[[Counts | None], None],
) -> None:
    count = (await topic_partitions(settings, (DEAD_LETTERS,)))[DEAD_LETTERS]
    tps = [TopicPartition(DEAD_LETTERS, partition) for partition in range(count)]
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        consumer.assign(tps)
        rounds = 0
        while True:
            if rounds % EXPIRED_EVERY == 0:
                for tp, first in (await consumer.beginning_offsets(tps)).items():
                    waiting.expire(tp.partition, first)
                    if first > at.get(tp, -1):
                        consumer.seek(tp, first)
                        at[tp] = first
                    elif rounds == 0:
                        consumer.seek(tp, at[tp])
            rounds += 1
            for tp, part in (await fetch(consumer, set(), FETCH_WAIT_S)).items():
                for record in part.records:
                    waiting.take(tp.partition, record.offset, record.value)
                at[tp] = part.next_offset
            ends = [consumer.highwater(tp) for tp in tps]
            if all(end is not None and at[tp] >= end for tp, end in zip(tps, ends, strict=True)):
                changed(waiting.counts)
            await asyncio.sleep(0)  # the stream has its own work
    finally:
        await consumer.stop()
