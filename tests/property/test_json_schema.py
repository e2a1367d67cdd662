"""What the decoder takes, the published JSON Schemas take. Where they take more is listed."""

import json
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from schemas import topics
from schemas.events import Rejection
from schemas.export import event_schemas
from schemas.scalars import parse_time
from streams.decode import Decoder
from tests.property.test_decode import mutated
from tests.strategies import NOW_US, Sent, events

SCHEMAS = event_schemas()[0]
VALIDATORS = {type_: Draft202012Validator(schema) for type_, schema in SCHEMAS.items()}
DECODERS = {topic: Decoder(topic) for topic in topics.SOURCES}


def fits(event: Any) -> bool:
    return not list(VALIDATORS[event["type"]].iter_errors(event))


@given(events())
def test_a_valid_event_fits(sent: Sent) -> None:
    assert [error.message for error in VALIDATORS[sent.type].iter_errors(json.loads(sent.structured()))] == []


@given(mutated())
def test_what_is_taken_fits(value: bytes) -> None:
    for decoder in DECODERS.values():
        if not isinstance(decoder(value, [], NOW_US), Rejection):
            assert fits(json.loads(value))


LAXER = {
    "a day that there is not": (topics.EXECUTED, "time", "2023-02-30T00:00:00Z", "time"),
    "more than 18 digits": (topics.SURVEYED, "count", None, "data.capacity"),
    "an area that there is not": (topics.DECOMMISSIONED, "area", "999999", "data.area"),
    "a month that there is not": (topics.OBSERVED, "period", "2023-M13", "data.period"),
    "an indicator that the catalogue does not know": (topics.OBSERVED, "indicator", "happiness", "data.indicator"),
    "cancelled before it was executed": (topics.CANCELLED, "executed_at", "2024-01-01T00:00:00Z", "data.executed_at"),
    "a whole number with a point": (topics.SURVEYED, "count", 5.0, "data.count"),
}


@pytest.mark.parametrize("kind", LAXER)
def test_where_a_schema_takes_more_than_the_decoder(kind: str) -> None:
    type_, name, value, field = LAXER[kind]
    event = json.loads(json.dumps(SCHEMAS[type_]["examples"][0]))
    if kind == "more than 18 digits":
        event["data"] |= {"asset_type": "rack", "capacity": "1" * 19, "unit": "kW"}
    target = event if name == "time" else event["data"]
    target[name] = value
    assert fits(event)
    answer = DECODERS[topics.TOPIC_OF[type_]](json.dumps(event).encode(), [], parse_time("2030-01-01T00:00:00Z"))
    assert isinstance(answer, Rejection)
    assert (answer.reason, answer.field) == ("invalid_field", field)
