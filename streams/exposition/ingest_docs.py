"""``POST /api/v1/events`` in the OpenAPI document."""

from typing import Any

from schemas.envelope import BATCH, JSON, STRUCTURED
from schemas.export.events import data_schema, envelope, example
from schemas.models import MODELS
from schemas.topics import EXECUTED
from streams.exposition.binding import HTTP_PREFIX, MAX_BATCH
from streams.exposition.ingest import BODY_S, MAX_BODY_BYTES
from streams.exposition.models import Ingested, NotIngested, Problem

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of CITYPULSE_INGEST_TOKENS_FILE. A worker without tokens takes events from its own "
        "machine without one, if it listens there alone.",
    }
}

_ATTRIBUTES = {
    "specversion": "1.0. With this header the request is in binary mode.",
    "id": "unique within the source.",
    "source": "who publishes, a URI reference.",
    "type": "event type.",
    "time": "when it happened, RFC 3339 with an offset.",
}
_TEXT = {"type": "string"}
_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def request_schemas(template: str) -> dict[str, Any]:
    """Components: an event of each type, and the ``data`` of each.

    Args:
        template: of a reference to a component, with ``{model}`` in it.
    """
    datas = {model.__name__: data_schema(type_) for type_, model in MODELS.items()}
    events = {
        f"{model.__name__}Event": envelope(type_, {"$ref": template.format(model=model.__name__)})
        for type_, model in MODELS.items()
    }
    either = [{"$ref": template.format(model=name)} for name in events]
    return {**datas, **events, "CloudEvent": {"oneOf": either}}


def post_events(template: str) -> dict[str, Any]:
    """The operation.

    Args:
        template: of a reference to a component, with ``{model}`` in it.
    """

    def answer(description: str, model: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
        content_type = JSON if model == Ingested.__name__ else "application/problem+json"
        schema = {"$ref": template.format(model=model)}
        found: dict[str, Any] = {"description": description, "content": {content_type: {"schema": schema}}}
        return found | ({"headers": headers} if headers else {})

    refused, problem = NotIngested.__name__, Problem.__name__
    either = {"anyOf": [{"$ref": template.format(model=name)} for name in (refused, problem)]}
    none = answer("No event is written: each was rejected, or the request is not readable.", problem)
    large = answer(f"An event, the batch or the body (over {MAX_BODY_BYTES} bytes) is too large.", problem)
    away = answer("Kafka does not acknowledge, or the worker is busy: send all of it again.", problem, _RETRY)
    for response in (none, large, away):
        response["content"]["application/problem+json"]["schema"] = either
    return {
        "operationId": "publish",
        "summary": "Publishes events, and answers with a verdict for each once Kafka has it on all replicas in sync.",
        "description": "CloudEvents' HTTP binding: structured, batch and binary mode. An event that is sent again with "
        f"the same source and id counts once. A batch has at most {MAX_BATCH} events; a batch is not a transaction: "
        "what can be taken of it is.",
        "security": [{"bearer": []}, {}],
        "parameters": [
            {
                "name": HTTP_PREFIX + name,
                "in": "header",
                "description": f"Binary mode: {text}",
                "schema": _TEXT,
                "example": example("events", EXECUTED)[name],
            }
            for name, text in _ATTRIBUTES.items()
        ],
        "requestBody": {"required": True, "content": _bodies(template)},
        "responses": {
            "200": answer("Every event is written.", Ingested.__name__),
            "207": answer("Some are written, the others rejected.", Ingested.__name__),
            "400": none,
            "401": answer("No token, or none that may write.", problem, {"WWW-Authenticate": {"schema": _TEXT}}),
            "403": answer("Nobody may write here: no tokens are set, and not only this machine is served.", problem),
            "408": answer(f"The body did not come within {BODY_S:g} s.", problem),
            "413": large,
            "415": answer("A content type, character set or encoding that is not taken.", problem),
            "429": answer("More events than the token may write a second.", problem, _RETRY),
            "503": away,
        },
    }


def _bodies(template: str) -> dict[str, Any]:
    examples = {type_: example("events", type_) for type_ in MODELS}
    event = {"$ref": template.format(model="CloudEvent")}
    datas = [{"$ref": template.format(model=model.__name__)} for model in MODELS.values()]
    return {
        STRUCTURED: {"schema": event, "examples": {name: {"value": value} for name, value in examples.items()}},
        BATCH: {
            "schema": {"type": "array", "items": event, "maxItems": MAX_BATCH},
            "examples": {"one of each type": {"value": list(examples.values())}},
        },
        JSON: {
            "schema": {"anyOf": datas},
            "examples": {name: {"value": value["data"]} for name, value in examples.items()},
        },
    }
