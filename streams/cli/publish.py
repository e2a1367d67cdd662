"""``citypulse publish``: checks the events of a file and publishes those that hold."""

import argparse
import asyncio
import os
import stat
import sys
from collections import Counter
from io import FileIO

from schemas.topics import FAMILY, SOURCES
from streams.cli.environment import load_settings
from streams.cli.progress import ByteProgress
from streams.cli.publisher import open_publisher
from streams.cli.reading import batches
from streams.cli.signals import stop_on_signals
from streams.errors import BrokerUnreachable, InputError
from streams.publish import Delivery, EventRefused, NotDelivered, Publisher
from streams.publish.files import BadTable, Format
from streams.settings import Settings
from streams.transport.topic_admin import check_sources

INTERRUPTED = 130


def run(arguments: argparse.Namespace) -> int:
    """Publishes a file.

    Returns:
        0, 1 if a line was bad, 130 after Ctrl-C.

    Raises:
        CityPulseError: the file cannot be read, no broker answers, or a topic is missing.
    """
    settings = load_settings()
    name: str = arguments.file
    form: Format = arguments.format or ("csv" if name.endswith(".csv") else "ndjson")
    try:
        with _open(name) as stream:
            return asyncio.run(_run(settings, stream, _size(stream), form))
    except BadTable as error:
        raise InputError(f"cannot read {name} as CSV: {error}") from error


def _open(name: str) -> FileIO:
    try:
        # Unbuffered: the lock of a buffered reader would be held by the thread that still waits for a pipe at the end.
        return FileIO(0, closefd=False) if name == "-" else FileIO(name)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error


def _size(stream: FileIO) -> int | None:
    status = os.fstat(stream.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


async def _run(settings: Settings, stream: FileIO, size: int | None, form: Format) -> int:
    stop = asyncio.Event()
    with stop_on_signals(stop), ByteProgress(size) as progress:
        await check_sources(settings)
        async with open_publisher(settings) as publisher:
            if publisher.notice:
                progress.say(f"note: {publisher.notice}")
            publication = Publication(publisher, settings, progress)
            work = asyncio.create_task(publication.publish(stream, form))
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
        publisher: connected.
        settings: where the cluster is, for an error.
        progress: where bad lines are reported.
    """

    def __init__(self, publisher: Publisher, settings: Settings, progress: ByteProgress) -> None:
        self._publisher = publisher
        self._settings = settings
        self._progress = progress
        self._line = 0
        self._bad = 0
        self._published: Counter[str] = Counter()
        self._lost = 0
        self._failure: BaseException | None = None
        self.failed = asyncio.Event()

    async def publish(self, stream: FileIO, form: Format) -> None:
        """Reads to the end and sends what holds. ``failed`` is set when the broker no longer acknowledges."""
        async for batch in batches(stream, form):
            for number, value in batch:
                await self._one(number, value)
            self._progress.advance(sum(len(value) + 1 for _, value in batch))

    async def _one(self, number: int, value: bytes) -> None:
        try:
            (await self._publisher.send(value)).add_done_callback(self._settled)
        except EventRefused as refused:
            self._bad += 1
            self._progress.say(f"line {number}: {refused}")
        except NotDelivered as error:
            self._fail(error)
        self._line = number

    def _settled(self, delivery: Delivery) -> None:
        error = delivery.exception()
        if error is None:
            self._published[delivery.result().topic] += 1
        else:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._lost += 1
        self._failure = self._failure or error
        self.failed.set()

    def report(self, *, interrupted: bool) -> int:
        """Prints the summary on stdout.

        Returns:
            The exit code.

        Raises:
            BrokerUnreachable: events were not acknowledged.
        """
        parts = [f"{FAMILY[topic]} {self._published[topic]}" for topic in SOURCES if self._published[topic]]
        detail = f" ({', '.join(parts)})" if parts else ""
        count = self._published.total()
        print(f"published {_plural(count, 'event')}{detail}, {_plural(self._bad, 'bad line')}", flush=True)
        if interrupted:
            print(f"citypulse: interrupted after line {self._line}", file=sys.stderr)
            return INTERRUPTED
        if self._failure is not None:
            reason = f"{self._lost} events up to line {self._line} not acknowledged: {self._failure}"
            raise BrokerUnreachable(self._settings.broker, reason)
        return 1 if self._bad else 0


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
