"""The AsyncAPI 3 document of topics, keys and messages, in both content modes of CloudEvents.

Sources: https://www.asyncapi.com/docs/reference/specification/v3.0.0, and its Kafka bindings 0.5.0,
https://github.com/asyncapi/bindings/tree/v3.0.0/kafka.
"""

from typing import Any, Final

from schemas import topics
from schemas.envelope import JSON, SPEC_VERSION, STRUCTURED
from schemas.export.emitted import DEAD_LETTER, REPLAYED, alert_schemas, dead_letter_schema, replayed_schema
from schemas.export.events import TIME_PATTERN, Schema, data_schema, envelope, example
from schemas.scalars import IDENTIFIER_PATTERN

_BINDING: Final = "0.5.0"
_OWN_WORDS: Final = ("$schema", "$id", "$defs", "examples")
"""What a schema file has and a schema within the document does not need."""


def asyncapi(version: str) -> dict[str, Any]:
    """The document.

    Args:
        version: of the software, as the document's version.
    """
    schemas, messages = _schemas(), _messages()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CityPulse",
            "version": version,
            "description": "Events of a city's digital economy. Each is a CloudEvents 1.0 event: structured (JSON) or "
            "binary (attributes in ce_ headers, the value is data). CityPulse writes the alerts and dead letters.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": STRUCTURED,
        "channels": {spec.name: _channel(spec, messages) for spec in topics.SPECS.values()},
        "operations": {
            f"{'receive' if spec.name in topics.SOURCES else 'send'}.{spec.name}": {
                "action": "receive" if spec.name in topics.SOURCES else "send",
                "summary": spec.purpose,
                "channel": {"$ref": f"#/channels/{spec.name}"},
            }
            for spec in topics.SPECS.values()
        },
        "components": {"schemas": schemas, "messages": messages},
    }


def _channel(spec: topics.TopicSpec, messages: dict[str, Any]) -> dict[str, Any]:
    types = spec.types or (DEAD_LETTER, REPLAYED)
    names = [name for type_ in types for name in (type_, f"{type_}.binary") if name in messages]
    configuration = {
        "cleanup.policy": [spec.cleanup_policy],
        "retention.ms": spec.retention_ms,
        "max.message.bytes": spec.max_message_bytes,
    }
    kafka: dict[str, Any] = {"topicConfiguration": configuration, "bindingVersion": _BINDING}
    if spec.partitions is not None:
        kafka["partitions"] = spec.partitions
    return {
        "address": spec.name,
        "description": f"{spec.purpose} Key: {spec.key}. Written by {spec.owner}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": kafka},
    }


def _schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for type_ in topics.SOURCE_TYPES:
        found[f"{type_}.data"] = data_schema(type_)
        found[type_] = envelope(type_, {"$ref": f"#/components/schemas/{type_}.data"})
    for type_, schema in alert_schemas().items():
        found[type_] = envelope(type_, schema["$defs"]["data"])
    for name, schema in ((DEAD_LETTER, dead_letter_schema()), (REPLAYED, replayed_schema())):
        found[name] = {word: value for word, value in schema.items() if word not in _OWN_WORDS}
    # A pair is a tuple to JSON Schema 2020-12; the document's own schemas are of draft 7, which calls it otherwise.
    pair = found[DEAD_LETTER]["properties"]["headers"]["items"]
    pair["items"] = pair.pop("prefixItems")
    return found


def _messages() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for spec in topics.SPECS.values():
        source = spec.name in topics.SOURCES
        for type_, fields in spec.types.items():
            key = {"type": "string", "description": f"{':'.join(fields)} of data."}
            shown = example("events" if source else "emitted", type_)
            found[type_] = _message(type_, STRUCTURED, type_, key, {"payload": shown})
            if source:
                found[f"{type_}.binary"] = {
                    **_message(f"{type_}.binary", JSON, f"{type_}.data", key, _binary_example(shown)),
                    "headers": _headers(type_),
                }
    letter_key = {"type": "string", "description": "origin topic:partition"}
    for name in (DEAD_LETTER, REPLAYED):
        found[name] = _message(name, JSON, name, letter_key, {"payload": example("emitted", name)})
    return found


def _message(name: str, content_type: str, schema: str, key: Schema, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "contentType": content_type,
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        "bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}},
        "examples": [{"name": "example", **shown}],
    }


def _headers(type_: str) -> Schema:
    """The headers of an event in binary mode; others may be there."""
    name: Schema = {"type": "string", "pattern": IDENTIFIER_PATTERN}
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"],
        "properties": {
            "content-type": {"type": "string", "description": f"{JSON}; left out it is that."},
            "ce_specversion": {"const": SPEC_VERSION},
            "ce_id": name,
            "ce_source": name,
            "ce_type": {"const": type_},
            "ce_time": {"type": "string", "format": "date-time", "pattern": TIME_PATTERN},
        },
    }


def _binary_example(event: dict[str, Any]) -> dict[str, Any]:
    """A structured event as headers and value."""
    attributes = ("specversion", "id", "source", "type", "time")
    headers = {"content-type": JSON, **{f"ce_{name}": event[name] for name in attributes}}
    return {"headers": headers, "payload": event["data"]}
