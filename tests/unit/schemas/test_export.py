"""The exported contract: valid by its own standards, true to the examples, and what is committed is what is made."""

import base64
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from schemas import topics
from schemas.envelope import CONTENT_TYPE_HEADER, JSON
from schemas.events import Reason, Rejection
from schemas.export import DEAD_LETTER, FOLDER, REPLAYED, event_schemas, files
from schemas.export.asyncapi import asyncapi
from schemas.metrics import METRICS
from schemas.place import Place
from schemas.scalars import parse_time
from streams.cli import main
from streams.decode import Decoder
from streams.decode.identity import Identity
from streams.transport.letters import mark
from streams.transport.producer import dead_letter

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "schemas" / "examples"
TAKEN, WRITTEN = event_schemas()
SCHEMAS = TAKEN | WRITTEN
REJECTIONS = {path.stem: json.loads(path.read_text("utf-8")) for path in (EXAMPLES / "rejections").glob("*.json")}
TOO_EARLY = ("from_the_future", "too_large", "wrong_topic")
"""Reasons that are not in the event itself: its time, the settings, and where it was published."""


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def example(folder: str, type_: str) -> Any:
    return json.loads((EXAMPLES / folder / f"{type_}.json").read_text("utf-8"))


def test_every_type_and_both_kinds_of_dead_letters_have_a_schema_and_nothing_else_has() -> None:
    assert set(TAKEN) == set(topics.SOURCE_TYPES)
    assert set(WRITTEN) == set(topics.TOPIC_OF) - set(TAKEN) | {DEAD_LETTER, REPLAYED}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_by_the_meta_schema_and_knows_itself(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"urn:citypulse:schema:{name}"


@pytest.mark.parametrize("type_", TAKEN)
def test_examples_fit_and_are_in_the_schema(type_: str) -> None:
    assert problems(TAKEN[type_], example("events", type_)) == []
    assert TAKEN[type_]["examples"] == [example("events", type_)]


def test_data_in_binary_mode_fits_the_schema_of_data() -> None:
    for path in (EXAMPLES / "binary").glob("*.json"):
        assert problems(TAKEN[path.stem]["$defs"]["data"], json.loads(path.read_text("utf-8"))["data"]) == []


@pytest.mark.parametrize("reason", [reason for reason in get_args(Reason) if reason != "not_json"])
def test_a_rejected_example_does_not_fit_where_a_schema_can_say_so(reason: str) -> None:
    rejected = REJECTIONS[reason]
    value = json.loads(rejected["text"])
    fits = any(not problems(schema, value) for schema in TAKEN.values())
    assert fits == (reason in TOO_EARLY)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_we_write_ourselves_fits(name: str) -> None:
    assert problems(WRITTEN[name], example("emitted", name)) == []


def test_the_example_of_a_dead_letter_is_what_a_worker_writes() -> None:
    rejected = REJECTIONS["invalid_field"]
    value, now_us = rejected["text"].encode(), parse_time(rejected["now"])
    rejection = Decoder(rejected["topic"])(value, [], now_us)
    assert isinstance(rejection, Rejection)
    record = SimpleNamespace(offset=17, timestamp=now_us // 1000, key=b"synthetic-000017", value=value, headers=[])
    assert json.loads(dead_letter(rejected["topic"], 2, record, rejection)) == example("emitted", DEAD_LETTER)


def test_the_example_of_a_mark_is_what_a_replay_writes_and_is_told_from_the_letter() -> None:
    letter, marked = example("emitted", DEAD_LETTER), example("emitted", REPLAYED)
    event = json.loads(base64.b64decode(letter["value_base64"]))
    sent = Place(topics.TRANSACTIONS, 2, 42)
    written = mark(Place(letter["topic"], 2, 17), Identity(event["source"], event["id"], event["type"]), sent)
    assert json.loads(written) == marked
    assert problems(WRITTEN[DEAD_LETTER], marked)
    assert problems(WRITTEN[REPLAYED], letter)


@pytest.mark.parametrize("value", [None, b"\xff", b"x" * (3 << 20)])
def test_dead_letters_of_odd_records_fit(value: bytes | None) -> None:
    headers = [("a", b"\xff"), ("none", None)]
    record = SimpleNamespace(offset=0, timestamp=-1, key=None, value=value, headers=headers)
    letter = dead_letter(topics.INDICATORS, 0, record, Rejection("not_json", "", "no"))
    assert problems(WRITTEN[DEAD_LETTER], json.loads(letter)) == []


def test_what_is_committed_is_what_the_code_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["schemas", "export", "--check"]) == 0
    there = {path.stem for path in (ROOT / FOLDER).iterdir()}
    assert there == {*SCHEMAS, "asyncapi", "openapi"}


def test_asyncapi_has_every_topic_with_its_messages_in_both_modes() -> None:
    document = asyncapi("1")
    assert set(document["channels"]) == set(topics.SPECS)
    for name, spec in topics.SPECS.items():
        modes = ("", ".binary") if name in topics.SOURCES else ("",)
        wanted = {f"{type_}{mode}" for type_ in spec.types for mode in modes} or {DEAD_LETTER, REPLAYED}
        assert set(document["channels"][name]["messages"]) == wanted
        (operation,) = [one for one in document["operations"].values() if one["channel"]["$ref"].endswith(name)]
        assert operation["action"] == ("receive" if name in topics.SOURCES else "send")


def test_the_binary_example_of_asyncapi_is_an_event() -> None:
    message = asyncapi("1")["components"]["messages"][f"{topics.EXECUTED}.binary"]
    (shown,) = message["examples"]
    assert problems(message["headers"], shown["headers"]) == []
    headers = [(name, text.encode()) for name, text in shown["headers"].items()]
    assert dict(headers)[CONTENT_TYPE_HEADER] == JSON.encode()
    decoded = Decoder(topics.TRANSACTIONS)(
        json.dumps(shown["payload"]).encode(), headers, parse_time("2030-01-01T00:00:00Z")
    )
    assert not isinstance(decoded, Rejection), decoded


def test_the_reference_pages_name_every_type_field_and_metric() -> None:
    made = files("1")
    for type_, schema in TAKEN.items():
        section = made["docs/events.md"].partition(f"\n## {type_}\n")[2].partition("\n## ")[0]
        fields = set(re.findall(r"^\| `(\w+)` \| (?:yes|no)", section, re.MULTILINE))
        assert fields == set(schema["$defs"]["data"]["properties"])
    assert set(re.findall(r"^\| `(citypulse_\w+)` \|", made["docs/metrics.md"], re.MULTILINE)) == set(METRICS)
