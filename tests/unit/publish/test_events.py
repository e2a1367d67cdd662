import json
from typing import Any

import pytest

from streams.publish import EventRefused
from streams.publish.events import encoded

EVENT = {"id": "1", "city": "北京"}


def test_a_mapping_text_and_bytes_are_the_same_event() -> None:
    text = json.dumps(EVENT, ensure_ascii=False)
    assert json.loads(encoded(EVENT)) == EVENT
    assert encoded(text) == encoded(text.encode()) == text.encode()


@pytest.mark.parametrize(("event", "kind"), [(None, "NoneType"), (5, "int"), ([("id", "1")], "list")])
def test_what_is_no_event_is_refused_in_words(event: Any, kind: str) -> None:
    with pytest.raises(EventRefused, match=f"of type {kind}: expected a mapping, JSON text or bytes") as refused:
        encoded(event)
    assert refused.value.reason == "not_json"


def test_half_a_character_is_refused() -> None:
    with pytest.raises(EventRefused, match="cannot be written as JSON"):
        encoded('{"id": "\ud800"}')
