"""Every example decodes to what it says; every type and every reason has one."""

import base64
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from schemas import topics
from schemas.events import Reason, Rejection
from schemas.models import MODELS
from schemas.scalars import parse_time
from streams.decode import Decoder

EXAMPLES = Path(__file__).resolve().parents[3] / "schemas" / "examples"
LATER_US = parse_time("2030-01-01T00:00:00Z")


def load(folder: str) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((EXAMPLES / folder).glob("*.json"))}


EVENTS, BINARY, REJECTIONS = load("events"), load("binary"), load("rejections")


def test_no_type_reason_model_or_example_is_an_orphan() -> None:
    assert set(EVENTS) == set(topics.SOURCE_TYPES) == set(MODELS)
    assert set(REJECTIONS) == set(get_args(Reason))
    assert set(BINARY) <= set(topics.SOURCE_TYPES)
    folders = {path.parent.name for path in EXAMPLES.rglob("*.*")}
    assert folders == {"events", "binary", "rejections", "emitted"}


@pytest.mark.parametrize("type_", EVENTS)
def test_an_event_decodes(type_: str) -> None:
    example = EVENTS[type_]
    assert example["type"] == type_
    event = Decoder(topics.TOPIC_OF[type_])(json.dumps(example).encode(), [], LATER_US)
    assert not isinstance(event, Rejection), event
    assert (event.source, event.id, event.time_us) == (example["source"], example["id"], parse_time(example["time"]))


@pytest.mark.parametrize("type_", BINARY)
def test_a_binary_event_is_the_structured_one(type_: str) -> None:
    example = BINARY[type_]
    headers = [(name, value.encode()) for name, value in example["headers"].items()]
    decoder = Decoder(topics.TOPIC_OF[type_])
    event = decoder(json.dumps(example["data"]).encode(), headers, LATER_US)
    assert event == decoder(json.dumps(EVENTS[type_]).encode(), [], LATER_US)


@pytest.mark.parametrize("reason", REJECTIONS)
def test_a_rejection_has_its_reason_and_field(reason: str) -> None:
    example = REJECTIONS[reason]
    value = example["text"].encode() if "text" in example else base64.b64decode(example["base64"])
    headers = [(name, text.encode()) for name, text in example["headers"].items()]
    decoder = Decoder(example["topic"], max_event_bytes=example.get("max_event_bytes", 65_536))
    answer = decoder(value, headers, parse_time(example["now"]))
    assert isinstance(answer, Rejection)
    assert (answer.reason, answer.field) == (reason, example["field"]) == (example["reason"], answer.field)
