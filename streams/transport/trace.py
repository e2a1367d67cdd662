"""What became of one event, found again in the topics.

The source topics tell where the event is, the dead letters whether a record was refused. That a record was counted
follows from the offset up to which its partition is; nothing else is asked of the workers. What depends on more than
the records (the clock that judged lateness, events before the scan) is said in the answer's notes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from schemas.events import Rejection, Transaction
from schemas.place import Place
from schemas.times import time_text
from schemas.topics import SOURCES
from streams.aggregate.windows import late_before
from streams.decode import Decoder
from streams.decode.identity import identity, readable_event
from streams.errors import BrokerUnreachable
from streams.settings import Settings
from streams.transport.client_options import client_options, connecting
from streams.transport.letters import Letters, list_letters
from streams.transport.reading import read_partition
from streams.transport.topic_admin import topic_partitions

AT_ONCE = 4
"""Partitions read at the same time."""

RANK = ("applied", "late", "pending", "rejected", "duplicate")
"""Of several records of one event, the outcome that is the event's; ``unknown`` is that of none."""

Consumed = Mapping[tuple[str, int], int]
"""Topic and partition -> offset up to which records are counted."""

Row = dict[str, Any]


@dataclass(slots=True)
class Bounds:
    """How far a trace looks.

    Attributes:
        since_us: records with an earlier timestamp are left out; None: none are.
        key: the event's Kafka key: only the partition that it belongs to is read, in each topic; None: all are.
        records: at most so many are read; None: no limit.
        seconds: at most so long; None: no limit.
    """

    since_us: int | None = None
    key: bytes | None = None
    records: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class _Scan:
    """What has been read and found so far."""

    left: float
    read: int = 0
    found: list[tuple[Place, Any]] = field(default_factory=list)
    cut: bool = False


async def trace(
    settings: Settings,
    source: str,
    id_: str,
    *,
    bounds: Bounds,
    consumed: Callable[[], Awaitable[Consumed]],
    taken: Callable[[int], None] = lambda _: None,
) -> Row:
    """Finds an event.

    Args:
        settings: of the workers.
        source: the event's.
        id_: the event's.
        bounds: how far to look.
        consumed: how far the workers are; asked after the records have been read.
        taken: told how many records more have been read.

    Returns:
        The answer of ``GET /api/v1/events/{source}/{id}``.

    Raises:
        CityPulseError: nobody answers, or a topic is missing.
    """
    there = await topic_partitions(settings, SOURCES)
    partitions = [(topic, partition) for topic in SOURCES for partition in _partitions(there[topic], bounds.key)]
    scan = _Scan(float("inf") if bounds.records is None else bounds.records)
    since_ms = None if bounds.since_us is None else bounds.since_us // 1_000
    room = asyncio.Semaphore(AT_ONCE)

    async def look(topic: str, partition: int) -> None:
        async with room, aclosing(read_partition(settings, topic, partition, since_ms=since_ms)) as parts:
            async for part in parts:
                if scan.left < len(part):
                    scan.cut = True
                    return
                scan.left -= len(part)
                scan.read += len(part)
                scan.found += [
                    (Place(topic, partition, record.offset), record)
                    for record in _candidates(part.records, id_)
                    if identity(readable_event(record.value, record.headers))[:2] == (source, id_)
                ]
                taken(len(part))
                await asyncio.sleep(0)  # in a worker, the stream has its own work

    try:
        async with asyncio.timeout(bounds.seconds):
            await _all(look(topic, partition) for topic, partition in partitions)
    except TimeoutError:
        scan.cut = True
    scan.found.sort(key=lambda found: found[0])
    letters, done = Letters(), await consumed() if scan.found else {}
    if any(_counted(place, done) for place, _ in scan.found):
        letters = await list_letters(settings, lambda entry: entry.event[:2] == (source, id_), since_ms=since_ms)
    judge = _Judge(settings, done, letters)
    rows = [judge(place, record) for place, record in scan.found]
    outcomes = {row["outcome"] for row in rows}
    return {
        "source": source,
        "id": id_,
        "outcome": next((outcome for outcome in RANK if outcome in outcomes), "unknown"),
        "records": rows,
        "scanned": {
            "records": scan.read,
            "partitions": len(partitions),
            "since": None if bounds.since_us is None else time_text(bounds.since_us),
            "to_the_end": not scan.cut,
        },
        "notes": judge.notes,
    }


async def committed(settings: Settings) -> Consumed:
    """How far the group of the workers is, as the cluster knows it: about a second behind.

    Raises:
        CityPulseError: nobody answers, or a topic is missing.
    """
    there = await topic_partitions(settings, SOURCES)
    tps = [TopicPartition(topic, partition) for topic in SOURCES for partition in range(there[topic])]
    consumer = AIOKafkaConsumer(**client_options(settings), group_id=settings.app_id, enable_auto_commit=False)
    try:
        async with connecting(settings):
            await consumer.start()
        consumer.assign(tps)  # by hand: it takes no part in the group
        return {(tp.topic, tp.partition): await consumer.committed(tp) or 0 for tp in tps}
    except (KafkaError, OSError) as error:
        raise BrokerUnreachable(settings.broker, str(error) or type(error).__name__) from error
    finally:
        await consumer.stop()


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Waits for all of them; the first error ends the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _partitions(count: int, key: bytes | None) -> list[int]:
    everyone = list(range(count))
    return everyone if key is None else [DefaultPartitioner()(key, everyone, everyone)]


def _candidates(records: Any, id_: str) -> list[Any]:
    """The records that may have the id: it is in their bytes, or in a header, or JSON may have escaped it."""
    wanted = id_.encode()
    return [
        record
        for record in records
        if (value := record.value) is not None
        and (wanted in value or b"\\" in value or (record.headers and wanted in [text for _, text in record.headers]))
    ]


def _counted(place: Place, done: Consumed) -> bool:
    return place.offset < done.get((place.topic, place.partition), 0)


class _Judge:
    """Says what became of records of one event, given in the order of their places."""

    def __init__(self, settings: Settings, done: Consumed, letters: Letters) -> None:
        self._settings = settings
        self._done = done
        self._letters = letters
        self._decoders = {
            topic: Decoder(topic, max_event_bytes=settings.max_event_bytes, open_indicators=settings.open_indicators)
            for topic in SOURCES
        }
        self._last: dict[tuple[str, int], Place] = {}  # a repeat keeps its id alive
        self.notes: list[str] = []

    def __call__(self, place: Place, record: Any) -> Row:
        row: Row = {
            "place": str(place),
            **place._asdict(),
            "time": None if record.timestamp < 0 else time_text(record.timestamp * 1_000),
            "outcome": "pending",
            "reason": None,
            "field": None,
            "message": None,
            "duplicate_of": None,
            "replayed_to": None,
        }
        return row | self._verdict(place, record) if _counted(place, self._done) else row

    def _verdict(self, place: Place, record: Any) -> Row:
        letter = self._letters.entries.get(place)
        if letter is not None:
            sent = self._letters.replayed.get(place)
            complaint = {"reason": letter.reason, "field": letter.field, "message": letter.message}
            return {"outcome": "rejected", "replayed_to": None if sent is None else str(sent.place), **complaint}
        event = self._decoders[place.topic](record.value, record.headers, _NEVER_AHEAD_US)
        if isinstance(event, Rejection):
            return {"outcome": "rejected", "reason": event.reason, "field": event.field, "message": event.message}
        partition = (place.topic, place.partition)
        before = self._last.get(partition)
        self._last[partition] = place
        if before is not None:
            if place.offset - before.offset <= self._settings.dedupe_horizon:
                return {"outcome": "duplicate", "duplicate_of": str(before)}
            self._note(f"{place} is too far behind {before} to be known as its duplicate: it counts again")
        if not isinstance(event, Transaction):
            return {"outcome": "applied"}
        if self._settings.clock == "event":
            self._note("by the event clock, late is not told apart from applied here")
            return {"outcome": "applied"}
        late = event.effective_us < late_before(record.timestamp * 1_000)
        return {"outcome": "late" if late else "applied"}

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


_NEVER_AHEAD_US = 1 << 62
"""A clock for records that were counted: their times were not ahead when it mattered."""
