"""A small publisher: CloudEvents to the topic and with the key of their type, acknowledged by the cluster."""

import asyncio
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.publish.routing import Message, route

REQUEST_TIMEOUT_MS = 10_000
"""After this an event that is not acknowledged counts as failed."""
LINGER_MS = 5
"""Waits so long for more events to share a request."""

NOT_IDEMPOTENT = "the broker has no idempotent producer: a retry may write an event twice, which CityPulse counts once"


class Publisher:
    """Publishes events; use as an async context manager.

    Writes are acknowledged by all replicas in sync and idempotent. Where the broker cannot do the latter (the
    embedded one), ``notice`` says so: a retry may then write an event twice, and its second copy is a duplicate.

    Args:
        options: aiokafka's keyword arguments for where the cluster is and who we are: ``bootstrap_servers``,
            ``security_protocol``, ``ssl_context``, ``sasl_*``, ``client_id``.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self.notice = ""

    async def start(self) -> None:
        """Connects.

        Raises:
            KafkaConnectionError: no broker answers.
        """
        try:
            self._producer = await self._started(idempotent=True)
        except KafkaConnectionError:
            raise
        except KafkaError:
            self._producer = await self._started(idempotent=False)
            self.notice = NOT_IDEMPOTENT

    async def stop(self) -> None:
        """Sends what is still waiting, and disconnects."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def send(self, event: bytes | Message) -> asyncio.Future[Any]:
        """Publishes one event; waits while too much is under way.

        Args:
            event: a structured CloudEvent as JSON, or a message with its topic, key and headers given.

        Returns:
            A future of aiokafka's record metadata, done when the cluster has acknowledged the event; it raises
            ``KafkaError`` if that failed.
        """
        if self._producer is None:
            raise RuntimeError("the publisher has not been started")
        message = event if isinstance(event, Message) else route(event)
        sent: asyncio.Future[Any] = await self._producer.send(
            message.topic, message.value, key=message.key, headers=list(message.headers)
        )
        return sent

    async def flush(self) -> None:
        """Waits until everything sent so far is acknowledged or has failed."""
        if self._producer is not None:
            await self._producer.flush()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _started(self, *, idempotent: bool) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=idempotent,
            linger_ms=LINGER_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer
