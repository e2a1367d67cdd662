"""Where an event belongs: its topic and its key, by its type."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.envelope import STRUCTURED_HEADERS
from schemas.scalars import FieldError
from schemas.topics import SOURCE_TYPES, TOPIC_OF, TRANSACTIONS, key_of
from streams.decode.attributes import Headers, binary_attributes


class Message(msgspec.Struct, frozen=True):
    """What goes to Kafka: one CloudEvent and where it goes. ``key`` is None if the event has none."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]] = STRUCTURED_HEADERS


class _Envelope(msgspec.Struct):
    type: str = ""
    data: dict[str, Any] = {}


_EVENT = msgspec.json.Decoder(_Envelope)
_DATA = msgspec.json.Decoder(dict[str, Any])


def route(value: bytes, headers: Headers = STRUCTURED_HEADERS) -> Message:
    """Finds the topic and the key of a CloudEvent; judges nothing else.

    What is no event of a known type goes to the transactions' topic without a key, where it is refused: nothing that
    was published vanishes.

    Args:
        value: the event in structured mode, or its data in binary mode.
        headers: Kafka's, with the attributes in binary mode.
    """
    kept = tuple((name, text) for name, text in headers if text is not None)
    try:
        type_, data = _type_and_data(value, headers)
    except (msgspec.DecodeError, RecursionError, FieldError):
        return Message(TRANSACTIONS, None, value, kept)
    if type_ not in SOURCE_TYPES:
        return Message(TRANSACTIONS, None, value, kept)
    try:
        key = key_of(type_, data)
    except KeyError:
        key = None
    return Message(TOPIC_OF[type_], key, value, kept)


def _type_and_data(value: bytes, headers: Headers) -> tuple[str, Mapping[str, Any]]:
    attributes = binary_attributes(headers)
    if attributes is None:
        event = _EVENT.decode(value)
        return event.type, event.data
    return attributes.get("type", ""), _DATA.decode(value)
