"""The producer of a worker: state log and dead letters, acknowledged by all in-sync replicas."""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.envelope import STRUCTURED_HEADERS
from schemas.events import Rejection
from schemas.topics import ALERTS, DEAD_LETTERS, SPECS
from streams.alerts.log import AlertEvent
from streams.transport.slices import RecordSlice
from streams.transport.unpacking import UNPACKED_MAX, UNREAD

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 15_000
STOP_WITHIN = 5.0
"""Seconds for records that are not acknowledged yet when a producer ends."""

MAX_REQUEST_BYTES = 4 << 20
MAX_LETTER_BYTES = SPECS[DEAD_LETTERS].max_message_bytes - 1024
"""Of a dead letter's value; the rest is for its key and Kafka's own framing."""


class WorkerProducer:
    """Writes what must not be lost.

    Args:
        options: aiokafka's, for the connection.
        state_topic: the state log.
    """

    def __init__(self, options: dict[str, Any], state_topic: str) -> None:
        self._options = options
        self._state_topic = state_topic
        self._producer: AIOKafkaProducer | None = None
        self._open = False
        self._idempotent = True
        self._spent = False  # a new aiokafka producer must take over
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connects. A broker without idempotent producers (the embedded one) gets a plain one: what a retry writes
        twice is recognised by its number.

        Raises:
            KafkaError: when no broker answers.
        """
        self._open = True
        try:
            self._producer = await self._started()
        except KafkaConnectionError:
            raise
        except KafkaError:
            self._idempotent = False
            self._producer = await self._started()

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=self._idempotent,
            linger_ms=0,
            max_batch_size=1 << 18,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await producer.start()
        except BaseException:
            await _stop(producer)
            raise
        return producer

    async def stop(self) -> None:
        """Sends what is still waiting, within bounds, and disconnects."""
        self._open = False
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

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

    async def append(self, partition: int, key: bytes, value: bytes | None) -> Awaitable[Any]:
        """Hands a record of the state log over; see ``streams.state.pages.Log``."""
        return await self._send(self._state_topic, partition, key, value)

    async def dead_letters(self, part: RecordSlice, refused: Iterable[tuple[Any, Rejection]]) -> list[Awaitable[Any]]:
        """Hands over refused records; what it gives is done when they are acknowledged."""
        key = f"{part.topic}:{part.partition}".encode()
        return [
            await self._send(DEAD_LETTERS, None, key, dead_letter(part.topic, part.partition, record, rejection))
            for record, rejection in refused
        ]

    async def alert(self, event: AlertEvent) -> None:
        """Writes an alert event and waits until it is acknowledged.

        Raises:
            KafkaError: it is not known to be there.
        """
        await (await self._send(ALERTS, None, event.threshold.encode(), event.encoded, STRUCTURED_HEADERS))

    async def _send(
        self,
        topic: str,
        partition: int | None,
        key: bytes,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Awaitable[Any]:
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

    def _seen(self, producer: AIOKafkaProducer, sent: "asyncio.Future[Any]") -> None:
        """Some records are not waited for: that they failed is news to the producer alone."""
        if not sent.cancelled() and sent.exception() is not None and producer is self._producer:
            self._spent = True


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stops within bounds: aiokafka would wait for a broker that is away, as long as it is away."""
    try:
        async with asyncio.timeout(STOP_WITHIN):
            await producer.stop()
    except TimeoutError:
        log.warning("the producer was closed before all records were acknowledged")
        producer._sender.sender_task.cancel()
        await producer.client.close()


def dead_letter(topic: str, partition: int, record: Any, rejection: Rejection) -> bytes:
    """What is kept of a refused record: where it was, why it was refused, and every byte of it.

    Its identity is topic, partition and offset: the same record may be written again after a crash. A record that
    exceeds even the contract's topics would not fit; of that, ``value_bytes`` tells the size and the rest is left out,
    because nothing may block a partition.
    """
    letter = {
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "reason": rejection.reason,
        "field": rejection.field,
        "message": rejection.message,
        "key_base64": _base64(record.key),
        "headers": [[name, _base64(value)] for name, value in record.headers],
    }
    if record.value is UNREAD:
        message = f"The record's batch unpacks to more than {UNPACKED_MAX} bytes, or is damaged; it was not read."
        return orjson.dumps(letter | {"message": message, "value_base64": None})
    letter["value_base64"] = _base64(record.value)
    encoded = orjson.dumps(letter)
    if len(encoded) <= MAX_LETTER_BYTES:
        return encoded
    size = len(record.value or b"")
    return orjson.dumps(letter | {"key_base64": None, "headers": [], "value_base64": None, "value_bytes": size})


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode("ascii")
