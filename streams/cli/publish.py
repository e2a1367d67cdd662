"""``citypulse publish``: checks the events of a file and publishes those that hold."""

import argparse
import asyncio
import json
import os
import stat
import sys
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.topics import FAMILY, SOURCES
from streams.cli.environment import load_settings
from streams.cli.opening import open_input
from streams.cli.progress import ByteProgress
from streams.cli.publisher import make_publisher, open_publisher
from streams.cli.reading import batches
from streams.cli.signals import stop_on_signals
from streams.errors import BrokerUnreachable, InputError, NotAllowed
from streams.publish import Delivery, EventRefused, NotDelivered, Publisher
from streams.publish.files import BadTable, Format
from streams.publish.mapping import BadMapping, ColumnMapping, read_mapping
from streams.settings import Settings
from streams.transport.client_options import failure
from streams.transport.topic_admin import topic_partitions

INTERRUPTED = 130


class Source(NamedTuple):
    """How a stream is read: its form, the mapping of its columns, and the first line that counts."""

    form: Format
    mapping: ColumnMapping | None
    from_line: int


def run(arguments: argparse.Namespace) -> int:
    """Publishes a file, or only checks it.

    Returns:
        0, 1 if a line was bad, 130 after Ctrl-C.

    Raises:
        CityPulseError: a file cannot be read, no broker answers, or a topic is missing.
    """
    settings = load_settings()
    name: str = arguments.file
    mapping = _mapping(arguments.mapping)
    form: Format = "csv" if mapping else arguments.format or ("csv" if name.endswith(".csv") else "ndjson")
    source = Source(form, mapping, arguments.from_line)
    try:
        with open_input(name) as stream:
            return asyncio.run(_run(settings, stream, source, dry=arguments.dry_run, as_json=arguments.json))
    except BadTable as error:
        raise InputError(f"cannot read {name} as CSV: {error}") from error


def _mapping(name: str | None) -> ColumnMapping | None:
    if name is None:
        return None
    try:
        return read_mapping(Path(name))
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error
    except BadMapping as error:
        raise InputError(f"cannot use {name} as a mapping: {error}") from error


def _size(stream: FileIO) -> int | None:
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


async def _run(settings: Settings, stream: FileIO, source: Source, *, dry: bool, as_json: bool) -> int:
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop))
        progress = stack.enter_context(ByteProgress(_size(stream)))
        if dry:
            publisher = make_publisher(settings)
        else:
            await topic_partitions(settings, SOURCES)
            publisher = await stack.enter_async_context(open_publisher(settings))
            if publisher.notice:
                progress.say(f"note: {publisher.notice}")
        publication = Publication(publisher, settings, progress, dry=dry, as_json=as_json)
        work = asyncio.create_task(publication.publish(stream, source))
        ends = [asyncio.create_task(event.wait()) for event in (stop, publication.failed)]
        await asyncio.wait((work, *ends), return_when=asyncio.FIRST_COMPLETED)
        unfinished = not work.done()
        for task in (work, *ends):
            task.cancel()
        await asyncio.gather(work, *ends, return_exceptions=True)
    if not unfinished:
        work.result()
    return publication.report(interrupted=unfinished and stop.is_set())


class Publication:
    """One run over one stream: what was published, refused and lost.

    Args:
        publisher: connected, unless it is dry.
        settings: what a worker with the same settings would refuse is refused here.
        progress: where bad lines are reported.
        dry: check only.
        as_json: the summary is one JSON object, with the bad lines in it.
    """

    def __init__(
        self, publisher: Publisher, settings: Settings, progress: ByteProgress, *, dry: bool, as_json: bool
    ) -> None:
        self._publisher = publisher
        self._settings = settings
        self._progress = progress
        self._dry = dry
        self._as_json = as_json
        self._bad_lines: list[dict[str, Any]] = []
        self._line = 0
        self._bad = 0
        self._published: Counter[str] = Counter()
        self._lost: list[int] = []
        self._failure: BaseException | None = None
        self.failed = asyncio.Event()

    async def publish(self, stream: FileIO, source: Source) -> None:
        """Reads to the end and sends what holds. ``failed`` is set when the broker no longer acknowledges."""
        last = 0
        async for batch in batches(stream, source.form, source.mapping):
            for number, value in batch:
                if number >= source.from_line:
                    await self._one(number, value)
                last = number
            self._progress.advance(sum(len(value) + 1 for _, value in batch))
        if 1 < source.from_line > last:
            self._progress.say(f"note: nothing from line {source.from_line} on: the last event is on line {last}")

    async def _one(self, number: int, value: bytes) -> None:
        try:
            message = self._publisher.check(value)
            if self._dry:
                self._published[message.topic] += 1
            else:
                delivery = await self._publisher.send_unchecked(message)
                delivery.add_done_callback(partial(self._settled, number))
        except EventRefused as refused:
            self._bad += 1
            if self._as_json:
                self._bad_lines.append({"line": number, **msgspec.structs.asdict(refused.rejection)})
            self._progress.say(f"line {number}: {refused}")
        except NotDelivered as error:
            self._fail(number, error)
        self._line = number

    def _settled(self, number: int, delivery: Delivery) -> None:
        error = delivery.exception()
        if error is None:
            self._published[delivery.result().topic] += 1
        else:
            self._fail(number, error)

    def _fail(self, number: int, error: BaseException) -> None:
        self._lost.append(number)
        self._failure = self._failure or error
        self.failed.set()

    def report(self, *, interrupted: bool) -> int:
        """Prints the summary on stdout, for people or as JSON.

        Returns:
            The exit code.

        Raises:
            BrokerUnreachable: events were not acknowledged.
            NotAllowed: this user may not write them.
        """
        line = min(self._lost, default=self._line + 1)
        go_on = f"go on with --from-line {line}"
        unfinished = interrupted or self._failure is not None
        print(self._json(line if unfinished else None) if self._as_json else self._words(), flush=True)
        if interrupted:
            print(f"citypulse: interrupted after line {self._line}; {go_on}", file=sys.stderr)
            return INTERRUPTED
        if self._failure is not None:
            told = failure(self._settings, self._failure.__cause__ or self._failure)
            if isinstance(told, NotAllowed):
                raise told
            reason = f"{len(self._lost)} events up to line {self._line} not acknowledged: {self._failure}; {go_on}"
            raise BrokerUnreachable(self._settings.broker, reason)
        return 1 if self._bad else 0

    def _words(self) -> str:
        parts = [f"{FAMILY[topic]} {self._published[topic]}" for topic in SOURCES if self._published[topic]]
        detail = f" ({', '.join(parts)})" if parts else ""
        done = "checked, nothing published:" if self._dry else "published"
        return f"{done} {_plural(self._published.total(), 'event')}{detail}, {_plural(self._bad, 'bad line')}"

    def _json(self, from_line: int | None) -> str:
        summary = {
            "dry_run": self._dry,
            "events": self._published.total(),
            "topics": {topic: self._published[topic] for topic in SOURCES},
            "bad_lines": self._bad_lines,
            "from_line": from_line,
        }
        return json.dumps(summary, ensure_ascii=False, indent=2)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
