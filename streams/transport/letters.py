"""Reads the dead letters back, and marks those that were replayed.

The topic holds two kinds of records under the same key: a letter is what was refused, a mark says that a letter was
replayed. Both carry the letter's identity, the place of the refused record. A mark comes after its letter, so retention
never removes it first.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
import orjson

from schemas.place import Place
from schemas.times import time_text
from schemas.topics import DEAD_LETTERS
from streams.decode.identity import Identity, identity, readable_event
from streams.settings import Settings
from streams.transport.reading import read_partition
from streams.transport.topic_admin import topic_partitions


class Replayed(msgspec.Struct, frozen=True):
    """Where the event that was sent for a letter went, and which one it is."""

    topic: str
    partition: int
    offset: int
    source: str
    id: str

    @property
    def place(self) -> Place:
        """Where it went."""
        return Place(self.topic, self.partition, self.offset)


class Letter(msgspec.Struct, frozen=True):
    """A dead letter: every byte of the refused record, and the complaint. ``timestamp`` is the record's own, in ms.

    ``value_bytes`` is the size of a value that was too large to be kept; ``replayed`` is there in marks only.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int = -1
    reason: str = ""
    field: str = ""
    message: str = ""
    key_base64: bytes | None = None
    headers: list[tuple[str, bytes | None]] = []
    value_base64: bytes | None = None
    value_bytes: int | None = None
    replayed: Replayed | None = None

    @property
    def place(self) -> Place:
        """Its identity."""
        return Place(self.topic, self.partition, self.offset)

    @property
    def event(self) -> dict[str, Any] | None:
        """The refused event in structured mode, as far as it can be read."""
        return readable_event(self.value_base64, self.headers)


class Entry(NamedTuple):
    """What a list shows of a letter, and where the letter itself is in its topic."""

    place: Place
    refused_ms: int
    reason: str
    field: str
    message: str
    event: Identity
    letter_partition: int
    letter_offset: int


_decode = msgspec.json.Decoder(Letter).decode


def read_letter(value: bytes | None) -> Letter | None:
    """A record of the topic; None for what no worker wrote."""
    try:
        return _decode(value or b"")
    except (msgspec.DecodeError, RecursionError):
        return None


def mark(place: Place, event: Identity, sent: Place) -> bytes:
    """The value of the record that marks a letter as replayed.

    Args:
        place: the letter's identity.
        event: which event was sent for it.
        sent: where that went.
    """
    return orjson.dumps(
        {**place._asdict(), "replayed": {**sent._asdict(), "source": event.source, "id": event.id}},
    )


class Letters:
    """An account of the topic: each letter once, however often it was written, and which were replayed.

    Args:
        newest: only so many that wait are needed, the newest ones; None: all, and those that were replayed.
    """

    def __init__(self, newest: int | None = None) -> None:
        self.entries: dict[Place, Entry] = {}
        self.replayed: dict[Place, Replayed] = {}
        self._newest = newest

    def take(self, partition: int, record: Any, letter: Letter, wanted: Callable[[Entry], bool]) -> None:
        """Takes the next record of a partition of the topic into account."""
        if letter.replayed is not None:
            self.replayed.setdefault(letter.place, letter.replayed)
            return
        entry = Entry(
            letter.place,
            record.timestamp,
            letter.reason,
            letter.field,
            letter.message,
            identity(letter.event),
            partition,
            record.offset,
        )
        if wanted(entry):
            self.entries.setdefault(entry.place, entry)
            if self._newest is not None and len(self.entries) > 2 * self._newest:
                self.entries = {entry.place: entry for entry in self.waiting()[-self._newest :]}

    def waiting(self) -> list[Entry]:
        """The letters that were not replayed, in the order in which they were refused."""
        return in_order(entry for place, entry in self.entries.items() if place not in self.replayed)

    def row(self, entry: Entry) -> dict[str, Any]:
        """A letter as commands and API show it."""
        sent = self.replayed.get(entry.place)
        return {
            "letter": str(entry.place),
            **entry.place._asdict(),
            "refused": time_text(entry.refused_ms * 1_000),
            "reason": entry.reason,
            "field": entry.field,
            "message": entry.message,
            **entry.event._asdict(),
            "replayed": None if sent is None else {"to": str(sent.place), "source": sent.source, "id": sent.id},
        }


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Letters in the order in which they were refused."""
    return sorted(entries, key=lambda entry: (entry.refused_ms, entry.place))


async def list_letters(
    settings: Settings,
    wanted: Callable[[Entry], bool],
    taken: Callable[[int], None] = lambda _: None,
    since_ms: int | None = None,
    newest: int | None = None,
) -> Letters:
    """Reads the topic.

    Args:
        settings: where the cluster is.
        wanted: which letters to keep; of the others only the marks are.
        taken: told how many records more have been read.
        since_ms: letters and marks that were written before are left out; None: none are.
        newest: see ``Letters``.

    Raises:
        CityPulseError: nobody answers, or the topic is missing.
    """
    letters = Letters(newest)
    partitions = (await topic_partitions(settings, (DEAD_LETTERS,)))[DEAD_LETTERS]
    for partition in range(partitions):
        async with aclosing(read_partition(settings, DEAD_LETTERS, partition, since_ms=since_ms)) as parts:
            async for part in parts:
                for record in part.records:
                    letter = read_letter(record.value)
                    if letter is not None:
                        letters.take(partition, record, letter, wanted)
                taken(len(part))
                await asyncio.sleep(0)  # others have their own work
    return letters


async def open_letters(settings: Settings, entries: Iterable[Entry]) -> AsyncGenerator[tuple[Entry, Letter]]:
    """The letters themselves, with their bytes, in the order of their places in the topic.

    One that retention has removed since it was listed is left out.

    Raises:
        CityPulseError: nobody answers.
    """
    by_partition: dict[int, dict[int, Entry]] = {}
    for entry in entries:
        by_partition.setdefault(entry.letter_partition, {})[entry.letter_offset] = entry
    for partition, wanted in sorted(by_partition.items()):
        first, last = min(wanted), max(wanted)
        async with aclosing(read_partition(settings, DEAD_LETTERS, partition, start=first)) as parts:
            async for part in parts:
                for record in part.records:
                    found = wanted.get(record.offset)
                    letter = read_letter(record.value) if found else None
                    if found and letter:
                        yield found, letter
                if part.next_offset > last:
                    break
