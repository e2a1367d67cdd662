import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decode.identity import identity, readable_event
from tests.hostile import VALUES


def test_a_structured_event_says_who_it_is_valid_or_not() -> None:
    event = readable_event(b'{"source":"/s","id":7,"type":"t","data":1}', [])
    assert event == {"source": "/s", "id": 7, "type": "t", "data": 1}
    assert identity(event) == ("/s", "", "t")


def test_binary_mode_is_put_together() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"b"), ("ce_source", b"/s"), ("content-type", b"application/json")]
    event = readable_event(b'{"amount":1}', headers)
    assert event == {"specversion": "1.0", "id": "b", "source": "/s", "datacontenttype": "application/json",
                     "data": {"amount": 1}}  # fmt: skip
    assert identity(event) == ("/s", "b", "")


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"7", b"\xff"])
def test_where_there_is_no_object_nobody_is_named(value: bytes | None) -> None:
    assert readable_event(value, []) is None
    assert identity(None) == ("", "", "")


@pytest.mark.parametrize("hostile", VALUES.values(), ids=VALUES)
def test_nothing_makes_it_raise(hostile: object) -> None:
    record = hostile.record(0)  # type: ignore[attr-defined]
    event = readable_event(record.value, record.headers)
    assert event is None or json.dumps(event)
    identity(event)


@given(st.binary(), st.lists(st.tuples(st.sampled_from(["ce_specversion", "ce_id", "x"]), st.none() | st.binary())))
def test_nothing_at_all_makes_it_raise(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    identity(readable_event(value, headers))
