"""The contract as artefacts: JSON Schemas, an AsyncAPI document and reference pages, all made from the code."""

import json
from typing import Any, Final

from schemas.export.asyncapi import asyncapi
from schemas.export.emitted import DEAD_LETTER, REPLAYED, alert_schemas, dead_letter_schema, replayed_schema
from schemas.export.events import Schema, source_schemas
from schemas.export.pages import events_page, metrics_page

__all__ = ["DEAD_LETTER", "FOLDER", "REPLAYED", "event_schemas", "files", "json_text"]

FOLDER: Final = "schemas/json"
"""Where the JSON files are; what is committed there is what is published."""


def event_schemas() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schema files by name: of what is taken, and of what CityPulse writes itself."""
    return source_schemas(), {**alert_schemas(), DEAD_LETTER: dead_letter_schema(), REPLAYED: replayed_schema()}


def files(version: str) -> dict[str, str]:
    """Path -> text of every file that comes from ``schemas`` alone.

    Args:
        version: of the software, for the documents.
    """
    taken, written = event_schemas()
    documents: dict[str, Any] = {**taken, **written, "asyncapi": asyncapi(version)}
    return {
        **{f"{FOLDER}/{name}.json": json_text(document) for name, document in documents.items()},
        "docs/events.md": events_page(),
        "docs/metrics.md": metrics_page(),
    }


def json_text(document: Any) -> str:
    """A document as a file has it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
