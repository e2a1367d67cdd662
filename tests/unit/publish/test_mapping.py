"""Mapping files; the example of docs/files.md is one of them."""

import re
from pathlib import Path

import pytest

from schemas.events import Rejection
from schemas.scalars import parse_time
from streams.publish.checking import Checker
from streams.publish.files import BadTable, read_events
from streams.publish.mapping import BadMapping, ColumnMapping, read_mapping

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "files.md").read_text()
NOW_US = parse_time("2024-01-01T00:00:00Z")

MINIMAL = "columns: {a: [id, data.amount]}\nconstants: {source: /s, type: t, time: now}\n"


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(text)


def read(tmp_path: Path, text: str) -> ColumnMapping:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    return read_mapping(path)


def test_the_documented_example_holds(tmp_path: Path) -> None:
    mapping = read(tmp_path, block("yaml"))
    check = Checker(max_event_bytes=65_536, open_indicators=False)
    events = list(read_events(block("csv").encode().splitlines(keepends=True), "csv", mapping))
    verdicts = [check(value, NOW_US) for _, value in events]
    assert not any(isinstance(verdict, Rejection) for verdict in verdicts), verdicts
    assert [number for number, _ in events] == [2, 3]
    assert b'"cross_border":false' in events[0][1]
    assert b'"time":"2023-11-24T09:31:12+08:00"' in events[1][1]


def test_every_key_is_documented() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)) == set(ColumnMapping.model_fields)


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("2023-11-24 09:30:00", "2023-11-24T09:30:00-05:00"),
        ("2023-11-24T09:30:00.25", "2023-11-24T09:30:00.25-05:00"),
        ("2023-11-24T09:30:00Z", "2023-11-24T09:30:00Z"),
        ("2023-11-24T09:30:00+08:00", "2023-11-24T09:30:00+08:00"),
        ("2023-11-24T09:30:00-08:00", "2023-11-24T09:30:00-08:00"),
        ("", None),
    ],
)
def test_an_offset_is_for_times_that_have_none(tmp_path: Path, cell: str, time: str | None) -> None:
    mapping = read(tmp_path, "columns: {t: time}\nconstants: {id: a, source: /s, type: t}\noffset: '-05:00'")
    assert mapping.event({"t": cell}).get("time") == time


def test_columns_that_are_not_named_are_left_aside(tmp_path: Path) -> None:
    mapping = read(tmp_path, MINIMAL)
    event = mapping.event({"a": " 1 ", "b": "2"})
    assert event == {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "now",
                     "data": {"amount": "1"}}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns: {a: amount}", "'amount' is no field"),
        ("columns: {a: data.}", "'data.' is no field"),
        ("columns: {a: id, b: id}", "id has two origins"),
        ("columns: {a: id}\nconstants: {id: x}", "id has two origins"),
        ("columns: {a: id}", "source comes from no column"),
        (MINIMAL + "words: {data.unit: {a: b}}", "words of data.unit: no column gives it"),
        (MINIMAL + "rows: 7", "rows: Extra inputs"),
        (MINIMAL + "offset: Shanghai", "offset: String should match"),
        (MINIMAL + "delimiter: ';;'", "delimiter: String should have at most 1 character"),
        ("columns: [", "expected the node content"),
        ("", "Input should be a valid dictionary"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadMapping) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="lacks a"):
        list(read_events([b"b,c\n", b"1,2\n"], "csv", read(tmp_path, MINIMAL)))
