"""JSON Schema 2020-12 of the events that upstream systems publish, from the models that judge them."""

import json
from importlib.resources import files
from typing import Any, Final

from schemas import topics
from schemas.envelope import SPEC_VERSION
from schemas.models import MODELS
from schemas.scalars import IDENTIFIER_PATTERN

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TIME_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
JSON_TYPE_PATTERN: Final = (
    r"^\s*([Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]|[Tt][Ee][Xx][Tt])/[Jj][Ss][Oo][Nn]\s*(;[\s\S]*)?$"
)


def example(folder: str, type_: str) -> dict[str, Any]:
    """A committed example of a type.

    Args:
        folder: ``events`` (structured mode), ``binary``, or ``emitted``.
        type_: an event type.
    """
    text = files("schemas").joinpath("examples", folder, f"{type_}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def data_schema(type_: str) -> Schema:
    """The schema of a source type's ``data``: also that of the whole value in binary mode."""
    schema = MODELS[type_].model_json_schema()
    for field in schema["properties"].values():
        field.pop("title", None)  # the name once more
        if field.get("default", "") is None:
            del field["default"]  # null says what leaving the field out says
    schema["description"] = schema["description"].replace("``", "`")
    schema["title"] = f"data of {type_}"
    return schema


def envelope(type_: str, data: Schema) -> Schema:
    """The schema of a whole event in structured mode, without dialect and identity.

    Args:
        type_: an event type.
        data: the schema of its ``data``, or a reference to it.
    """
    name: Schema = {"type": "string", "pattern": IDENTIFIER_PATTERN}
    return {
        "title": type_,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": SPEC_VERSION},
            "id": name | {"description": "Unique within the source: the same pair again is a duplicate."},
            "source": name | {"description": "Who publishes: a URI reference such as /bidex/settlement."},
            "type": {"const": type_},
            "time": {
                "type": "string",
                "format": "date-time",
                "pattern": TIME_PATTERN,
                "description": "When it happened: RFC 3339 with an offset, years 1900 to 9999.",
            },
            "datacontenttype": {
                "description": "A JSON media type; left out it is application/json.",
                "anyOf": [
                    {"type": "string", "pattern": JSON_TYPE_PATTERN},
                    {"type": "string", "pattern": r"\+[Jj][Ss][Oo][Nn]\s*(;[\s\S]*)?$"},
                    {"type": "null"},
                ],
            },
            "data": data,
            "data_base64": {"type": "null", "description": "Not taken: data is JSON."},
        },
    }


def document(type_: str, data: Schema, text: str, **more: Any) -> Schema:
    """A schema file of its own: the event, with its data addressable as ``#/$defs/data``."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:citypulse:schema:{type_}",
        **envelope(type_, {"$ref": "#/$defs/data"}),
        "description": text,
        **more,
        "$defs": {"data": data},
    }


def source_schemas() -> dict[str, Schema]:
    """Event type -> its schema file, for every type of ``topics.SOURCE_TYPES``."""
    found = {}
    for type_ in topics.SOURCE_TYPES:
        topic = topics.TOPIC_OF[type_]
        key = ":".join(topics.SPECS[topic].types[type_])
        data = data_schema(type_)
        text = f"{data['description']} Topic {topic}, key {key}. Other attributes are accepted and not read."
        found[type_] = document(type_, data, text, examples=[example("events", type_)])
    return found
