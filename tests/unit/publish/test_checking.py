import json

import pytest

from schemas.events import Rejection
from schemas.scalars import parse_time
from schemas.topics import INFRASTRUCTURE, TRANSACTIONS
from streams.publish.checking import Checker
from streams.publish.routing import Message
from tests.hostile import VALUES, event

CHECK = Checker(max_event_bytes=65_536, open_indicators=False)
NOW_US = parse_time("2024-09-01T00:00:00Z")


def test_an_event_goes_to_its_topic_with_its_key() -> None:
    value = json.dumps(event(1)).encode()
    message = CHECK(value, NOW_US)
    assert isinstance(message, Message)
    assert (message.topic, message.key, message.value) == (TRANSACTIONS, b"tx-1", value)


def test_binary_mode_keeps_its_bytes_and_headers() -> None:
    binary = VALUES["binary"]
    assert binary.value is not None
    headers = [(name.decode(), value) for name, value in binary.headers]
    message = CHECK(binary.value, NOW_US, [*headers, ("none", None)])
    assert isinstance(message, Message)
    assert (message.topic, message.key, message.value) == (TRANSACTIONS, b"tx-0", binary.value)
    assert list(message.headers) == headers


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (b"{", "not_json", ""),
        (json.dumps(event(1, type="t")).encode(), "unknown_type", "type"),
        (json.dumps(event(1, time="2024-10-01T00:00:00Z")).encode(), "from_the_future", "time"),
        (b'"' + b"x" * 70_000 + b'"', "too_large", ""),
    ],
)
def test_what_a_worker_would_refuse_is_refused(value: bytes, reason: str, field: str) -> None:
    verdict = CHECK(value, NOW_US)
    assert isinstance(verdict, Rejection)
    assert (verdict.reason, verdict.field) == (reason, field)


def test_a_broken_binary_event_is_refused() -> None:
    verdict = CHECK(b"\xff", NOW_US, [("ce_specversion", b"1.0")])
    assert isinstance(verdict, Rejection)
    assert verdict.reason == "not_json"
    asset = json.dumps({"asset_id": "a"}).encode()
    headers = [("ce_specversion", b"1.0"), ("ce_type", b"citypulse.infrastructure.commissioned.v1")]
    verdict = CHECK(asset, NOW_US, headers)
    assert isinstance(verdict, Rejection)
    assert (verdict.reason, verdict.field) == ("not_cloudevent", "id"), f"judged as on {INFRASTRUCTURE}"
