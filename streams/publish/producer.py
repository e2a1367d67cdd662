"""The producer of all that we write: acknowledged by all in-sync replicas, and idempotent where the broker is."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    UnknownError,
    UnsupportedVersionError,
)

log = logging.getLogger(__name__)

STOP_WITHIN = 5.0
"""Seconds for records that are not acknowledged yet when a producer ends."""

LACKING = (IncompatibleBrokerVersion, UnknownError, UnsupportedVersionError)
"""What the start of an idempotent producer fails with where the broker has none; the embedded one says UnknownError."""


class DurableProducer:
    """Outlives what an aiokafka producer does not.

    A broker without idempotent producers (the embedded one) gets a plain one: what a retry then writes twice is
    recognised by its number or its id.

    Args:
        options: aiokafka's, for the connection.
        request_timeout_ms: a plain producer's record that is not acknowledged by then has failed; an idempotent one
            goes on trying.
        tuning: aiokafka's, for batches.
    """

    def __init__(self, options: dict[str, Any], *, request_timeout_ms: int, **tuning: Any) -> None:
        self._options = {**options, **tuning, "request_timeout_ms": request_timeout_ms}
        self._connect_within = request_timeout_ms / 1000
        self._producer: AIOKafkaProducer | None = None
        self._open = False
        self.idempotent = True
        self._spent = False  # a new aiokafka producer must take over
        self._renewing = asyncio.Lock()

    @property
    def open(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._open

    async def start(self) -> None:
        """Connects.

        Raises:
            KafkaError: no broker answers, or it refuses us.
        """
        try:
            with _refusal_is_ours_to_tell():
                self._producer = await self._started()
        except KafkaConnectionError:
            raise
        except KafkaError as error:
            if not isinstance(error, LACKING):
                log.warning("the broker refuses an idempotent producer, a plain one goes on: %s", error)
            self.idempotent = False
            self._producer = await self._started()
        self._open = True

    async def stop(self) -> None:
        """Sends what is still waiting, within bounds, and disconnects."""
        self._open = False
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> "asyncio.Future[Any]":
        """Hands a record over; waits while its partition has a full batch under way.

        Returns:
            A future of aiokafka's record metadata, done when the record is acknowledged.

        Raises:
            KafkaError: it was not handed over.
        """
        if not self._open:
            raise KafkaConnectionError("the producer is not connected")
        producer = self._producer
        if producer is None or self._spent:
            producer = await self._renew()
        sent: asyncio.Future[Any] = await producer.send(
            topic, value, key=key, partition=partition, headers=list(headers)
        )
        sent.add_done_callback(lambda done: self._seen(producer, done))
        return sent

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**self._options, acks="all", enable_idempotence=self.idempotent)
        try:
            async with asyncio.timeout(self._connect_within):
                await producer.start()
        except BaseException:
            await _stop(producer)
            raise
        return producer

    async def _renew(self) -> AIOKafkaProducer:
        """A failed record leaves a gap in an idempotent producer's numbers, after which the broker refuses all that
        follow; so does an epoch that it no longer knows. A new producer has numbers of its own.
        """
        async with self._renewing:
            old = self._producer
            if old is None or self._spent:
                if old is not None:
                    self._producer = None
                    await _stop(old)
                self._producer = await self._started()
                self._spent = False
            assert self._producer is not None
            return self._producer

    def _seen(self, producer: AIOKafkaProducer, sent: "asyncio.Future[Any]") -> None:
        """Some records are not waited for: that they failed is news to the producer alone."""
        if not sent.cancelled() and sent.exception() is not None and producer is self._producer:
            self._spent = True


@contextmanager
def _refusal_is_ours_to_tell() -> Iterator[None]:
    """Leaves out that aiokafka logs as unexpected what it raises, too: some brokers have no idempotent producer."""

    def other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Unexpected error during InitProducerIdRequest")

    words = logging.getLogger("aiokafka.producer.sender")
    words.addFilter(other)
    try:
        yield
    finally:
        words.removeFilter(other)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stops within bounds: aiokafka would wait for a broker that is away, as long as it is away."""
    try:
        async with asyncio.timeout(STOP_WITHIN):
            await producer.stop()
    except TimeoutError:
        log.warning("the producer was closed before all records were acknowledged")
        producer._sender.sender_task.cancel()
        await producer.client.close()
