"""What breaks a published schema and what does not, in both directions; and what the command says then."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.export import FOLDER, event_schemas
from schemas.export.compatibility import breaks
from streams.cli import main

TAKEN, WRITTEN = event_schemas()
EXECUTED, SURVEYED, OBSERVED = TAKEN[topics.EXECUTED], TAKEN[topics.SURVEYED], TAKEN[topics.OBSERVED]
FIRED = WRITTEN[topics.ALERT_FIRED]

Change = Callable[[dict[str, Any]], object]


def fields(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"]["data"]["properties"]
    return found


def needed(schema: dict[str, Any]) -> list[str]:
    found: list[str] = schema["$defs"]["data"]["required"]
    return found


def changed(schema: dict[str, Any], change: Change) -> dict[str, Any]:
    new = copy.deepcopy(schema)
    change(new)
    assert new != schema
    return new


BREAKING: dict[str, tuple[dict[str, Any], Change, str]] = {
    "a field removed": (EXECUTED, lambda new: fields(new).pop("buyer_area"), "data.buyer_area: it is no longer taken"),
    "a field needed": (EXECUTED, lambda new: needed(new).append("buyer_area"), "data.buyer_area: it is needed now"),
    "an enum narrowed": (
        EXECUTED,
        lambda new: fields(new)["product_type"]["enum"].remove("spatial"),
        "data.product_type: no longer taken: spatial",
    ),
    "a free text that becomes a list": (
        EXECUTED,
        lambda new: fields(new)["exchange"].update(enum=["bidex"]),
        "data.exchange: only these are taken now: bidex",
    ),
    "a pattern changed": (
        EXECUTED,
        lambda new: fields(new)["exchange"].update(pattern="^[a-z]+$"),
        "data.exchange: pattern was ^[a-z0-9][a-z0-9_-]{0,63}$, is ^[a-z]+$",
    ),
    "a pattern added": (
        SURVEYED,
        lambda new: fields(new)["asset_type"].update(pattern="^[a-z]+$"),
        "data.asset_type: pattern was none, is ^[a-z]+$",
    ),
    "another type": (
        EXECUTED,
        lambda new: fields(new)["cross_border"].update(type="string"),
        "data.cross_border: no longer taken: boolean",
    ),
    "null refused": (
        EXECUTED,
        lambda new: fields(new).update(buyer_area=fields(EXECUTED)["buyer_area"]["anyOf"][0]),
        "data.buyer_area: no longer taken: null",
    ),
    "a lower maximum": (
        OBSERVED,
        lambda new: fields(new)["unit_multiplier"].update(maximum=12),
        "data.unit_multiplier: maximum was 18, is 12",
    ),
    "a higher minimum": (
        OBSERVED,
        lambda new: fields(new)["unit_multiplier"].update(minimum=0),
        "data.unit_multiplier: minimum was -18, is 0",
    ),
    "a shorter text": (
        EXECUTED,
        lambda new: fields(new)["amount"].update(maxLength=10),
        "data.amount: maxLength was 19, is 10",
    ),
    "another default": (
        OBSERVED,
        lambda new: fields(new)["unit_multiplier"].update(default=8),
        "data.unit_multiplier: default was 0, is 8",
    ),
    "a rule more": (
        EXECUTED,
        lambda new: new["$defs"]["data"]["allOf"].append({"required": ["seller_area"]}),
        "data: a new rule: {'required': ['seller_area']}",
    ),
    "an alternative less": (
        SURVEYED,
        lambda new: new["$defs"]["data"]["anyOf"].pop(),
        "data.count: it is needed now",
    ),
    "an attribute of the envelope that was free": (
        EXECUTED,
        lambda new: new["properties"].update(subject={"const": "x"}),
        "subject: only these are taken now: x",
    ),
    "an envelope that takes no extensions": (
        EXECUTED,
        lambda new: new.update(additionalProperties=False),
        "the event: other fields are no longer taken",
    ),
}

COMPATIBLE: dict[str, tuple[dict[str, Any], Change]] = {
    "a field that may be left out": (EXECUTED, lambda new: fields(new).update(venue={"type": "string"})),
    "a field no longer needed": (EXECUTED, lambda new: needed(new).remove("cross_border")),
    "an enum with more": (EXECUTED, lambda new: fields(new)["product_type"]["enum"].append("quantum")),
    "a list that becomes a free text": (EXECUTED, lambda new: fields(new)["product_type"].pop("enum")),
    "a pattern less": (EXECUTED, lambda new: fields(new)["exchange"].pop("pattern")),
    "null taken, too": (
        EXECUTED,
        lambda new: fields(new).update(exchange={"anyOf": [fields(EXECUTED)["exchange"], {"type": "null"}]}),
    ),
    "a higher maximum": (OBSERVED, lambda new: fields(new)["unit_multiplier"].update(maximum=24)),
    "whole numbers that become numbers": (OBSERVED, lambda new: fields(new)["unit_multiplier"].update(type="number")),
    "a rule less": (EXECUTED, lambda new: new["$defs"]["data"]["allOf"].pop()),
    "an alternative more": (SURVEYED, lambda new: new["$defs"]["data"]["anyOf"].append({"required": ["unit"]})),
    "words": (EXECUTED, lambda new: fields(new)["amount"].update(description="What was paid.")),
}

BREAKING_FOR_READERS: dict[str, tuple[Change, str]] = {
    "a field removed": (lambda new: fields(new).pop("since"), "data.since: it may be"),
    "a field that may be missing": (
        lambda new: needed(new).remove("since"),
        "data.since: it is no longer there in every event",
    ),
    "a value that may be something else": (
        lambda new: fields(new)["limit"].update(type=["string", "null"]),
        "data.limit: it may be null now",
    ),
    "another form": (
        lambda new: fields(new)["limit"].pop("pattern"),
        "data.limit: pattern was ^[+-]?[0-9]+(\\.[0-9]+)?$, is none",
    ),
}


@pytest.mark.parametrize("kind", BREAKING)
def test_what_breaks_publishers(kind: str) -> None:
    published, change, said = BREAKING[kind]
    assert said in breaks(published, changed(published, change))


@pytest.mark.parametrize("kind", COMPATIBLE)
def test_what_publishers_do_not_feel(kind: str) -> None:
    published, change = COMPATIBLE[kind]
    assert breaks(published, changed(published, change)) == []


@pytest.mark.parametrize("kind", BREAKING_FOR_READERS)
def test_what_breaks_readers(kind: str) -> None:
    change, said = BREAKING_FOR_READERS[kind]
    lines = breaks(FIRED, changed(FIRED, change), written=True)
    assert any(line.startswith(said) for line in lines), lines


def test_a_field_more_breaks_no_reader() -> None:
    assert breaks(FIRED, changed(FIRED, lambda new: fields(new).update(area={"type": "string"})), written=True) == []


def test_more_reasons_of_a_dead_letter_break_its_readers() -> None:
    letter = WRITTEN["citypulse.dead-letter.v1"]
    more = changed(letter, lambda new: new["properties"]["reason"]["enum"].append("boring"))
    assert breaks(letter, more, written=True) == ["reason: it may be boring now"]


def test_no_change_breaks_nothing() -> None:
    for schema in (TAKEN | WRITTEN).values():
        assert breaks(schema, copy.deepcopy(schema)) == []


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["export", "check"])
def test_the_command_refuses_and_says_how(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schemas", "export", "--output", str(tmp_path)]) == 0
    path = tmp_path / FOLDER / f"{topics.EXECUTED}.json"
    wider = changed(EXECUTED, lambda new: fields(new)["product_type"]["enum"].append("quantum"))
    path.write_text(json.dumps(wider))
    (tmp_path / FOLDER / "citypulse.transaction.imagined.v1.json").write_text("{}")
    capsys.readouterr()
    assert main(["schemas", "export", "--output", str(tmp_path), *arguments]) == 1
    said = capsys.readouterr().err
    assert "citypulse.transaction.executed.v1: data.product_type: no longer taken: quantum" in said
    assert "citypulse.transaction.imagined.v1: the type is gone" in said
    assert "add a new one with .v2 in its name beside it" in said
    assert json.loads(path.read_text()) == wider, "nothing is written"


def test_check_names_what_is_not_fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schemas", "export", "--output", str(tmp_path)]) == 0
    assert main(["schemas", "export", "--check", "--output", str(tmp_path)]) == 0
    (tmp_path / "docs" / "metrics.md").write_text("old")
    capsys.readouterr()
    assert main(["schemas", "export", "--check", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "citypulse: not what the code makes: docs/metrics.md; run: make schemas\n"
    (tmp_path / FOLDER / "asyncapi.json").write_bytes(b"\xff")
    assert main(["schemas", "export", "--output", str(tmp_path)]) == 2
