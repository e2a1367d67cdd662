"""One worker, wired: the only place where all parts meet."""

import asyncio
import logging
import os
import platform
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from schemas.thresholds import Threshold, ThresholdError, read_thresholds
from schemas.topics import FAMILY, SOURCES, TRANSACTIONS
from streams.aggregate.views import Snapshot, ThresholdState
from streams.alerts.evaluate import Judgement, ThresholdEvaluator
from streams.alerts.refusals import RefusalWatch
from streams.decode import Decoder
from streams.errors import SettingsError
from streams.exposition.api import create_app
from streams.exposition.ingest import Ingestion, is_loopback
from streams.exposition.lookups import Lookups
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.server import HttpServer
from streams.exposition.tokens import tokens_of
from streams.memory import keep_small, tune_collector
from streams.ports import web_address
from streams.publish import Publisher
from streams.publish.checking import Checker
from streams.publish.intake import DEADLINE_S, Intake
from streams.settings import Settings
from streams.state.board import TOPIC_OF, Board, StateSettings
from streams.state.changes import Changes
from streams.state.intake import Visible
from streams.state.owner import Owner
from streams.state.recovery import OwnerOptions
from streams.state.stream import Stream
from streams.state.tail import Tail, read_ids
from streams.transport.agents import faust_app
from streams.transport.alerts import AlertPublisher
from streams.transport.client_options import client_options, connecting
from streams.transport.clocks import monotonic, wall_us
from streams.transport.lookups import TopicLookups
from streams.transport.ownership import Hooks, Ownership
from streams.transport.producer import WorkerProducer
from streams.transport.rights import worker_rights
from streams.transport.topic_admin import check_topics
from streams.transport.waiting import follow

log = logging.getLogger(__name__)

WATCH_EVERY = 1.0
"""Seconds between looks at the share of dead letters and at what the log has to say."""


class Worker:
    """One worker.

    Args:
        settings: of the worker.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._options = client_options(settings)
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._pipeline = PipelineMetrics(SOURCES)
        self._thresholds = _thresholds(settings)
        self._tokens = tokens_of(settings.ingest_tokens_file)
        self._evaluator = ThresholdEvaluator(self._thresholds, lambda: self._board.noted)
        self._failure: BaseException | None = None
        self._stop = asyncio.Event()

    async def run(self, ready: Callable[[str], None] | None, stop: asyncio.Event) -> None:
        """Works until told to stop; see ``run_worker``."""
        layout = await check_topics(self._settings, worker_rights(self._settings))
        self._board = Board(
            StateSettings(self._settings.time_zone, self._settings.clock),
            {family: layout.partitions[topic] for topic, family in FAMILY.items()},
        )
        self._producer = WorkerProducer(self._options, self._settings.state_topic)
        self._ownership = self._make_ownership()
        self._publisher = Publisher(**self._options, deadline=DEADLINE_S)
        async with AsyncExitStack() as stack:
            url = await self._start_http(stack)
            self._start_tail(stack)
            self._start_watch(stack, "share of dead letters, and what the log says", self._watch())
            self._start_watch(stack, "memory", keep_small(self._ownership.forget_lost))
            self._start_watch(stack, "dead letters that wait", follow(self._settings, self._pipeline.waiting))
            async with connecting(self._settings):
                await self._producer.start()
                stack.push_async_callback(self._producer.stop)
                await self._publisher.start()
            stack.push_async_callback(self._publisher.stop)
            tune_collector()
            if self._thresholds:
                self._start_alerts(stack)
            started = self._start_faust(stack)
            await _first(started, stop.wait(), self._stop.wait())
            if started.done():
                extra = {"change": "started", "url": url, "broker": self._settings.broker, **_build_info()}
                log.info("started: %s", url, extra=extra)
                if ready is not None:
                    ready(url)
            await _first(stop.wait(), self._stop.wait())
            log.info("stopping", extra={"change": "stopping"})
        if self._failure is not None:
            raise self._failure
        log.info("stopped", extra={"change": "stopped"})

    def _fail(self, error: BaseException | None) -> None:
        """Ends the worker with an error."""
        self._failure = self._failure or error or RuntimeError("a part of the worker has ended")
        self._stop.set()

    def _check(self, task: "asyncio.Task[Any]") -> None:
        """Ends the worker when a task of its own has failed."""
        if not task.cancelled() and task.exception() is not None:
            self._fail(task.exception())

    # -- parts

    async def _start_http(self, stack: AsyncExitStack) -> str:
        looking = TopicLookups(self._settings, self._snapshot)
        app = create_app(
            snapshot=self._snapshot,
            pipeline=self._pipeline,
            thresholds=self._thresholds_now,
            info=_build_info(),
            lookups=Lookups(looking.trace, looking.letters, self._pipeline),
            ingestion=self._make_ingestion(),
        )
        server = HttpServer(app)
        host = self._settings.http_host
        port = await server.start(host, self._settings.http_port)
        stack.push_async_callback(server.stop)
        return web_address(host, port)

    def _make_ingestion(self) -> Ingestion:
        settings = self._settings
        check = Checker(max_event_bytes=settings.max_event_bytes, open_indicators=settings.open_indicators)
        return Ingestion(
            Intake(self._publisher, check),
            self._tokens,
            loopback=is_loopback(settings.http_host),
            rate=settings.ingest_rate,
            pipeline=self._pipeline,
            clock=monotonic,
        )

    def _snapshot(self) -> Snapshot:
        return self._board.snapshot(wall_us(), monotonic(), self._ownership.owned())

    def _thresholds_now(self, snapshot: Snapshot) -> tuple[ThresholdState, ...]:
        return self._evaluator.evaluate(snapshot, wall_us())

    def _judge(self) -> Judgement | None:
        return self._evaluator.judge(self._snapshot(), wall_us())

    def _start_alerts(self, stack: AsyncExitStack) -> None:
        """The worker that owns the first partition of transactions publishes the alert events of all."""
        publisher = AlertPublisher(
            self._settings,
            self._judge,
            lambda: (TRANSACTIONS, 0) in self._ownership.owned(),
            self._producer.alert,
        )
        task = asyncio.create_task(publisher.run(), name="alert events")
        task.add_done_callback(self._check)
        stack.push_async_callback(_cancel, task)

    def _start_tail(self, stack: AsyncExitStack) -> None:
        self._tail = Tail(self._settings.state_topic, self._board, self._options, monotonic, wall_us)
        task = asyncio.create_task(self._tail.run(), name="tail of the state log")
        task.add_done_callback(self._check)
        stack.push_async_callback(_cancel, task)

    def _start_watch(self, stack: AsyncExitStack, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._check)
        stack.push_async_callback(_cancel, task)

    async def _watch(self) -> None:
        """Keeps metric and readiness up to date; says in the log when topics begin to be mostly refused, and stop."""
        watch, changes = RefusalWatch(SOURCES, self._settings.dead_letter_share), Changes()
        while True:
            now = monotonic()
            before = watch.reasons
            incomplete = self._board.reasons(now)
            changes.observe(incomplete, self._tail.heard, now)
            watch.observe(self._board.counts()[0], not incomplete, now)
            self._pipeline.refusals(watch.shares, tuple(watch.reasons.values()))
            for topic in watch.reasons.keys() - before.keys():
                log.error("not ready: %s", watch.reasons[topic], extra={"change": "refused", "topic": topic})
            for topic in before.keys() - watch.reasons.keys():
                log.warning("%s is no longer mostly refused", topic, extra={"change": "accepted", "topic": topic})
            await asyncio.sleep(WATCH_EVERY)

    def _start_faust(self, stack: AsyncExitStack) -> "asyncio.Task[Any]":
        """Joins the group, which may take a while, and may be stopped meanwhile."""
        app = faust_app(self._settings.app_id, self._options, self._ownership, self._ownership.take_in)
        started = asyncio.create_task(app.start(), name="start of faust")
        started.add_done_callback(self._check)
        stack.push_async_callback(app.stop)
        stack.push_async_callback(_cancel, started)
        stack.push_async_callback(self._ownership.close)
        crashed = asyncio.create_task(app._crashed.wait(), name="faust has crashed")
        crashed.add_done_callback(lambda done: None if done.cancelled() else self._fail(app._crash_reason))
        stack.push_async_callback(_cancel, crashed)
        return started

    def _make_ownership(self) -> Ownership:
        settings = self._settings
        options = OwnerOptions(
            self._name, settings.checkpoint_interval, settings.dedupe_horizon, settings.series_budget,
            self._evaluator.note,
        )  # fmt: skip

        def new_owner(family: str, partition: int) -> Owner:
            return Owner(
                self._board.stream(family, partition),
                self._board,
                self._producer,
                options,
                clock=monotonic,
                wall_us=wall_us,
                committed=self._committed,
            )

        async def ids(family: str, partition: int) -> list[tuple[int, bytes]]:
            return await read_ids(settings.state_topic, family, partition, self._options)

        decoders = {
            topic: Decoder(topic, max_event_bytes=settings.max_event_bytes, open_indicators=settings.open_indicators)
            for topic in SOURCES
        }
        hooks = Hooks(self._pipeline.batch_duration, self._pipeline.rebalanced, self._pipeline.recovered, self._fail)
        return Ownership(new_owner, decoders, self._producer, ids, hooks)

    def _committed(self, stream: Stream, visible: Sequence[Visible]) -> None:
        now = wall_us()
        for appended_us, count in visible:
            self._pipeline.event_visible(TOPIC_OF[stream.family], (now - appended_us) / 1e6, count)


async def run_worker(settings: Settings, *, ready: Callable[[str], None] | None = None, stop: asyncio.Event) -> None:
    """Runs one worker until it is told to stop.

    Args:
        settings: of the worker.
        ready: told the URL that it answers at.
        stop: set it to end; what has been read is made durable first.

    Raises:
        CityPulseError: broker, topics, port or state are not as a worker needs them.
    """
    await Worker(settings).run(ready, stop)


def _thresholds(settings: Settings) -> tuple[Threshold, ...]:
    if not settings.thresholds_file:
        return ()
    try:
        return read_thresholds(Path(settings.thresholds_file))
    except ThresholdError as error:
        raise SettingsError([f"CITYPULSE_THRESHOLDS_FILE: {problem}" for problem in error.problems]) from error


def _build_info() -> dict[str, str]:
    return {"version": version("citypulse"), "python": platform.python_version(), "faust": version("faust-streaming")}


async def _first(*waits: Awaitable[Any]) -> None:
    """Waits for the first of them. Those that were tasks before go on; what is only waited for is not."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, wait in zip(tasks, waits, strict=True):
            if task is not wait:
                task.cancel()


async def _cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
