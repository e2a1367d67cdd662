"""What a record says of itself, as far as it can be read, whether it holds or not."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schemas.scalars import FieldError
from streams.decode.attributes import binary_attributes
from streams.decode.parsing import parse_json


class Identity(NamedTuple):
    """Attributes of an event; each is "" where the record has no such text."""

    source: str
    id: str
    type: str


def readable_event(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> dict[str, Any] | None:
    """The record as a structured CloudEvent, valid or not; None where there is no JSON to make one of. Never raises.

    Of binary mode the headers' attributes and the value as ``data`` are put together.

    Args:
        value: a record's value.
        headers: its headers.
    """
    try:
        document = parse_json(value or b"")
        attributes = binary_attributes(headers)
    except (ValueError, FieldError):
        return None
    if attributes is not None:
        return {**attributes, "data": document}
    return document if isinstance(document, dict) else None


def identity(event: Mapping[str, Any] | None) -> Identity:
    """Who an event says it is from, and which one it is.

    Args:
        event: what ``readable_event`` gives.
    """
    said = event or {}
    return Identity(*(text if isinstance(text := said.get(name), str) else "" for name in Identity._fields))
