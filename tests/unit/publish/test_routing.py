import pytest

from schemas.envelope import STRUCTURED_HEADERS, encode
from schemas.topics import CANCELLED, COMMISSIONED, INDICATORS, INFRASTRUCTURE, OBSERVED, SURVEYED, TRANSACTIONS
from streams.publish.routing import route


@pytest.mark.parametrize(
    ("type_", "data", "topic", "key"),
    [
        (CANCELLED, {"transaction_id": "tx"}, TRANSACTIONS, b"tx"),
        (COMMISSIONED, {"asset_id": "a", "asset_type": "rack", "area": "110108"}, INFRASTRUCTURE, b"a"),
        (SURVEYED, {"asset_type": "rack", "area": "110108"}, INFRASTRUCTURE, b"rack:110108"),
        (OBSERVED, {"indicator": "gdp", "area": "110000"}, INDICATORS, b"gdp:110000"),
        (OBSERVED, {"indicator": "gdp"}, INDICATORS, None),
        ("citypulse.alert.fired.v1", {"threshold": "t"}, TRANSACTIONS, None),
        ("nothing", {}, TRANSACTIONS, None),
    ],
)
def test_topic_and_key_by_type(type_: str, data: dict[str, str], topic: str, key: bytes | None) -> None:
    message = route(encode("/s", "1", type_, "now", data))
    assert (message.topic, message.key, message.headers) == (topic, key, STRUCTURED_HEADERS)


@pytest.mark.parametrize("value", [b"", b"no json", b"[]", b'{"type":1}', b'{"data":[]}', b"[" * 100_000, b"\xff"])
def test_what_is_no_event_still_goes_somewhere(value: bytes) -> None:
    message = route(value)
    assert (message.topic, message.key, message.value) == (TRANSACTIONS, None, value)
