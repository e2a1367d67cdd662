"""The producer of a worker: state log and dead letters, acknowledged by all in-sync replicas."""

import base64
from collections.abc import Awaitable, Iterable
from typing import Any

import orjson

from schemas.envelope import STRUCTURED_HEADERS
from schemas.events import Rejection
from schemas.topics import ALERTS, DEAD_LETTERS, SPECS
from streams.alerts.log import AlertEvent
from streams.publish.producer import DurableProducer
from streams.transport.slices import RecordSlice
from streams.transport.unpacking import UNPACKED_MAX, UNREAD

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
        self._state_topic = state_topic
        self._producer = DurableProducer(
            options,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            linger_ms=0,
            max_batch_size=1 << 18,
            max_request_size=MAX_REQUEST_BYTES,
        )

    async def start(self) -> None:
        """Connects.

        Raises:
            KafkaError: when no broker answers.
        """
        await self._producer.start()

    async def stop(self) -> None:
        """Sends what is still waiting, within bounds, and disconnects."""
        await self._producer.stop()

    async def append(self, partition: int, key: bytes, value: bytes | None) -> Awaitable[Any]:
        """Hands a record of the state log over; see ``streams.state.pages.Log``."""
        return await self._producer.send(self._state_topic, value, key=key, partition=partition)

    async def dead_letters(self, part: RecordSlice, refused: Iterable[tuple[Any, Rejection]]) -> list[Awaitable[Any]]:
        """Hands over refused records; what it gives is done when they are acknowledged."""
        key = f"{part.topic}:{part.partition}".encode()
        return [
            await self._producer.send(DEAD_LETTERS, dead_letter(part.topic, part.partition, record, rejection), key=key)
            for record, rejection in refused
        ]

    async def alert(self, event: AlertEvent) -> None:
        """Writes an alert event and waits until it is acknowledged.

        Raises:
            KafkaError: it is not known to be there.
        """
        key = event.threshold.encode()
        await (await self._producer.send(ALERTS, event.encoded, key=key, headers=STRUCTURED_HEADERS))


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
