"""The producer of a worker: state log and dead letters, acknowledged by all in-sync replicas."""

import asyncio
import base64
from collections.abc import Awaitable, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.events import Rejection
from schemas.topics import DEAD_LETTERS, SPECS
from streams.transport.slices import RecordSlice

REQUEST_TIMEOUT_MS = 15_000
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

    async def start(self) -> None:
        """Connects. A broker without idempotent producers (the embedded one) gets a plain one: what a retry writes
        twice is recognised by its number.

        Raises:
            KafkaError: when no broker answers.
        """
        try:
            self._producer = await self._started(idempotent=True)
        except KafkaConnectionError:
            raise
        except KafkaError:
            self._producer = await self._started(idempotent=False)

    async def _started(self, *, idempotent: bool) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._options,
            acks="all",
            enable_idempotence=idempotent,
            linger_ms=0,
            max_batch_size=1 << 18,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def stop(self) -> None:
        """Sends what is still waiting, and disconnects."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

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

    async def _send(self, topic: str, partition: int | None, key: bytes, value: bytes | None) -> Awaitable[Any]:
        if self._producer is None:
            raise KafkaConnectionError("the producer is not connected")
        sent: asyncio.Future[Any] = await self._producer.send(topic, value, key=key, partition=partition)
        sent.add_done_callback(_seen)
        return sent


def _seen(sent: "asyncio.Future[Any]") -> None:
    """Some records are not waited for: their failure is no news to anybody."""
    if not sent.cancelled():
        sent.exception()


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
        "value_base64": _base64(record.value),
    }
    encoded = orjson.dumps(letter)
    if len(encoded) <= MAX_LETTER_BYTES:
        return encoded
    size = len(record.value or b"")
    return orjson.dumps(letter | {"key_base64": None, "headers": [], "value_base64": None, "value_bytes": size})


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode("ascii")
