"""``citypulse dead-letters replay``: sends letters again, as they are or mended, each at most once."""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from io import FileIO
from typing import Any, NamedTuple

import msgspec

from schemas.events import Rejection
from schemas.place import Place
from schemas.topics import DEAD_LETTERS, FAMILY, SOURCES
from streams.cli.opening import open_input
from streams.cli.parser import UsageError
from streams.cli.progress import RecordProgress
from streams.cli.publisher import open_publisher
from streams.cli.reading import batches
from streams.decode.identity import identity, readable_event
from streams.decode.wording import printable, short
from streams.errors import BrokerUnreachable
from streams.publish import Delivered, NotDelivered, Publisher
from streams.publish.checking import Checker
from streams.publish.routing import Message
from streams.settings import Settings
from streams.transport.letters import Entry, Letters, list_letters, mark, open_letters
from streams.transport.topic_admin import topic_partitions

AT_ONCE = 500
"""Letters sent before their marks are written."""

NO_SUCH = "there is no such dead letter"
NO_LINE = 'is no line of an export: expected an object with "letter", and with "event", an object or null'


class _Line(msgspec.Struct):
    """A line of an exported file. Its other fields are for the reader. ``event`` is null until somebody writes one."""

    letter: str
    event: dict[str, Any] | None


class _Written(NamedTuple):
    """What an exported file has for a letter: on which line, and the event, if there is one."""

    line: int
    event: bytes | None


_read_line = msgspec.json.Decoder(_Line).decode

Item = tuple[Place, Message | Rejection]


def replay(settings: Settings, arguments: argparse.Namespace, wanted: Callable[[Entry], bool]) -> int:
    """Replays the letters that the options choose.

    Returns:
        0; 1 when something is still refused or is no letter.

    Raises:
        UsageError: nothing is chosen, or in two ways.
        CityPulseError: nobody answers, or the file cannot be read.
    """
    filtered = any((arguments.reason, arguments.topic, arguments.source, arguments.since, arguments.until))
    if sum(map(bool, (arguments.letters, filtered or arguments.all, arguments.file))) != 1:
        raise UsageError(
            "say which letters: their names, or filters or --all, or --from FILE",
            "see citypulse dead-letters replay --help",
        )
    run = _Replay(settings, dry=arguments.dry_run, as_json=arguments.json)
    if arguments.file:
        with open_input(arguments.file) as stream:
            return asyncio.run(run.mended(stream))
    chosen = frozenset(arguments.letters)
    condition = (lambda entry: entry.place in chosen) if chosen else wanted
    return asyncio.run(run.as_is(condition, chosen))


class _Replay:
    """One run.

    Args:
        settings: what a worker with the same settings would refuse is refused here.
        dry: check only.
        as_json: the summary is one JSON object, with what is refused and left out in it.
    """

    def __init__(self, settings: Settings, *, dry: bool, as_json: bool) -> None:
        self._settings = settings
        self._dry = dry
        self._as_json = as_json
        self._checker = Checker(max_event_bytes=settings.max_event_bytes, open_indicators=settings.open_indicators)
        self._sent: Counter[str] = Counter()
        self._before = 0
        self._refused: list[dict[str, str]] = []
        self._left_out: list[dict[str, str]] = []
        self._progress = RecordProgress()

    async def as_is(self, wanted: Callable[[Entry], bool], named: frozenset[Place]) -> int:
        """Replays letters with the bytes that they have."""
        with self._progress:
            letters = await list_letters(self._settings, wanted)
            missing, waiting = sorted(named - letters.entries.keys()), letters.waiting()
            self._progress.total(len(missing) + len(waiting))
            for place in missing:
                self._leave_out(str(place), NO_SUCH)
            self._before = len(letters.entries) - len(waiting)
            await self._run(self._opened(waiting))
        return self._report()

    async def _opened(self, waiting: list[Entry]) -> AsyncIterator[Item]:
        async with aclosing(open_letters(self._settings, waiting)) as opened:
            async for entry, letter in opened:
                if letter.value_bytes is not None:
                    self._keep(entry.place, entry.reason, "its bytes were too many to be kept: publish it anew")
                else:
                    yield entry.place, self._checker(letter.value_base64 or b"", _now_us(), letter.headers)

    async def mended(self, stream: FileIO) -> int:
        """Replays the events of an exported file."""
        with self._progress:
            lines = [line async for batch in batches(stream, "ndjson") for line in batch]
            self._progress.total(len(lines))
            events: dict[Place, _Written] = {}
            for number, text in lines:
                try:
                    line = _read_line(text)
                except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                    self._leave_out(f"line {number}", NO_LINE)
                    continue
                try:
                    place = Place.parse(line.letter)
                except ValueError as error:
                    self._leave_out(f"line {number}", printable(short(str(error))))
                    continue
                if place in events:
                    self._leave_out(f"line {number}", f"{place} stands on line {events[place].line}, too")
                else:
                    event = None if line.event is None else msgspec.json.encode(line.event)
                    events[place] = _Written(number, event)
            letters = await list_letters(self._settings, lambda entry: entry.place in events)
            await self._run(self._judged(events, letters))
        return self._report()

    async def _judged(self, events: dict[Place, _Written], letters: Letters) -> AsyncIterator[Item]:
        for place, written in events.items():
            if place in letters.replayed:
                self._before += 1
                self._progress.advance(1)
            elif place not in letters.entries:
                self._leave_out(str(place), NO_SUCH)
            elif written.event is None:
                self._keep(
                    place,
                    letters.entries[place].reason,
                    f'has no event yet; write one into "event" (line {written.line})',
                )
            else:
                yield place, self._checker(written.event, _now_us())

    async def _run(self, items: AsyncIterator[Item]) -> None:
        """Sends what holds, and marks it once the cluster has it."""
        if self._dry:
            await self._send(items, None)
            return
        await topic_partitions(self._settings, (*SOURCES, DEAD_LETTERS))
        async with open_publisher(self._settings) as publisher:
            await self._send(items, publisher)

    async def _send(self, items: AsyncIterator[Item], publisher: Publisher | None) -> None:
        under_way: list[tuple[Place, Message]] = []
        async for place, verdict in items:
            if isinstance(verdict, Rejection):
                self._refuse(place, verdict)
                continue
            under_way.append((place, verdict))
            if len(under_way) == AT_ONCE:
                await self._acknowledge(under_way, publisher)
                under_way = []
        await self._acknowledge(under_way, publisher)

    async def _acknowledge(self, messages: list[tuple[Place, Message]], publisher: Publisher | None) -> None:
        """An event that is there without its mark is sent again next time, and is a duplicate then."""
        if publisher is not None:
            there = await self._all(publisher, [message for _, message in messages])
            marks = [_mark(place, message, at) for (place, message), at in zip(messages, there, strict=True)]
            await self._all(publisher, marks)
        self._sent.update(message.topic for _, message in messages)
        self._progress.advance(len(messages))

    async def _all(self, publisher: Publisher, messages: list[Message]) -> list[Delivered]:
        """Sends all and waits until the cluster has them."""
        try:
            deliveries = [await publisher.send_unchecked(message) for message in messages]
            await publisher.flush()
            return [delivery.result() for delivery in deliveries]
        except NotDelivered as error:
            raise BrokerUnreachable(self._settings.broker, f"{error}; run the same replay again") from error

    def _refuse(self, place: Place, verdict: Rejection) -> None:
        self._refused.append({"letter": str(place), **msgspec.structs.asdict(verdict)})
        field = f" {verdict.field}" if verdict.field else ""
        self._done_with(f"{place}: {verdict.reason}{field}: {verdict.message}")

    def _keep(self, place: Place, reason: str, why: str) -> None:
        """A letter that has nothing to send yet: there is no verdict but the one that it has."""
        self._refused.append({"letter": str(place), "reason": reason, "field": "", "message": why})
        self._done_with(f"{place}: {why}")

    def _leave_out(self, what: str, why: str) -> None:
        """What names no letter is not one that is still refused."""
        self._left_out.append({"what": what, "message": why})
        self._done_with(f"{what}: {why}")

    def _done_with(self, problem: str) -> None:
        """Says why nothing is sent; the progress ends at its total all the same."""
        self._progress.advance(1)
        self._progress.say(problem)

    def _report(self) -> int:
        print(self._json() if self._as_json else self._words(), flush=True)
        return 1 if self._refused or self._left_out else 0

    def _words(self) -> str:
        parts = [f"{FAMILY[topic]} {self._sent[topic]}" for topic in SOURCES if self._sent[topic]]
        detail = f" ({', '.join(parts)})" if parts else ""
        count = self._sent.total()
        done = "would replay" if self._dry else "replayed"
        left_out = f", {len(self._left_out)} left out" if self._left_out else ""
        return (
            f"{done} {count} dead letter{'' if count == 1 else 's'}{detail}, "
            f"{self._before} replayed before, {len(self._refused)} still refused{left_out}"
        )

    def _json(self) -> str:
        summary = {
            "dry_run": self._dry,
            "replayed": self._sent.total(),
            "topics": {topic: self._sent[topic] for topic in SOURCES},
            "replayed_before": self._before,
            "refused": self._refused,
            "left_out": self._left_out,
        }
        return json.dumps(summary, ensure_ascii=False, indent=2)


def _mark(place: Place, message: Message, sent: Delivered) -> Message:
    event = identity(readable_event(message.value, list(message.headers)))
    at = Place(sent.topic, sent.partition, sent.offset)
    return Message(DEAD_LETTERS, place.key, mark(place, event, at), ())


def _now_us() -> int:
    return time.time_ns() // 1_000
