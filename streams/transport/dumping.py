"""Dumps the state of an application to a file, while its workers may run."""

import hashlib
from collections.abc import Callable
from contextlib import aclosing
from importlib.metadata import version
from typing import Any

from aiokafka.errors import KafkaError

from schemas.times import time_text
from schemas.topics import FAMILY, SOURCES
from streams.settings import Settings
from streams.state.board import TOPIC_OF, Board, StateSettings
from streams.state.copies import Copied, CopyError, copied
from streams.state.dump_file import VERSION, Dump, DumpWriter, RecordLine, StreamLine
from streams.state.recovery import check_settings
from streams.state.stream import HoleError
from streams.state.tail import IdPages, read_log
from streams.transport.client_options import client_options, explained
from streams.transport.clocks import wall_us
from streams.transport.rights import Right
from streams.transport.source_marks import places
from streams.transport.topic_admin import check_topics

READ_AGAIN = 5
"""Times that a partition is read again: while the log is compacted a checkpoint may be missed."""

SILENT_AFTER = 120
"""Answers in a row with nothing in them, some 30 s, after which the broker counts as gone."""

Told = Callable[[int], None]


async def dump(settings: Settings, file: DumpWriter, taken: Told = lambda _: None) -> list[StreamLine]:
    """Writes every stream that has a checkpoint, each as of its last one.

    Args:
        settings: those of the workers.
        file: to write.
        taken: told how many records more of the state topic have been read.

    Returns:
        What was dumped.

    Raises:
        CopyError: nothing has been counted, or the log is not whole.
        StateSettingsError: the state was made with other settings.
        StateFormatError: it was made by a later version.
        CityPulseError: broker, topics or rights are not as needed.
    """
    needed = [Right("Read", "topic", name) for name in (*SOURCES, settings.state_topic)]
    partitions = (await check_topics(settings, needed)).partitions
    layout: dict[str, int] = {family: partitions[topic] for topic, family in FAMILY.items()}
    board = Board(StateSettings(settings.time_zone, settings.clock), layout)
    by = f"citypulse {version('citypulse')}"
    file.write(Dump(VERSION, time_text(wall_us()), by, settings.app_id, str(board.settings), layout))
    lines: list[StreamLine] = []
    for log_partition in range(board.log_partitions):
        copies = await _copies(settings, board, log_partition, taken)
        if not copies:
            continue
        wanted = [(TOPIC_OF[family], log_partition, copy.head.next_offset) for family, copy in copies.items()]
        marks = [place.last async for _, place in places(settings, wanted)]
        for (family, copy), last in zip(copies.items(), marks, strict=True):
            line = StreamLine(
                family,
                log_partition,
                copy.head.n,
                copy.head.next_offset,
                sum(copy.head.outcomes),
                len(copy.pairs),
                last,
            )
            file.write(line)
            for key, value in copy.pairs:
                file.write(RecordLine(key.decode(), value))
            lines.append(line)
    if not lines:
        state = settings.state_topic
        raise CopyError(f"{state} has no checkpoint: nothing has been counted", "is CITYPULSE_APP_ID right?")
    return lines


async def _copies(settings: Settings, board: Board, log_partition: int, taken: Told) -> dict[str, Copied]:
    """The streams of one partition of the log, by family, as they are at one moment."""
    ids = await _read_whole(settings, board, log_partition, taken)
    copies = {}
    for stream in board.streams_of(log_partition):
        if stream.claim is not None:
            check_settings(stream.claim.settings, board.settings)
        copy = copied(stream, ids[stream.family].pieces, settings.dedupe_horizon)
        if copy is not None:
            copies[stream.family] = copy
    return copies


async def _read_whole(settings: Settings, board: Board, log_partition: int, taken: Told) -> dict[str, IdPages]:
    for last in [False] * READ_AGAIN + [True]:
        try:
            return await _read(settings, board, log_partition, taken)
        except HoleError as error:
            if last:
                anew = "count anew under another CITYPULSE_APP_ID"
                raise CopyError(f"{error} in {settings.state_topic}", anew) from error
            board.restart(log_partition)
    raise AssertionError("the last time it returns or raises")


async def _read(settings: Settings, board: Board, log_partition: int, taken: Told) -> dict[str, IdPages]:
    """Has the board read one partition of the log to its end, and gives the event hashes that are in it."""
    ids: dict[str, IdPages] = {family: IdPages(family) for family in FAMILY.values()}

    def take(record: Any) -> None:
        key = record.key or b""
        board.read(key, record.value, record.offset, 0.0)
        for pages in ids.values():
            pages.read(key, record.value)

    await _each(settings, log_partition, take, taken)
    board.reached_end(log_partition)
    return ids


async def log_of(settings: Settings, partition: int) -> dict[bytes, bytes]:
    """What one partition of the state topic holds: key -> SHA-256 of its last value, tombstones of 0 bytes.

    Raises:
        CityPulseError: the broker is away, or does not let us read.
    """
    held: dict[bytes, bytes] = {}

    def take(record: Any) -> None:
        held[record.key or b""] = digest(record.value)

    await _each(settings, partition, take)
    return held


def digest(value: bytes | None) -> bytes:
    """What is remembered of a value to tell it from others; of a tombstone nothing."""
    return b"" if value is None else hashlib.sha256(value).digest()


async def _each(settings: Settings, partition: int, take: Callable[[Any], None], taken: Told = lambda _: None) -> None:
    """Every record of one partition of the state topic, up to its end."""
    silent = 0
    with explained(settings):
        async with aclosing(read_log(settings.state_topic, partition, client_options(settings))) as answers:
            async for answer in answers:
                silent = 0 if answer else silent + 1
                if silent > SILENT_AFTER:
                    raise KafkaError(f"no records of {settings.state_topic} partition {partition}")
                for record in answer:
                    take(record)
                taken(len(answer))
