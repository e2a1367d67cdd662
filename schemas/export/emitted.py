"""JSON Schema 2020-12 of what CityPulse publishes itself: alerts, dead letters, and marks of those that were replayed.

Fields may be added to them: readers must pass over what they do not know.
"""

from typing import Any, Final, get_args

from schemas import topics
from schemas.events import Reason
from schemas.export.events import DIALECT, Schema, document, example
from schemas.scalars import SIGNED_DECIMAL_PATTERN

DEAD_LETTER: Final = "citypulse.dead-letter.v1"
"""The name of the dead letters' schema; a dead letter is plain JSON, not a CloudEvent."""

REPLAYED: Final = "citypulse.dead-letter.replayed.v1"
"""The name of the schema of marks, which are on the same topic: ``replayed`` tells them from letters."""

_DECIMAL: Final = {"type": "string", "pattern": SIGNED_DECIMAL_PATTERN}
_TIME: Final = {"type": "string", "format": "date-time"}
_BASE64: Final = {"type": ["string", "null"], "contentEncoding": "base64"}

_WHOLE: Final = {"type": "integer", "minimum": 0}

_ALERT: Final[Schema] = {
    "title": "data of an alert",
    "type": "object",
    "required": ["threshold", "labels", "value", "limit", "since"],
    "properties": {
        "threshold": {"type": "string", "description": "Its name in the thresholds file."},
        "labels": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Which series it is about.",
        },
        "value": {
            "anyOf": [_DECIMAL, {"type": "null"}],
            "description": "Decimal, exact up to 38 digits; null when there is no such number any more.",
        },
        "limit": _DECIMAL | {"description": "Decimal."},
        "since": _TIME | {"description": "Since when the limit has been crossed, UTC."},
    },
}

_TEXTS: Final = {
    topics.ALERT_FIRED: "A threshold is crossed, for as long as it asks for.",
    topics.ALERT_RESOLVED: "A threshold that fired is not crossed any more.",
}


def alert_schemas() -> dict[str, Schema]:
    """Event type -> its schema file, for the alerts."""
    return {
        type_: document(
            type_,
            _ALERT,
            f"{text} Topic {topics.ALERTS}, key threshold.",
            examples=[example("emitted", type_)],
        )
        for type_, text in _TEXTS.items()
    }


def dead_letter_schema() -> Schema:
    """The schema file of a dead letter."""
    return {
        **_head(DEAD_LETTER),
        "description": f"A record that was refused. Topic {topics.DEAD_LETTERS}, key origin topic:partition. "
        "Its identity is topic, partition and offset: the same letter may come again after a crash.",
        "type": "object",
        "required": [
            *("topic", "partition", "offset", "timestamp"),
            *("reason", "field", "message", "key_base64", "headers", "value_base64"),
        ],
        "properties": {
            **_place("Where the record was."),
            "timestamp": {"type": "integer", "description": "Of the record, milliseconds since the Unix epoch."},
            "reason": {"enum": list(get_args(Reason))},
            "field": {"type": "string", "description": "Path of the field to blame, such as data.amount; else empty."},
            "message": {"type": "string", "description": "What is wrong, in a sentence."},
            "key_base64": _BASE64 | {"description": "The record's key; null if it had none."},
            "headers": {
                "type": "array",
                "description": "The record's headers: name, and value or null.",
                "items": {"type": "array", "prefixItems": [{"type": "string"}, _BASE64], "minItems": 2, "maxItems": 2},
            },
            "value_base64": _BASE64 | {"description": "The record's value, every byte; null if it had none."},
            "value_bytes": {
                **_WHOLE,
                "description": "There only when the record was too large for a letter: its length. Its value, key and "
                "headers are left out then. 0: its batch was not read, because it unpacks to too much or is damaged.",
            },
        },
        "examples": [example("emitted", DEAD_LETTER)],
    }


def replayed_schema() -> Schema:
    """The schema file of the mark that a dead letter was replayed."""
    return {
        **_head(REPLAYED),
        "description": f"Marks a dead letter as replayed. Topic {topics.DEAD_LETTERS}, under the letter's key, after "
        "it. Readers of letters pass over what has replayed and no reason.",
        "type": "object",
        "required": ["topic", "partition", "offset", "replayed"],
        "properties": {
            **_place("Of the letter: where the refused record was."),
            "replayed": {
                "type": "object",
                "description": "What was sent for it.",
                "required": ["topic", "partition", "offset", "source", "id"],
                "properties": {
                    **_place("Where the event went."),
                    "source": {"type": "string", "description": "The event's source."},
                    "id": {"type": "string", "description": "The event's id."},
                },
            },
        },
        "examples": [example("emitted", REPLAYED)],
    }


def _head(name: str) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:citypulse:schema:{name}", "title": name}


def _place(description: str) -> dict[str, Any]:
    """The properties that say where a record is."""
    return {
        "topic": {"enum": list(topics.SOURCES), "description": description},
        "partition": _WHOLE,
        "offset": _WHOLE,
    }
