"""``citypulse demo``: broker, topics, worker, a story and synthetic traffic in one process (and the broker's)."""

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import TypeVar

from rich.console import Console
from rich.logging import RichHandler

from streams.app import run_worker
from streams.cli.api import Answers, fetch
from streams.cli.demo_view import DemoView, consumed
from streams.cli.environment import load_settings
from streams.cli.publisher import open_publisher
from streams.cli.signals import stop_on_signals
from streams.cli.tables import report, report_console
from streams.cli.totals import show
from streams.cli.worker import addresses
from streams.errors import CityPulseError, EmbeddedBrokerError
from streams.ports import require_free
from streams.publish import Publisher
from streams.publish.pace import paced
from streams.publish.routing import Message
from streams.publish.story import story
from streams.settings import Settings
from streams.shipped import THRESHOLDS, shipped
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics

T = TypeVar("T")

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

TICK_S = 0.1
WATCH_S = 0.5
START_DEADLINE_S = 60.0
DRAIN_DEADLINE_S = 60.0
STOP_DEADLINE_S = 15.0


class DemoFailed(CityPulseError):
    """A part of the demo did not do its work, or not in time."""


class _Stopped(Exception):
    """A signal asked the demo to end."""


def run(arguments: argparse.Namespace) -> int:
    """Runs the demo until Ctrl-C, or for so many seconds and then shows the final totals.

    Raises:
        CityPulseError: the port is taken, the broker does not start, or the worker fails.
    """
    settings = _settings(arguments)
    require_free(settings.http_host, settings.http_port, "choose another with --port")
    console = report_console(stderr=arguments.json)
    handler = RichHandler(console=console, show_path=False) if console.is_terminal else logging.StreamHandler()
    words = "%(name)s: %(message)s" if console.is_terminal else LOG_FORMAT  # the other one tells time and level itself
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format=words)
    logging.getLogger("mode.timers").setLevel(logging.ERROR)  # a timer that is late, as on any busy machine
    try:
        answers = asyncio.run(_run(arguments, console))
    except _Stopped:
        print("citypulse: demo stopped", file=sys.stderr)
        return 0
    show(answers, as_json=arguments.json)
    return 0


def _settings(arguments: argparse.Namespace, broker: str | None = None) -> Settings:
    """The worker's; the thresholds are those that we ship unless the environment names others, or none."""
    given = {"broker": broker, "http_port": arguments.port, "clock": "wall", "security_protocol": "PLAINTEXT"}
    settings = load_settings(**given)
    if "thresholds_file" in settings.model_fields_set:
        return settings
    return load_settings(**given, thresholds_file=str(shipped(THRESHOLDS)))


async def _run(arguments: argparse.Namespace, console: Console) -> Answers:
    stop = asyncio.Event()
    broker = EmbeddedBroker()
    with stop_on_signals(stop, broker.stop), broker:
        settings = _settings(arguments, broker.bootstrap)
        console.print(f"broker  {broker.bootstrap}")
        watch = asyncio.create_task(_watch(stop, broker))
        try:
            await _guarded(create_topics(settings), watch)
            return await _with_worker(arguments, console, settings, watch)
        finally:
            await _cancelled(watch)


async def _with_worker(
    arguments: argparse.Namespace, console: Console, settings: Settings, watch: asyncio.Task[None]
) -> Answers:
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await run_worker(settings, ready=ready.set_result, stop=stop)
        if not stop.is_set():
            raise DemoFailed("the worker has ended by itself")

    worker = asyncio.create_task(work())
    try:
        return await _guarded(_play(arguments, console, settings, ready), watch, worker)
    finally:
        stop.set()
        await asyncio.wait((worker,), timeout=STOP_DEADLINE_S)
        await _cancelled(worker)


async def _play(
    arguments: argparse.Namespace, console: Console, settings: Settings, ready: asyncio.Future[str]
) -> Answers:
    """The story, then synthetic traffic; ends with the final answers when ``--seconds`` says so."""
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            with console.status("a worker starts and joins its group: some seconds"):
                url = await ready
    except TimeoutError as error:
        raise DemoFailed(f"the worker is not ready after {START_DEADLINE_S:.0f} s") from error
    for line in addresses(url, settings.http_host):
        console.print(line)
    published: Counter[str] = Counter()
    async with open_publisher(settings) as publisher:
        with console.status("publishing the story of 2023, and waiting until it is counted"):
            await _send(publisher, story(), published)
            await publisher.flush()
            await _drained(url, published)
        console.print("The story of 2023, as published:")
        console.print(report(await fetch(url)))
        console.print(f"Now {arguments.rate} synthetic events a second; nothing in them is a published figure.")
        view = asyncio.create_task(DemoView(console, url).run())
        try:
            await _guarded(_traffic(publisher, arguments.rate, arguments.seconds, published), view)
        finally:
            await _cancelled(view)
        with console.status("waiting until every event is counted"):
            await publisher.flush()
            await _drained(url, published)
    return await fetch(url)


async def _traffic(publisher: Publisher, rate: int, seconds: float | None, published: Counter[str]) -> None:
    """Publishes ``rate`` events a second, for ``seconds`` or until it is cancelled."""
    async for messages in paced(rate, seconds):
        await _send(publisher, messages, published)


async def _send(publisher: Publisher, messages: list[Message], published: Counter[str]) -> None:
    for message in messages:
        await publisher.send_unchecked(message)  # some of them break the contract on purpose
        published[message.topic] += 1


async def _drained(url: str, published: Counter[str]) -> None:
    """Waits until the worker has dealt with everything that was published, and says that its numbers are complete."""
    deadline = asyncio.get_running_loop().time() + DRAIN_DEADLINE_S
    while True:
        answers = await fetch(url, ("totals", "events"))
        done = consumed(answers)
        behind = sum(max(0, count - done.get(topic, 0)) for topic, count in published.items())
        if behind == 0 and answers["totals"]["complete"]:
            return
        if asyncio.get_running_loop().time() > deadline:
            reasons = "; ".join(answers["totals"]["reasons"]) or "complete"
            raise DemoFailed(f"after {DRAIN_DEADLINE_S:.0f} s the worker is {behind} events behind ({reasons})")
        await asyncio.sleep(TICK_S)


async def _watch(stop: asyncio.Event, broker: EmbeddedBroker) -> None:
    """Ends, with an error, when the demo should."""
    while broker.running:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_S)
            raise _Stopped
    raise EmbeddedBrokerError(f"the embedded broker has ended by itself: {broker.said() or 'no word'}")


async def _guarded(work: Coroutine[object, object, T], *guards: asyncio.Task[None]) -> T:
    """Does the work, but gives up with a guard's error as soon as one of them ends."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task, *guards), return_when=asyncio.FIRST_COMPLETED)
        for guard in guards:
            if guard.done():
                guard.result()
        return await task
    finally:
        await _cancelled(task)


async def _cancelled(task: asyncio.Future[T]) -> None:
    """Ends a task and waits for it; what it raised has been seen, or no longer matters."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
