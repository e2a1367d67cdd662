"""The OpenAPI 3.1 document, made from the routes and the models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from streams.exposition.ingest_docs import SECURITY, post_events, request_schemas
from streams.exposition.models import Ingested, NotIngested, Problem, Readiness
from streams.exposition.routes import EVENTS, ROUTES, Parameter, Route
from streams.exposition.stream import PATH as STREAM_PATH
from streams.exposition.text import CLASSIC, OPENMETRICS

_STREAM = (
    "What the page at / shows, as server-sent events: at most four a second, each a JSON object with the parts that "
    "changed since the event that the viewer has (`Last-Event-ID`). Made for that page; it may change with it."
)
_REF = "#/components/schemas/{model}"


def openapi(version: str) -> dict[str, Any]:
    """The document.

    Args:
        version: of the software, as the document's version.
    """
    answers: list[type[BaseModel]] = [Problem, Readiness, Ingested, NotIngested, *(route.answer for route in ROUTES)]
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
            EVENTS.path: {"get": _operation(EVENTS), "post": post_events(_REF)},
            STREAM_PATH: {"get": _plain("stream", _STREAM, {"text/event-stream": {"type": "string"}})},
        },
        "components": {"schemas": {**schemas["$defs"], **request_schemas(_REF)}, "securitySchemes": SECURITY},
    }


def _operation(route: Route) -> dict[str, Any]:
    return {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {
            "200": _response("The answer.", route.answer),
            "400": _response("A parameter that there is not, or a value it cannot have.", Problem),
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
