"""What is kept of a refused record."""

import base64
import json
from types import SimpleNamespace
from typing import Any

from schemas.events import Rejection
from schemas.topics import DEAD_LETTERS, SPECS, TRANSACTIONS
from streams.decode import Decoder
from streams.transport.producer import dead_letter
from streams.transport.unpacking import UNPACKED_MAX, UnreadRecord

REJECTION = Rejection("invalid_field", "data.amount", "expected more than 0")


def record(**given: Any) -> Any:
    fields = {"offset": 7, "timestamp": 1_700_000_000_000, "key": b"\xff", "value": b"\x00\xfe", "headers": ()}
    return SimpleNamespace(**fields | given)


def test_a_dead_letter_holds_origin_reason_and_every_byte() -> None:
    letter = json.loads(dead_letter(TRANSACTIONS, 2, record(headers=[("h", b"\xff"), ("null", None)]), REJECTION))
    assert letter == {
        "topic": TRANSACTIONS,
        "partition": 2,
        "offset": 7,
        "timestamp": 1_700_000_000_000,
        "reason": "invalid_field",
        "field": "data.amount",
        "message": "expected more than 0",
        "key_base64": base64.b64encode(b"\xff").decode(),
        "headers": [["h", base64.b64encode(b"\xff").decode()], ["null", None]],
        "value_base64": base64.b64encode(b"\x00\xfe").decode(),
    }


def test_a_record_without_key_and_value_has_none_in_its_letter() -> None:
    letter = json.loads(dead_letter(TRANSACTIONS, 2, record(key=None, value=None), REJECTION))
    assert (letter["key_base64"], letter["value_base64"]) == (None, None)


def test_the_largest_record_of_a_source_topic_fits_whole() -> None:
    value = b"x" * SPECS[TRANSACTIONS].max_message_bytes
    raw = dead_letter(TRANSACTIONS, 2, record(value=value), REJECTION)
    assert base64.b64decode(json.loads(raw)["value_base64"]) == value
    assert len(raw) < SPECS[DEAD_LETTERS].max_message_bytes


def test_a_larger_one_blocks_nothing_its_size_is_told() -> None:
    raw = dead_letter(TRANSACTIONS, 2, record(value=b"x" * (3 << 20)), REJECTION)
    letter = json.loads(raw)
    assert (letter["value_base64"], letter["value_bytes"], letter["offset"]) == (None, 3 << 20, 7)
    assert len(raw) < SPECS[DEAD_LETTERS].max_message_bytes


def test_a_record_whose_batch_was_not_read_has_a_letter_that_says_so_and_cannot_be_replayed() -> None:
    refused = UnreadRecord(7, 1_700_000_000_000)
    verdict = Decoder(TRANSACTIONS)(refused.value, refused.headers, 0)
    letter = json.loads(dead_letter(TRANSACTIONS, 2, refused, verdict))  # type: ignore[arg-type]
    assert (letter["reason"], letter["value_base64"], letter["value_bytes"]) == ("too_large", None, 0)
    assert f"unpacks to more than {UNPACKED_MAX} bytes" in letter["message"]
