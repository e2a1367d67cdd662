"""Where an event belongs: its topic and its key, by its type."""

from collections.abc import Sequence
from typing import Any

import msgspec

from schemas.envelope import STRUCTURED_HEADERS
from schemas.topics import SOURCE_TYPES, TOPIC_OF, TRANSACTIONS, key_of


class Message(msgspec.Struct, frozen=True):
    """What goes to Kafka: one CloudEvent and where it goes. ``key`` is None if the event has none."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]] = STRUCTURED_HEADERS


class _Envelope(msgspec.Struct):
    type: str = ""
    data: dict[str, Any] = {}


_DECODER = msgspec.json.Decoder(_Envelope)


def route(value: bytes) -> Message:
    """Finds the topic and the key of a structured CloudEvent; judges nothing else.

    What is no event of a known type goes to the transactions' topic without a key, where it is refused: nothing that
    was published vanishes.
    """
    try:
        event = _DECODER.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return Message(TRANSACTIONS, None, value)
    if event.type not in SOURCE_TYPES:
        return Message(TRANSACTIONS, None, value)
    try:
        key = key_of(event.type, event.data)
    except KeyError:
        key = None
    return Message(TOPIC_OF[event.type], key, value)
