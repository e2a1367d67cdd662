"""CloudEvents 1.0 as CityPulse writes and reads it: JSON structured mode, and Kafka binary mode.

Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md and
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

SPEC_VERSION: Final = "1.0"
JSON: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"
"""Content type of a structured event; a record without a content type is read as structured, too."""
BATCH: Final = "application/cloudevents-batch+json"
"""Content type of an array of structured events; HTTP only, Kafka has none."""

CONTENT_TYPE_HEADER: Final = "content-type"
ATTRIBUTE_HEADER_PREFIX: Final = "ce_"

REQUIRED_ATTRIBUTES: Final = ("specversion", "id", "source", "type")
"""What makes a value a CloudEvent. CityPulse also requires ``time``: without it an event counts nowhere."""

Headers = list[tuple[str, bytes]]

STRUCTURED_HEADERS: Final = ((CONTENT_TYPE_HEADER, f"{STRUCTURED}; charset=UTF-8".encode()),)
"""The Kafka headers of a structured event."""


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON: ``application/json``, ``text/json`` or a ``+json`` suffix (RFC 6839)."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in {JSON, "text/json"} or media_type.endswith("+json")


def encode(
    source: str,
    id: str,  # noqa: A002 - the attribute's name
    type_: str,
    time: str,
    data: Mapping[str, Any],
) -> bytes:
    """The Kafka value of an event in structured mode.

    Args:
        source: who publishes, a URI reference such as ``/bidex/settlement``.
        id: unique within the source.
        type_: a type of ``topics.TOPIC_OF``.
        time: event time, RFC 3339 with an offset.
        data: the type's fields; nothing is checked here.
    """
    return orjson.dumps(
        {
            "specversion": SPEC_VERSION,
            "id": id,
            "source": source,
            "type": type_,
            "time": time,
            "datacontenttype": JSON,
            "data": data,
        }
    )


def encode_binary(
    source: str,
    id: str,  # noqa: A002 - the attribute's name
    type_: str,
    time: str,
    data: Mapping[str, Any],
) -> tuple[bytes, Headers]:
    """The Kafka value and headers of an event in binary mode; arguments as for ``encode``."""
    attributes = {"specversion": SPEC_VERSION, "id": id, "source": source, "type": type_, "time": time}
    headers: Headers = [(CONTENT_TYPE_HEADER, JSON.encode())]
    headers += [(ATTRIBUTE_HEADER_PREFIX + name, value.encode()) for name, value in attributes.items()]
    return orjson.dumps(data), headers
