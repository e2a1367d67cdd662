"""The publisher for code without an event loop: the same, on a loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from streams.publish.client import Delivered, Delivery, Publisher
from streams.publish.events import CloudEvent

T = TypeVar("T")


class SyncPublisher:
    """Publishes events; use as a context manager. Its methods may be called from any thread.

    Args:
        bootstrap_servers: ``host:port``, comma separated.
        options: those of ``Publisher``.
    """

    def __init__(self, bootstrap_servers: str, **options: Any) -> None:
        self._bootstrap = bootstrap_servers
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="citypulse-publisher", daemon=True)
        self._publisher: Publisher | None = None

    @property
    def notice(self) -> str:
        """What to know about the broker; "" if there is nothing."""
        return self._connected.notice

    def publish(self, event: str | bytes | CloudEvent) -> Delivered:
        """Publishes one event and waits until the cluster has it; see ``Publisher.publish``.

        Raises:
            EventRefused: the event is not within the contract.
            NotDelivered: it was not acknowledged in time.
        """
        return self._run(self._connected.publish(event))

    def send(self, event: str | bytes | CloudEvent) -> "Future[Delivered]":
        """Hands one event over, for many at a time; waits while too many are not acknowledged yet.

        Returns:
            Its delivery report.

        Raises:
            EventRefused: the event is not within the contract.
            NotDelivered: in time there was no room for it, or no broker.
        """
        report: Future[Delivered] = Future()

        def settle(delivery: Delivery) -> None:
            if (error := delivery.exception()) is not None:
                report.set_exception(error)
            else:
                report.set_result(delivery.result())

        async def hand_over() -> None:
            (await self._connected.send(event)).add_done_callback(settle)

        self._run(hand_over())
        return report

    def flush(self) -> None:
        """Waits until everything that was sent is acknowledged or has failed.

        Raises:
            NotDelivered: events that were sent since the last flush have failed.
        """
        self._run(self._connected.flush())

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._connected.__aexit__(kind, error, trace))
        finally:
            self._publisher = None
            self._end()

    @property
    def _connected(self) -> Publisher:
        if self._publisher is None:
            raise RuntimeError("the publisher is not open: use it as a context manager")
        return self._publisher

    async def _start(self) -> None:
        publisher = Publisher(self._bootstrap, **self._options)
        await publisher.start()
        self._publisher = publisher

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
