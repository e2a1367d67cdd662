"""What is asked of whoever publishes the events that come in over HTTP, and what is answered for each."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from schemas.events import Rejection

KafkaHeaders = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event as Kafka would hold it: in structured mode, or its data with the attributes in headers."""

    value: bytes
    headers: KafkaHeaders


@dataclass(frozen=True, slots=True)
class Accepted:
    """The cluster has the event, on all replicas in sync."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The cluster has not acknowledged the event; it may have it all the same."""

    message: str


Verdict = Accepted | Rejection | Failed

Publish = Callable[[Sequence[Incoming]], Awaitable[Sequence[Verdict]]]
"""Judges events and publishes those that hold; a verdict for each, in their order, in bounded time. Never raises."""
