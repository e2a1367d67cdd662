"""Laws of decoding: it never raises, undoes encoding, and its two paths agree on every input."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import topics
from schemas.events import Asset, Figure, Rejection, Survey, Transaction
from schemas.periods import parse_period
from schemas.scalars import parse_amount, parse_capacity, parse_time
from streams.decode import Decoder
from streams.decode.fast import FastPath
from streams.decode.strict import StrictPath
from tests.strategies import NOW_US, Sent, events

DECODERS = {topic: Decoder(topic) for topic in topics.SOURCES}
PATHS = [(FastPath(topic, open_), StrictPath(topic, open_)) for topic in topics.SOURCES for open_ in (False, True)]


def meant(sent: Sent) -> dict[str, Any]:
    """What the publisher meant, read off ``data`` without the decoder's builders."""
    data = dict(sent.data)
    said: dict[str, Any] = {"source": sent.source, "id": sent.id, "time_us": parse_time(sent.time)}
    if "currency" in data:
        at = data.pop("executed_at", None)
        said |= {"cancelled": at is not None, "effective_us": parse_time(at or sent.time)}
        data["amount"] = parse_amount(data["amount"], data["currency"])
        data.pop("buyer_area", None)
        data.pop("seller_area", None)
    elif "asset_type" in data:
        data.setdefault("unit", "")
        data["capacity"] = parse_capacity(data["capacity"]) if "capacity" in data else None
        if "asset_id" in data:
            said["in_service"] = sent.type == topics.COMMISSIONED
        else:
            data.setdefault("count", None)
    else:
        period = parse_period(data["period"])
        said |= {"start": str(period.start), "end": str(period.end)}
        data.setdefault("source_url", "")
        data.setdefault("unit_multiplier", 0)
    return said | data


def held(event: Transaction | Asset | Survey | Figure | Rejection) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    fields.pop("city", None)
    return fields


@given(events())
def test_structured_events_come_back(sent: Sent) -> None:
    assert held(DECODERS[sent.topic](sent.structured(), [], NOW_US)) == meant(sent)


@given(events())
def test_binary_events_come_back(sent: Sent) -> None:
    value, headers = sent.binary()
    assert held(DECODERS[sent.topic](value, headers, NOW_US)) == meant(sent)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
ODD_NUMBERS = [
    "",
    " ",
    "+1",
    "-0",
    "1e3",
    "1_000",
    "1.",
    ".5",
    "0",
    "0.00",
    "00.1",
    "\u0967",
    "1" * 19,
    "NaN",
    "\u00b2",
]
ODD_TIMES = [
    "0001-01-01T00:00:00Z",
    "1900-01-01T00:00:00+08:00",
    "2023-06-30T23:59:60Z",
    "2023-11-24 09:30:00Z",
    "2023-11-24T09:30:00",
    "2023-11-24T09:30:00.+08:00",
    "2023-11-24T09:30:00.123456.5Z",
    "2023-11-24T09:30:00.25+08:00",
    "2023-11-24T09:30:00.250+24:00",
    "2023-11-24T24:00:00Z",
    "9999-12-31T23:59:59-08:00",
]
ODD_PERIODS = ["2023-Q5", "2023-M9", "2023-02-29", "2023-01-01/P0M", "2023-01-31/P1M", "9999"]
ODD_WORDS = ["total", "CN-BJ", "110228", "XXX", "CNY\n", "a\x7fb", "\u0085", "javascript:x", "a" * 257]
odd_texts = st.sampled_from([*ODD_NUMBERS, *ODD_TIMES, *ODD_PERIODS, *ODD_WORDS])


@st.composite
def mutated(draw: Any) -> bytes:
    """A valid event with a few things done to it."""
    sent = draw(events())
    attributes = json.loads(sent.structured())
    for _ in range(draw(st.integers(0, 2))):
        target = draw(st.sampled_from([attributes, attributes.get("data")]))
        if not isinstance(target, dict):
            continue
        known = ["time", "data_base64", "subject", "traceparent", "datacontenttype", "unit", "extra", *target]
        key = draw(st.sampled_from(known))
        if draw(st.booleans()):
            target.pop(key, None)
        else:
            target[key] = draw(json_values | odd_texts)
    text = json.dumps(attributes, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):  # say something twice
        member = draw(st.sampled_from(sorted(attributes) or ["id"]))
        text = f"{{{json.dumps(member)}:{json.dumps(draw(json_values | odd_texts))},{text[1:]}"
    value = text.encode(errors="surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(value)))
        value = value[:at] + draw(st.binary(max_size=3)) + value[at + draw(st.integers(0, 3)) :]
    return value


def _agree(value: bytes) -> None:
    for fast, strict in PATHS:
        event = fast(value, NOW_US)
        if event is not None:
            assert event == strict(value, [], NOW_US)


@given(mutated())
def test_the_two_paths_agree(value: bytes) -> None:
    _agree(value)


PLAIN = (
    '{"specversion":"1.0","id":"7","source":"/s","type":"citypulse.infrastructure.surveyed.v1",'
    '"time":"2023-11-24T09:30:00Z","data":{"asset_type":"rack","area":"110000","count":%s}%s}'
)


@pytest.mark.parametrize(
    "value",
    [
        PLAIN % (count, more)
        for count in ("5", "5.0", "5e0", "0.5", "1e999", "-0", "-1", "true", '"5"', "null", "9" * 400, "9" * 5000)
        for more in (
            "",
            ',"data":null',
            ',"id":"8"',
            ',"type":"x"',
            ',"x":' + "[" * 70 + "]" * 70,
            ',"x":NaN',
            ',"x":1e999',
        )
    ],
)
def test_the_two_paths_agree_on_numbers_and_repeated_keys(value: str) -> None:
    _agree(value.encode())


def test_the_fast_path_takes_what_publishers_write() -> None:
    assert PATHS[2][0]((PLAIN % ("5", ', "traceparent": "00-0af7-b7ad-01"')).encode(), NOW_US) is not None


def _clean(text: str) -> bool:
    return text.isprintable() and len(text) < 500


headers = st.lists(
    st.tuples(
        st.sampled_from(["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_data", "content-type"])
        | st.text(max_size=200),
        st.none()
        | st.binary(max_size=12)
        | st.sampled_from([b"1.0", b"application/json", *map(str.encode, topics.SOURCE_TYPES)]),
    ),
    max_size=8,
)


@given(st.none() | st.binary(max_size=64) | mutated(), headers, st.sampled_from(topics.SOURCES))
@example(b"[" * 60_000, [], topics.TRANSACTIONS)
@example(b'{"x":' * 10_000, [], topics.TRANSACTIONS)
@example(b'"\\ud800"', [], topics.TRANSACTIONS)
def test_decoding_never_raises_and_never_echoes_control_characters(
    value: bytes | None, record_headers: list[tuple[str, bytes | None]], topic: str
) -> None:
    answer = DECODERS[topic](value, record_headers, NOW_US)
    if isinstance(answer, Rejection):
        assert _clean(answer.message)
        assert _clean(answer.field)
        assert answer.message.endswith(".")
