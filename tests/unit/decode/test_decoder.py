"""The order of the checks, and what each rejection says."""

import json
from typing import Any

import pytest

from schemas import topics
from schemas.events import Asset, Figure, Rejection, Survey, Transaction
from schemas.scalars import parse_time
from streams.decode import Decoder, fast
from streams.decode.decoder import FUTURE_TOLERANCE_US
from streams.decode.parsing import MAX_DEPTH

TIME = "2023-11-24T09:30:00.250+08:00"
TIME_US = parse_time(TIME)
TX: dict[str, Any] = {
    "transaction_id": "tx-000017",
    "exchange": "bidex",
    "product_type": "spatial",
    "amount": "2650000.00",
    "currency": "CNY",
    "cross_border": False,
}
RACK: dict[str, Any] = {"asset_id": "r-1", "asset_type": "rack", "area": "110108", "capacity": "6.6", "unit": "kW"}
SURVEY = {"asset_type": "rack", "area": "110000", "count": 7}
FIGURE = {
    "indicator": "digital_economy_value_added",
    "area": "110000",
    "period": "2023-01-01/P9M",
    "value": "14060",
    "unit": "CNY",
    "unit_multiplier": 8,
    "status": "P",
    "vintage": "2023-11-24",
}
DATA: dict[str, dict[str, Any]] = {
    topics.EXECUTED: TX,
    topics.CANCELLED: TX | {"executed_at": TIME},
    topics.COMMISSIONED: RACK,
    topics.DECOMMISSIONED: {name: RACK[name] for name in ("asset_id", "asset_type", "area")},
    topics.SURVEYED: SURVEY,
    topics.OBSERVED: FIGURE,
}
DROP = object()


def envelope(type_: str = topics.EXECUTED, **changes: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": "7", "source": "/s", "type": type_, "time": TIME, "data": DATA.get(type_, TX)}
    return {name: value for name, value in (event | changes).items() if value is not DROP}


def with_data(type_: str, **changes: Any) -> dict[str, Any]:
    data = {name: value for name, value in (DATA[type_] | changes).items() if value is not DROP}
    return envelope(type_, data=data)


def judge(topic: str, value: bytes | None, now_us: int = TIME_US) -> Any:
    return Decoder(topic)(value, [], now_us)


def decode(event: Any, headers: Any = (), **settings: Any) -> Any:
    value = event if isinstance(event, bytes) else json.dumps(event).encode()
    type_ = event.get("type") if isinstance(event, dict) else None
    topic = topics.TOPIC_OF.get(type_, topics.TRANSACTIONS) if isinstance(type_, str) else topics.TRANSACTIONS
    return Decoder(topic, **settings)(value, list(headers), TIME_US)


def test_a_transaction() -> None:
    expected = Transaction(
        source="/s",
        id="7",
        time_us=1_700_789_400_250_000,
        transaction_id="tx-000017",
        cancelled=False,
        effective_us=1_700_789_400_250_000,
        exchange="bidex",
        product_type="spatial",
        currency="CNY",
        cross_border=False,
        amount=265_000_000,
    )
    assert decode(envelope()) == expected


def test_a_cancellation_counts_at_the_time_of_the_execution() -> None:
    event = decode(with_data(topics.CANCELLED, executed_at="2023-11-01T00:00:00Z"))
    assert (event.cancelled, event.time_us, event.effective_us) == (True, TIME_US, parse_time("2023-11-01T00:00:00Z"))


def test_infrastructure() -> None:
    commissioned = decode(envelope(topics.COMMISSIONED))
    assert commissioned == Asset("/s", "7", TIME_US, "r-1", "rack", "110108", "110000", True, 66 * 10**17, "kW")
    decommissioned = decode(envelope(topics.DECOMMISSIONED))
    assert decommissioned == Asset("/s", "7", TIME_US, "r-1", "rack", "110108", "110000", False, None, "")
    assert decode(envelope(topics.SURVEYED)) == Survey("/s", "7", TIME_US, "rack", "110000", 7, None, "")


def test_a_figure() -> None:
    figure = decode(envelope(topics.OBSERVED))
    assert isinstance(figure, Figure)
    assert (figure.start, figure.end, figure.value, figure.source_url) == ("2023-01-01", "2023-10-01", "14060", "")


@pytest.mark.parametrize("type_", topics.SOURCE_TYPES)
def test_extension_attributes_are_accepted(type_: str) -> None:
    plain = decode(envelope(type_))
    assert decode(envelope(type_, traceparent="00-ab-cd-01", subject="x")) == plain
    assert decode(envelope(type_, myextension={"any": [1.5, None, "\u4e2d"]}, subject=None)) == plain
    assert not isinstance(plain, Rejection)


@pytest.mark.parametrize(
    "record_headers",
    [
        [("content-type", b"application/cloudevents+json; charset=UTF-8")],
        [("content-type", b"application/cloudevents+json"), ("ce_specversion", b"1.0")],
        [("other", None), ("ce_id", b"ignored")],
    ],
)
def test_structured_mode(record_headers: list[tuple[str, bytes | None]]) -> None:
    assert decode(envelope(), record_headers) == decode(envelope())


def binary(**changes: bytes | None) -> list[tuple[str, bytes | None]]:
    attributes: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_id": b"7",
        "ce_source": b"/s",
        "ce_type": topics.EXECUTED.encode(),
        "ce_time": TIME.encode(),
    }
    return list((attributes | changes).items())


def test_binary_mode() -> None:
    assert decode(TX, binary()) == decode(envelope())
    assert decode(TX, [*binary(), ("content-type", b"application/json"), ("x", b"\xff")]) == decode(envelope())
    assert decode(TX, [("ce_id", b"\xff"), *binary()]) == decode(envelope())  # the last one counts


@pytest.mark.parametrize(
    ("data", "record_headers", "reason", "field"),
    [
        (TX, binary(ce_id=None), "not_cloudevent", "id"),
        (TX, binary(ce_id=b"\xff"), "not_cloudevent", "id"),
        (TX, binary(ce_id=b""), "not_cloudevent", "id"),
        (TX, binary(ce_specversion=b"0.3"), "not_cloudevent", "specversion"),
        (TX, [*binary(), ("content-type", b"text/csv")], "not_cloudevent", "datacontenttype"),
        (TX, binary(ce_type=b"x"), "unknown_type", "type"),
        (TX, binary(ce_time=None), "invalid_field", "time"),
        (TX, binary(ce_data_base64=b"x"), "invalid_field", "data_base64"),
        ([], binary(), "invalid_field", "data"),
        (b"", binary(), "not_json", ""),
    ],
)
def test_binary_rejections(data: Any, record_headers: Any, reason: str, field: str) -> None:
    answer = decode(data, record_headers)
    assert (answer.reason, answer.field) == (reason, field)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" \n",
        b"{",
        b"nul",
        b"NaN",
        b'{"a":Infinity}',
        b'"\xff"',
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{'a':1}",
        b"[1,]",
        b"1e999",
        b'{"a":01}',
        b"[" * 60000,
        b'{"a":' * 10000,
        b"[" * 65 + b"]" * 65,
        b"\x00",
    ],
)
def test_not_json(value: bytes) -> None:
    assert decode(value).reason == "not_json"


def test_no_value_is_not_json() -> None:
    assert judge(topics.TRANSACTIONS, None).reason == "not_json"


def test_nesting_is_counted_outside_of_strings() -> None:
    brackets = "[{" * 100 + '"\\'
    deep: Any = brackets
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert not isinstance(decode(envelope(extension=deep)), Rejection)
    assert decode(envelope(extension=[deep])).message.endswith("nested deeper than 64 levels.")


def test_too_large_goes_before_everything() -> None:
    value = b"x" * 65_537
    assert decode(value).reason == "too_large"
    assert decode(value[1:]).reason == "not_json"
    assert decode(envelope(), max_event_bytes=50).reason == "too_large"


@pytest.mark.parametrize("value", [b"[]", b'"x"', b"1", b"null", b"true", b"1.5"])
def test_what_is_no_object_is_no_cloudevent(value: bytes) -> None:
    assert decode(value).reason == "not_cloudevent"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
@pytest.mark.parametrize("wrong", [DROP, None, "", 1, ["1.0"], {}, True, "a\u0000", "a" * 257])
def test_what_makes_a_cloudevent(name: str, wrong: Any) -> None:
    answer = decode(envelope(**{name: wrong}))
    assert (answer.reason, answer.field) == ("not_cloudevent", name)


@pytest.mark.parametrize("type_", topics.SOURCE_TYPES)
@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "data"])
def test_no_type_does_without_an_attribute(type_: str, name: str) -> None:
    answer = judge(topics.TOPIC_OF[type_], json.dumps(envelope(type_, **{name: DROP})).encode())
    assert answer.field == name


@pytest.mark.parametrize("wrong", ["0.3", "1", "1.0 "])
def test_the_version_of_cloudevents(wrong: str) -> None:
    assert decode(envelope(specversion=wrong)).field == "specversion"


@pytest.mark.parametrize(("content_type", "good"), [("application/json; charset=utf-8", True), ("text/json", True)])
def test_json_content_types(content_type: str, good: bool) -> None:
    assert isinstance(decode(envelope(datacontenttype=content_type)), Transaction) is good


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", 1, ""])
def test_other_content_types(content_type: Any) -> None:
    answer = decode(envelope(datacontenttype=content_type))
    assert (answer.reason, answer.field) == ("not_cloudevent", "datacontenttype")


@pytest.mark.parametrize("type_", ["x", "citypulse.transaction.executed.v2", topics.ALERT_FIRED])
def test_unknown_types(type_: str) -> None:
    answer = judge(topics.TRANSACTIONS, json.dumps(envelope(type_)).encode())
    assert (answer.reason, answer.field) == ("unknown_type", "type")


def test_the_topic_goes_before_the_fields() -> None:
    value = json.dumps(envelope(topics.SURVEYED, data=1, time=DROP)).encode()
    answer = judge(topics.TRANSACTIONS, value)
    assert (answer.reason, answer.field) == ("wrong_topic", "type")
    assert topics.INFRASTRUCTURE in answer.message


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"time": DROP}, "time"),
        ({"time": None}, "time"),
        ({"time": 1_700_000_000}, "time"),
        ({"time": "2023-11-24T09:30:00"}, "time"),
        ({"data": DROP}, "data"),
        ({"data": None}, "data"),
        ({"data": "{}"}, "data"),
        ({"data_base64": "e30="}, "data_base64"),
        ({"data_base64": "e30=", "data": DROP}, "data_base64"),
    ],
)
def test_envelope_fields(changes: dict[str, Any], field: str) -> None:
    answer = decode(envelope(**changes))
    assert (answer.reason, answer.field) == ("invalid_field", field)


FIELDS: list[tuple[str, dict[str, Any], str]] = [
    *[(topics.EXECUTED, {name: DROP}, name) for name in TX],
    *[(topics.EXECUTED, {name: None}, name) for name in TX],
    *[
        (topics.EXECUTED, {"amount": amount}, "amount")
        for amount in (2650000, 1.5, "0", "-1", "1e6", "1.234", "1" * 19, "1\n")
    ],
    *[(topics.EXECUTED, {"cross_border": border}, "cross_border") for border in ("false", 0, 1.0)],
    *[(topics.EXECUTED, {"currency": currency}, "currency") for currency in ("XXX", "cny", "RMB", "")],
    (topics.EXECUTED, {"currency": "JPY"}, "amount"),
    (topics.EXECUTED, {"product_type": "listing"}, "product_type"),
    (topics.EXECUTED, {"exchange": "Bidex"}, "exchange"),
    (topics.EXECUTED, {"exchange": "total"}, "exchange"),
    (topics.EXECUTED, {"transaction_id": ""}, "transaction_id"),
    (topics.EXECUTED, {"transaction_id": "a\x7f"}, "transaction_id"),
    (topics.EXECUTED, {"buyer_area": "CN-BJ"}, "buyer_area"),
    (topics.EXECUTED, {"seller_area": "110228"}, "seller_area"),
    (topics.EXECUTED, {"surprise": 1}, "surprise"),
    (topics.EXECUTED, {"executed_at": TIME}, "executed_at"),
    (topics.CANCELLED, {"executed_at": DROP}, "executed_at"),
    (topics.CANCELLED, {"executed_at": "2023-11-24"}, "executed_at"),
    (topics.CANCELLED, {"executed_at": "2023-11-24T09:30:00.251+08:00"}, "executed_at"),
    (topics.COMMISSIONED, {"unit": DROP}, "unit"),
    (topics.COMMISSIONED, {"unit": "PFLOPS"}, "unit"),
    (topics.COMMISSIONED, {"unit": "MW"}, "unit"),
    (topics.COMMISSIONED, {"capacity": DROP}, "unit"),
    (topics.COMMISSIONED, {"capacity": "-1"}, "capacity"),
    (topics.COMMISSIONED, {"asset_type": "large_model"}, "capacity"),
    (topics.COMMISSIONED, {"area": "999999"}, "area"),
    (topics.DECOMMISSIONED, {"capacity": "1"}, "capacity"),
    (topics.DECOMMISSIONED, {"area": "CN-BJ"}, "area"),
    (topics.SURVEYED, {"count": DROP}, "count"),
    *[(topics.SURVEYED, {"count": count}, "count") for count in (-1, 1.0, "7", True, 2**53)],
    (topics.SURVEYED, {"capacity": "5"}, "unit"),
    (topics.SURVEYED, {"area": "110228"}, "area"),
    (topics.OBSERVED, {"indicator": "happiness"}, "indicator"),
    (topics.OBSERVED, {"unit": "PERCENT"}, "unit"),
    (topics.OBSERVED, {"value": "-1"}, "value"),
    (topics.OBSERVED, {"value": 14060}, "value"),
    (topics.OBSERVED, {"value": "1.406e4"}, "value"),
    (topics.OBSERVED, {"period": "2023-Q5"}, "period"),
    (topics.OBSERVED, {"status": "R"}, "status"),
    (topics.OBSERVED, {"vintage": "2023-02-29"}, "vintage"),
    (topics.OBSERVED, {"unit_multiplier": 19}, "unit_multiplier"),
    (topics.OBSERVED, {"unit_multiplier": "8"}, "unit_multiplier"),
    (topics.OBSERVED, {"source_url": "javascript:alert(1)"}, "source_url"),
    (topics.OBSERVED, {"area": "CN-BJ"}, "area"),
]


@pytest.mark.parametrize(("type_", "changes", "field"), FIELDS)
def test_data_fields(type_: str, changes: dict[str, Any], field: str) -> None:
    answer = decode(with_data(type_, **changes))
    assert (answer.reason, answer.field) == ("invalid_field", f"data.{field}")


def test_optional_fields_may_be_null() -> None:
    assert decode(with_data(topics.EXECUTED, buyer_area=None)) == decode(envelope())
    assert decode(with_data(topics.COMMISSIONED, capacity=None, unit=None)).capacity is None


def test_areas_are_judged_at_the_events_time() -> None:
    event = with_data(topics.COMMISSIONED, area="110228") | {"time": "2014-06-01T00:00:00+08:00"}
    assert decode(event).city == "110000"


def test_open_indicators() -> None:
    event = with_data(
        topics.OBSERVED, indicator="happiness", value="-1.5", unit="RATIO", source_url="https://example.org"
    )
    assert decode(event, open_indicators=True).indicator == "happiness"
    assert decode(event | {"x": 1}, open_indicators=True).source_url == "https://example.org"


def test_the_future_begins_after_five_minutes_and_is_judged_last() -> None:
    value = json.dumps(envelope()).encode()
    assert isinstance(judge(topics.TRANSACTIONS, value, TIME_US - FUTURE_TOLERANCE_US), Transaction)
    answer = judge(topics.TRANSACTIONS, value, TIME_US - FUTURE_TOLERANCE_US - 1)
    assert (answer.reason, answer.field) == ("from_the_future", "time")
    broken = json.dumps(with_data(topics.EXECUTED, amount="0")).encode()
    assert judge(topics.TRANSACTIONS, broken, 0).reason == "invalid_field"


def test_of_a_repeated_key_the_last_one_counts() -> None:
    text = json.dumps(envelope())
    again = f'{text[:-1]},"id":"8"}}'
    assert decode(again.encode()).id == "8"
    assert decode(f'{text[:-1]},"id":""}}'.encode()).field == "id"
    assert decode(text.replace('"amount": ', '"amount":1,"amount": ').encode()) == decode(envelope())


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            with_data(topics.EXECUTED, amount=2650000.5),
            "data.amount is the number 2650000.5: expected a valid string.",
        ),
        (with_data(topics.EXECUTED, amount=DROP), "data.amount is missing; citypulse.transaction.executed.v1 has one."),
        (with_data(topics.EXECUTED, x=1), "data.x is not a field of citypulse.transaction.executed.v1."),
        (with_data(topics.EXECUTED, amount="1.234"), 'data.amount is "1.234": CNY has 2 decimals, not 3.'),
        (with_data(topics.EXECUTED, cross_border=[]), "data.cross_border is an array: expected a valid boolean."),
        (with_data(topics.EXECUTED, exchange=None), "data.exchange is null: expected a valid string."),
        (with_data(topics.COMMISSIONED, unit=DROP), "data.unit is missing: the capacity of rack is in kW."),
        (envelope(id=True), "id is true: expected a string."),
        (envelope(time=DROP), "time is missing: expected a string with an RFC 3339 time."),
    ],
)
def test_messages(event: dict[str, Any], message: str) -> None:
    assert decode(event).message == message


@pytest.mark.parametrize("text", ["\x1b[31m" + "long " * 1_000, "\u202e" * 500, "\r\n"])
def test_messages_repeat_little_of_the_input_and_no_control_characters(text: str) -> None:
    for event in (with_data(topics.EXECUTED, exchange=text), with_data(topics.EXECUTED, **{text: 1}), envelope(text)):
        answer = decode(event)
        assert answer.message.isprintable()
        assert answer.field.isprintable()
        assert len(answer.message) < 300
        assert len(answer.field) <= 80


def test_remembered_slugs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "_REMEMBERED_SLUGS", 2)
    for exchange in ("a", "b", "c", "d", "a"):
        assert decode(with_data(topics.EXECUTED, exchange=exchange)).exchange == exchange
    assert len(fast._slugs) <= 2
