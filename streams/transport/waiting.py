"""How many dead letters wait to be mended: counted from their topic, beside everything else that a worker does."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple, get_args

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.events import Reason
from schemas.place import Place
from schemas.topics import DEAD_LETTERS, SOURCES
from streams.errors import CityPulseError
from streams.settings import Settings
from streams.transport.client_options import client_options
from streams.transport.fetching import fetch
from streams.transport.topic_admin import topic_partitions

log = logging.getLogger(__name__)

_TOPICS: Final = {topic: topic for topic in SOURCES}
REASONS: Final[dict[str, str]] = {reason: reason for reason in get_args(Reason)}
"""Both: so that each is kept as one string, however many letters have it."""

REMEMBERED: Final = 100_000
"""Letters. They may come by the million in an hour; nobody mends so many one by one, and workers must not grow."""

_DROPPED: Final = 16
"""So small a part is dropped at once, of the oldest."""

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


class _Known(NamedTuple):
    """A letter that waits, or with no reason one that was replayed; and which record of its topic says so."""

    reason: str
    partition: int
    offset: int


class WaitingLetters:
    """The newest letters that were written and not replayed, each once, while their topic holds them.

    Args:
        remembered: so many letters and marks, or a little fewer when there are more; 26 MB for the usual number.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._remembered = remembered
        self._known: dict[Place, _Known] = {}  # in the order in which they came

    def take(self, partition: int, offset: int, value: bytes | None) -> None:
        """Takes the next record of a partition of the dead letters' topic; what no worker wrote says nothing."""
        try:
            head = _decode(value or b"")
        except (msgspec.DecodeError, RecursionError):
            return
        topic, reason = _TOPICS.get(head.topic), "" if head.replayed is not None else REASONS.get(head.reason)
        if topic is None or reason is None:
            return
        place = Place(topic, head.partition, head.offset)
        if reason == "":
            self._drop([place])
        elif place in self._known:
            return
        else:
            self.counts[topic, reason] += 1
        self._known[place] = _Known(reason, partition, offset)
        if len(self._known) > self._remembered:
            self._drop(list(islice(self._known, 1 + self._remembered // _DROPPED)))

    def expire(self, partition: int, begins_at: int) -> None:
        """Retention has removed what was before an offset of a partition of the dead letters' topic."""
        known = self._known.items()
        self._drop([place for place, (_, of, offset) in known if of == partition and offset < begins_at])

    def _drop(self, places: Iterable[Place]) -> None:
        for place in places:
            found = self._known.pop(place, None)
            if found is not None and found.reason:
                self.counts[place.topic, found.reason] -= 1


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
