"""The OpenAPI 3.1 document, made from the routes and the models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.topics import SOURCES
from streams.exposition.ingest_docs import SECURITY, post_events, request_schemas
from streams.exposition.lookup_models import DeadLetters, Trace
from streams.exposition.lookups import DAYS, EVENT_PATH, LETTERS, LETTERS_PATH, RECORDS, SECONDS
from streams.exposition.models import Ingested, NotIngested, Problem, Readiness
from streams.exposition.operations import REASONS
from streams.exposition.routes import EVENTS, ROUTES, Parameter, Route
from streams.exposition.stream import PATH as STREAM_PATH
from streams.exposition.text import CLASSIC, OPENMETRICS

_STREAM = (
    "What the page at / shows, as server-sent events: at most four a second, each a JSON object with the parts that "
    "changed since the event that the viewer has (`Last-Event-ID`). Made for that page; it may change with it."
)
_EVENT = (
    f"What became of one event: at most {RECORDS:,} records of the last {DAYS} days are read for it, for at most "
    f"{SECONDS:.0f} seconds. A slash within source or id is written %2F."
)
_LETTERS = (
    "What was refused and not replayed: the newest 100,000 by count, and the newest "
    f"{LETTERS:,} of the last {DAYS} days one by one."
)
_SINCE: dict[str, Any] = {
    "name": "since",
    "in": "query",
    "description": "RFC 3339. Looks back to here instead.",
    "schema": {"type": "string", "format": "date-time"},
}
_KEY: dict[str, Any] = {
    "name": "key",
    "in": "query",
    "description": "The record's key: only the partition that Kafka's Java client takes for it is read, of each topic.",
    "schema": {"type": "string"},
}
_REF = "#/components/schemas/{model}"


_BAD_PARAMETER = "A parameter that there is not, or a value it cannot have."


def openapi(version: str) -> dict[str, Any]:
    """The document.

    Args:
        version: of the software, as the document's version.
    """
    looked_up = (Trace, DeadLetters)
    answers: list[type[BaseModel]] = [
        Problem, Readiness, Ingested, NotIngested, *looked_up, *(route.answer for route in ROUTES)
    ]  # fmt: skip
    _, schemas = models_json_schema([(model, "serialization") for model in answers], ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CityPulse",
            "version": version,
            "description": "Exact, live numbers of a city's digital economy. Any worker answers for the whole. "
            "Decimals are strings, so that nothing is rounded on the way.",
        },
        "paths": {
            "/metrics": {"get": _metrics()},
            "/healthz": {"get": _plain("healthz", "Whether the process is alive.", {"text/plain": {"type": "string"}})},
            "/readyz": {"get": _readyz()},
            **{route.path: {"get": _operation(route)} for route in ROUTES},
            EVENT_PATH: {"get": _lookup("event", _EVENT, [*_path("source", "id"), _SINCE, _KEY], Trace)},
            LETTERS_PATH: {"get": _lookup("dead-letters", _LETTERS, _LETTER_FILTERS, DeadLetters)},
            EVENTS.path: {"get": _operation(EVENTS), "post": post_events(_REF)},
            STREAM_PATH: {"get": _plain("stream", _STREAM, {"text/event-stream": {"type": "string"}})},
        },
        "components": {"schemas": {**schemas["$defs"], **request_schemas(_REF)}, "securitySchemes": SECURITY},
    }


def _path(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _lookup(name: str, summary: str, parameters: list[dict[str, Any]], answer: type[BaseModel]) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": _response("The answer.", answer),
            "400": _response(_BAD_PARAMETER, Problem),
            "503": _response("Busy with another look-up, or Kafka does not answer; try again.", Problem),
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    return {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {
            "200": _response("The answer.", route.answer),
            "400": _response(_BAD_PARAMETER, Problem),
        },
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return {
        "name": parameter.name,
        "in": "query",
        "description": f"{parameter.description} Given several times: any of them.",
        "schema": {"type": "array", "items": schema},
        "style": "form",
        "explode": True,
    }


_LETTER_FILTERS = [
    _SINCE,
    _parameter(Parameter("topic", "Source topic.", SOURCES)),
    _parameter(Parameter("reason", "Reason.", REASONS)),
]


def _response(description: str, model: type[BaseModel]) -> dict[str, Any]:
    content_type = "application/problem+json" if model is Problem else "application/json"
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"description": description, "content": {content_type: {"schema": schema}}}


def _readyz() -> dict[str, Any]:
    return {
        "operationId": "readyz",
        "summary": "Whether this worker shows complete numbers, and most records can be counted.",
        "responses": {
            "200": _response("Ready.", Readiness),
            "503": _response("Not ready: the reasons.", Readiness),
        },
    }


def _metrics() -> dict[str, Any]:
    content = {fmt.content_type.split("; charset")[0]: {"type": "string"} for fmt in (CLASSIC, OPENMETRICS)}
    return _plain("metrics", "All metrics, as Prometheus text or OpenMetrics.", content)


def _plain(name: str, summary: str, content: dict[str, Any]) -> dict[str, Any]:
    media = {content_type: {"schema": schema} for content_type, schema in content.items()}
    return {"operationId": name, "summary": summary, "responses": {"200": {"description": "Text.", "content": media}}}
