"""Restores a dumped state into an empty state topic."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from schemas.topics import FAMILY, SOURCES
from streams.settings import Settings
from streams.state import copies, records
from streams.state.board import TOPIC_OF, StateSettings
from streams.state.copies import CopyError, Pair
from streams.state.dump_file import Dump, Line, Mark, RecordLine, StreamLine, opened
from streams.state.recovery import check_settings
from streams.transport.client_options import client_options, connecting, explained
from streams.transport.dumping import Told, digest, log_of
from streams.transport.producer import WorkerProducer
from streams.transport.rights import Right
from streams.transport.source_marks import Place, places
from streams.transport.topic_admin import check_topics

ANEW = "count anew under another CITYPULSE_APP_ID, see docs/operations.md"
EMPTY_IT = "stop every worker, delete the topic, make it anew with citypulse topics create, and restore again"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds."""

    dump: Dump
    streams: list[StreamLine]

    @property
    def records(self) -> int:
        """Of the state log."""
        return sum(stream.records for stream in self.streams)


def look_into(path: Path) -> Contents:
    """Reads a whole file, and gives what it holds when every record of it can be restored.

    Raises:
        InputError: it is no dump, of a later version, or not whole.
        StateFormatError: a record has a later format.
    """
    dump: Dump | None = None
    streams: list[StreamLine] = []
    with opened(path) as lines:
        for line in lines:
            match line:
                case Dump():
                    dump = line
                case StreamLine():
                    streams.append(line)
                case RecordLine():
                    family, partition, kind, _ = records.parse_key(line.key.encode())
                    if not streams or (family, partition) != (streams[-1].family, streams[-1].partition):
                        raise CopyError(f"{path} has a record of {family}/{partition} where none belongs")
                    records.decode(kind, line.value)
    assert dump is not None, "a file begins with it"
    return Contents(dump, streams)


async def examine(settings: Settings, contents: Contents, looked: Callable[[], None]) -> list[str]:
    """Checks that this cluster goes on where the dump ends, and that nothing is there yet.

    Returns:
        What could not be checked, one sentence each.

    Raises:
        CopyError: what is in the way.
        StateSettingsError: the state was made with other settings.
        CityPulseError: broker, topics or rights are not as needed.
    """
    check_settings(contents.dump.settings, StateSettings(settings.time_zone, settings.clock))
    topic = settings.state_topic
    needed = [*(Right("Read", "topic", name) for name in (*SOURCES, topic)), Right("Write", "topic", topic)]
    partitions = (await check_topics(settings, needed)).partitions
    for family, count in contents.dump.partitions.items():
        if partitions[TOPIC_OF[family]] < count:
            have = partitions[TOPIC_OF[family]]
            raise CopyError(
                f"{TOPIC_OF[family]} has {have} partitions, the state was made of {count}",
                "restore where the source topics are as they were",
            )
    for partition in range(partitions[topic]):
        if await log_of(settings, partition):
            raise CopyError(f"{topic} is not empty: nothing is restored over a state", EMPTY_IT)
    lines = {(TOPIC_OF[line.family], line.partition): line for line in contents.streams}
    notes = []
    wanted = [(topic, partition, line.next_offset) for (topic, partition), line in lines.items()]
    async with aclosing(places(settings, wanted, looked)) as found:
        async for (topic, partition, offset), place in found:
            notes += _compare(f"{topic} partition {partition}", offset, lines[topic, partition].last, place)
    return notes


def _compare(name: str, offset: int, counted: Mark | None, place: Place) -> list[str]:
    """Whether a source partition goes on where the state ends."""
    if place.begins > offset:
        raise CopyError(
            f"{name} begins at offset {place.begins}, the state goes on at {offset}: records between were removed",
            f"restore a later dump, or {ANEW}",
        )
    if place.ends < offset:
        raise CopyError(
            f"{name} ends at offset {place.ends}, the state counts up to {offset}",
            f"wait for what copies the topic; if this is not the topic that was counted, {ANEW}",
        )
    if not offset:
        return []
    if counted is None or counted.offset < place.begins:
        return [f"{name}: whether its records are those that were counted is not known, the last of them is not there"]
    if place.last != counted:
        raise CopyError(
            f"{name} has another record at offset {counted.offset} than the one that was counted",
            f"a mirror that numbers records anew cannot go on with a state: {ANEW}",
        )
    return []


async def restore(settings: Settings, contents: Contents, path: Path, taken: Told) -> None:
    """Writes what a file holds, looks that nothing else is there, and only then lets workers go on with it.

    Args:
        settings: those of the workers.
        contents: of the file, examined.
        path: the file.
        taken: told how many records more have been written.

    Raises:
        CopyError: somebody else writes into the topic.
        CityPulseError: the broker is away.
    """
    topic = settings.state_topic
    partitions = (await check_topics(settings)).partitions
    streams = [(family, part) for source, family in FAMILY.items() for part in range(partitions[source])]
    written: dict[int, dict[bytes, bytes]] = {part: {} for part in range(partitions[topic])}
    producer = WorkerProducer(client_options(settings), topic)
    async with connecting(settings):
        await producer.start()
    try:
        with explained(settings):
            await _write(producer, [(part, copies.begin(family, part)) for family, part in streams], written)
            await _require(settings, written)
            with opened(path) as lines:
                for batch in _batches(lines):
                    await _write(producer, batch, written)
                    taken(len(batch))
            await _require(settings, written)
            ends = [(part, copies.finish(family, part, contents.dump.settings)) for family, part in streams]
            await _write(producer, ends, written)
    finally:
        await producer.stop()


BATCH = 256
"""Records under way at once."""


def _batches(lines: Iterable[Line]) -> Iterable[list[tuple[int, Pair]]]:
    batch: list[tuple[int, Pair]] = []
    for line in lines:
        if isinstance(line, RecordLine):
            key = line.key.encode()
            batch.append((records.parse_key(key)[1], (key, line.value)))
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


async def _write(
    producer: WorkerProducer, batch: Iterable[tuple[int, Pair]], written: dict[int, dict[bytes, bytes]]
) -> None:
    """Writes records to their partitions and waits until all in-sync replicas have them."""
    acks = []
    for partition, (key, value) in batch:
        acks.append(await producer.append(partition, key, value))
        written[partition][key] = digest(value)
    for ack in acks:
        await ack


async def _require(settings: Settings, written: Mapping[int, Mapping[bytes, bytes]]) -> None:
    """Checks that the topic holds what was written and nothing else."""
    for partition, expected in written.items():
        if await log_of(settings, partition) != expected:
            raise CopyError(f"somebody else writes into {settings.state_topic}", EMPTY_IT)
