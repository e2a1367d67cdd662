"""The publisher: checked events to the topic and with the key of their type, each with a delivery report."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

from aiokafka.errors import KafkaError

from schemas.events import Rejection
from streams.errors import BrokerUnreachable
from streams.publish.checking import MAX_EVENT_BYTES, Checker
from streams.publish.errors import EventRefused, NotDelivered
from streams.publish.events import CloudEvent, encoded
from streams.publish.producer import DurableProducer
from streams.publish.routing import Message

DEADLINE_S = 30.0
MAX_IN_FLIGHT = 10_000
LINGER_MS = 5
"""Waits so long for more events to share a request."""

NOT_IDEMPOTENT = "the broker has no idempotent producer: a retry may write an event twice, which CityPulse counts once"


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the cluster has an event, written to all replicas in sync."""

    topic: str
    partition: int
    offset: int


Delivery = asyncio.Future[Delivered]
"""An event's delivery report: await it. It raises NotDelivered when the cluster did not acknowledge the event."""


class Publisher:
    """Publishes events; use as an async context manager.

    Each event is judged by the rules that workers read it with, before anything is sent. Writes are acknowledged by all
    replicas in sync and idempotent. Where the broker cannot do the latter (the embedded one), ``notice`` says so: a
    retry may then write an event twice, and its second copy is a duplicate.

    Args:
        bootstrap_servers: ``host:port``, comma separated.
        max_event_bytes: the workers' setting; a longer event is refused.
        open_indicators: the workers' setting; take indicators that the catalogue does not know.
        max_in_flight: events that may be unacknowledged at a time; ``send`` waits beyond it.
        deadline: seconds in which an event is acknowledged, retries included, or has failed.
        connection: aiokafka's: ``security_protocol``, ``ssl_context``, ``sasl_*``, ``client_id``.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        max_event_bytes: int = MAX_EVENT_BYTES,
        open_indicators: bool = False,
        max_in_flight: int = MAX_IN_FLIGHT,
        deadline: float = DEADLINE_S,
        **connection: Any,
    ) -> None:
        self._bootstrap = bootstrap_servers
        self._check = Checker(max_event_bytes=max_event_bytes, open_indicators=open_indicators)
        self._deadline = deadline
        self._producer = DurableProducer(
            {**connection, "bootstrap_servers": bootstrap_servers},
            request_timeout_ms=round(deadline * 1000),
            linger_ms=LINGER_MS,
        )
        self._room = asyncio.Semaphore(max_in_flight)
        self._pending: set[Delivery] = set()
        self._lost = 0
        self._first_lost: NotDelivered | None = None

    @property
    def notice(self) -> str:
        """What to know about the broker; "" if there is nothing."""
        return "" if self._producer.idempotent else NOT_IDEMPOTENT

    @property
    def connected(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._producer.open

    async def start(self) -> None:
        """Connects.

        Raises:
            BrokerUnreachable: no broker answers, or it refuses us.
        """
        try:
            await self._producer.start()
        except (KafkaError, OSError) as error:
            raise BrokerUnreachable(self._bootstrap, str(error) or type(error).__name__) from error

    async def stop(self) -> None:
        """Sends what is still waiting, for 5 s at most, and disconnects. What then is not acknowledged has failed."""
        await self._producer.stop()
        for delivery in tuple(self._pending):
            self._fail(delivery, NotDelivered("the publisher was stopped before the event was acknowledged"))

    def check(self, event: str | bytes | CloudEvent) -> Message:
        """Judges an event without sending it, and finds its topic and key.

        Raises:
            EventRefused: a worker would refuse it.
        """
        verdict = self._check(encoded(event), time.time_ns() // 1_000)
        if isinstance(verdict, Rejection):
            raise EventRefused(verdict)
        return verdict

    async def publish(self, event: str | bytes | CloudEvent) -> Delivered:
        """Publishes one event and waits until the cluster has it.

        Args:
            event: a CloudEvent in structured mode, as JSON or as a mapping; ``cloudevent`` makes one of a model.

        Raises:
            EventRefused: the event is not within the contract.
            NotDelivered: it was not acknowledged in time.
        """
        message = self.check(event)
        return await (await self._hand_over(message, flushed=False))

    async def send(self, event: str | bytes | CloudEvent) -> Delivery:
        """Hands one event over, for many at a time; waits while too many are not acknowledged yet.

        Args:
            event: as for ``publish``.

        Returns:
            Its delivery report. ``flush`` waits for those of all events.

        Raises:
            EventRefused: the event is not within the contract.
            NotDelivered: in time there was no room for it, or no broker.
        """
        return await self.send_unchecked(self.check(event))

    async def send_unchecked(self, message: Message) -> Delivery:
        """Hands over what is given, good or bad, as ``send`` does: for what ``check`` has passed, and for tests."""
        return await self._hand_over(message, flushed=True)

    async def flush(self) -> None:
        """Waits until everything that was sent is acknowledged or has failed.

        Raises:
            NotDelivered: events that were sent since the last flush have failed.
        """
        while self._pending:
            await asyncio.wait(self._pending)
        lost, first = self._lost, self._first_lost
        self._lost, self._first_lost = 0, None
        if first is not None:
            raise NotDelivered(f"{lost} of the events were not delivered, the first one: {first}") from first

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            await self.stop()

    async def _hand_over(self, message: Message, *, flushed: bool) -> Delivery:
        if not self.connected:
            raise NotDelivered("the publisher is not connected")
        try:
            async with asyncio.timeout(self._deadline):
                sent = await self._sent(message)
        except TimeoutError as error:
            raise NotDelivered(f"no room for the event, or no broker, in {self._deadline:g} s") from error
        except (KafkaError, OSError) as error:
            raise NotDelivered(f"the event was not sent: {_said(error)}") from error
        loop = asyncio.get_running_loop()
        delivery: Delivery = loop.create_future()
        self._pending.add(delivery)
        timer = loop.call_later(self._deadline, self._too_late, delivery)
        delivery.add_done_callback(partial(self._settled, timer, flushed))
        sent.add_done_callback(partial(self._answered, delivery))
        return delivery

    async def _sent(self, message: Message) -> "asyncio.Future[Any]":
        """Hands over to the producer. The event's place is free again when that one is done with it, however late."""
        await self._room.acquire()
        try:
            sent = await self._producer.send(message.topic, message.value, key=message.key, headers=message.headers)
        except BaseException:
            self._room.release()
            raise
        sent.add_done_callback(lambda _: self._room.release())
        return sent

    def _answered(self, delivery: Delivery, sent: "asyncio.Future[Any]") -> None:
        if sent.cancelled():
            self._fail(delivery, NotDelivered("the publisher was stopped before the event was acknowledged"))
        elif (error := sent.exception()) is not None:
            self._fail(delivery, NotDelivered(f"the event was not acknowledged: {_said(error)}"))
        elif not delivery.done():
            found = sent.result()
            delivery.set_result(Delivered(found.topic, found.partition, found.offset))

    def _too_late(self, delivery: Delivery) -> None:
        self._fail(delivery, NotDelivered(f"the event was not acknowledged in {self._deadline:g} s"))

    def _fail(self, delivery: Delivery, error: NotDelivered) -> None:
        if not delivery.done():
            delivery.set_exception(error)

    def _settled(self, timer: asyncio.TimerHandle, flushed: bool, delivery: Delivery) -> None:
        timer.cancel()
        self._pending.discard(delivery)
        if delivery.cancelled() or not isinstance(error := delivery.exception(), NotDelivered):
            return
        if flushed:
            self._lost += 1
            self._first_lost = self._first_lost or error


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
