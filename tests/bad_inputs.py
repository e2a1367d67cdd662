"""Thirty bad inputs, and what every way in answers to each: SDK, command line, HTTP and Kafka itself.

``python -m tests.bad_inputs`` writes docs/bad-inputs.md; a test tries each of them on each way in.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from schemas.events import Reason, Rejection
from schemas.scalars import parse_time
from schemas.topics import CANCELLED, COMMISSIONED, INDICATORS, INFRASTRUCTURE, OBSERVED, SURVEYED, TRANSACTIONS
from streams.decode import Decoder
from tests.hostile import event

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "bad-inputs.md"

ALL = frozenset({"SDK", "CLI", "HTTP", "Kafka"})
"""The ways in."""


class BadInput(NamedTuple):
    """A record as it is on Kafka, and the verdict; ``ways`` are those that can carry it."""

    name: str
    value: bytes | None
    reason: Reason
    field: str = ""
    topic: str = TRANSACTIONS
    headers: tuple[tuple[str, bytes], ...] = ()
    ways: frozenset[str] = ALL


def _json(changes: dict[str, Any] | None = None, without: str = "") -> bytes:
    changed = event(1, **(changes or {}))
    changed.pop(without, None)
    return json.dumps(changed, ensure_ascii=False).encode()


def _data(**changes: Any) -> bytes:
    return _json({"data": dict(json.loads(_json())["data"], **changes)})


def _of(type_: str, data: dict[str, Any]) -> bytes:
    return _json({"type": type_, "data": data})


_FIGURE = {"indicator": "gdp", "area": "110000", "period": "2023-01-01/P9M", "value": "31723.1", "unit": "CNY",
           "unit_multiplier": 8, "status": "P", "vintage": "2023-10-20"}  # fmt: skip
_BINARY = tuple((f"ce_{name}", str(text).encode()) for name, text in event(1).items() if name not in {"data", "id"})

BAD_INPUTS = (
    BadInput("no value (a tombstone)", None, "not_json", ways=frozenset({"Kafka"})),
    BadInput("JSON cut off in the middle", _json()[:-20], "not_json"),
    BadInput("bytes that are no UTF-8", b'{"specversion":"\xff"}', "not_json"),
    BadInput("a byte order mark", b"\xef\xbb\xbf" + _json(), "not_json"),
    BadInput("NaN for a number", _data(amount=float("nan")), "not_json"),
    BadInput("nested deeper than 64 levels", b'{"x":' + b"[" * 70 + b"]" * 70 + b"}", "not_json"),
    BadInput("an array", b"[" + _json() + b"]", "not_cloudevent"),
    BadInput("no `specversion`", _json(without="specversion"), "not_cloudevent", "specversion"),
    BadInput("another `specversion`", _json({"specversion": "0.3"}), "not_cloudevent", "specversion"),
    BadInput("no `id`", _json(without="id"), "not_cloudevent", "id"),
    BadInput("a number for the `id`", _json({"id": 17}), "not_cloudevent", "id"),
    BadInput("an empty `source`", _json({"source": ""}), "not_cloudevent", "source"),
    BadInput("data that is XML", _json({"datacontenttype": "text/xml"}), "not_cloudevent", "datacontenttype"),
    BadInput("binary mode without `ce_id`", json.dumps(event(1)["data"]).encode(), "not_cloudevent", "id",
             headers=(*_BINARY, ("content-type", b"application/json")), ways=frozenset({"HTTP", "Kafka"})),
    BadInput("a type that nobody knows", _json({"type": "citypulse.transaction.imagined.v1"}), "unknown_type", "type"),
    BadInput("a type of another topic", _json(), "wrong_topic", "type", INFRASTRUCTURE, ways=frozenset({"Kafka"})),
    BadInput("no `time`", _json(without="time"), "invalid_field", "time"),
    BadInput("a time without an offset", _json({"time": "2024-08-14T07:30:00"}), "invalid_field", "time"),
    BadInput("a time in a hundred years", _json({"time": "2124-08-14T07:30:00Z"}), "from_the_future", "time"),
    BadInput("no `data`", _json(without="data"), "invalid_field", "data"),
    BadInput("a number for the amount", _data(amount=2650000.0), "invalid_field", "data.amount"),
    BadInput("an amount with an exponent", _data(amount="2.65e6"), "invalid_field", "data.amount"),
    BadInput("more decimals than the currency has", _data(amount="1.005"), "invalid_field", "data.amount"),
    BadInput("a currency that does not exist", _data(currency="RMB"), "invalid_field", "data.currency"),
    BadInput("a field that nobody knows", _data(buyer="ACME"), "invalid_field", "data.buyer"),
    BadInput("a cancellation before the execution",
             _of(CANCELLED, {**json.loads(_json())["data"], "executed_at": "2024-08-15T00:00:00Z"}),
             "invalid_field", "data.executed_at"),
    BadInput("an area code that was abolished",
             _of(COMMISSIONED, {"asset_id": "a", "asset_type": "rack", "area": "110228"}), "invalid_field",
             "data.area", INFRASTRUCTURE),
    BadInput("a survey of nothing", _of(SURVEYED, {"asset_type": "rack", "area": "110108"}), "invalid_field",
             "data.count", INFRASTRUCTURE),
    BadInput("an indicator in another unit", _of(OBSERVED, {**_FIGURE, "unit": "COUNT"}), "invalid_field", "data.unit",
             INDICATORS),
    BadInput("longer than 64 KiB", _json({"subject": "x" * 70_000}), "too_large"),
)  # fmt: skip


def verdict(bad: BadInput) -> Rejection:
    """What a worker says of it."""
    answer = Decoder(bad.topic)(bad.value, bad.headers, parse_time("2026-01-01T00:00:00Z"))
    assert isinstance(answer, Rejection), bad.name
    return answer


_HEAD = """\
# Bad inputs

What each way in answers to the same bad input: reason and field are the same everywhere, because all of them use the
workers' own rules. Written by `python -m tests.bad_inputs`, and `tests/integration/test_bad_inputs.py` tries each of
them on each way in.

| way in | answers |
|---|---|
| SDK | `EventRefused` with `reason`, `field` and `message`; nothing is sent |
| CLI | `line N: reason field: message` on standard error; the rest is published, exit code 1 |
| HTTP | a verdict `rejected` with `reason`, `field` and `message`; status 400 (413 for too_large), nothing is written |
| Kafka | the record is counted as rejected, and a dead letter has `reason`, `field` and `message` |

A dash says that this way in cannot carry the input: SDK and CLI take structured events and choose the topic themselves.

| input | reason | field | SDK | CLI | HTTP | Kafka | message |
|---|---|---|---|---|---|---|---|
"""


def document() -> str:
    """The text of docs/bad-inputs.md."""
    rows = []
    for bad in BAD_INPUTS:
        ways = " | ".join("same" if way in bad.ways else "-" for way in ("SDK", "CLI", "HTTP", "Kafka"))
        field = f"`{bad.field}`" if bad.field else ""
        message = verdict(bad).message.replace("|", "\\|")
        rows.append(f"| {bad.name} | `{bad.reason}` | {field} | {ways} | {message} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(f"docs/{DOCUMENT.name}: written")
