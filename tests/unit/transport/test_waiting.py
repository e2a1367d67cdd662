"""What waits is counted once, whatever was written how often."""

import json
from types import SimpleNamespace

from schemas.events import Rejection
from schemas.metrics import METRICS
from schemas.place import Place
from schemas.topics import INDICATORS, TRANSACTIONS
from streams.decode.identity import Identity
from streams.exposition.openapi import openapi
from streams.transport.letters import mark
from streams.transport.producer import dead_letter
from streams.transport.waiting import REMEMBERED, WaitingLetters
from tests.workers import ROOT


def letter(place: Place, reason: str = "not_json") -> bytes:
    record = SimpleNamespace(offset=place.offset, timestamp=1, key=None, value=b"\xff", headers=())
    return dead_letter(place.topic, place.partition, record, Rejection(reason, "", ""))  # type: ignore[arg-type]


def replayed(place: Place) -> bytes:
    return mark(place, Identity("/s", "1", "t"), Place(TRANSACTIONS, 0, 99))


def taken(*values: bytes | None) -> WaitingLetters:
    waiting = WaitingLetters()
    for offset, value in enumerate(values):
        waiting.take(0, offset, value)
    return waiting


A, B = Place(TRANSACTIONS, 0, 7), Place(INDICATORS, 3, 7)


def test_by_topic_and_reason() -> None:
    waiting = taken(letter(A), letter(A._replace(offset=8), "too_large"), letter(B))
    assert waiting.counts[TRANSACTIONS, "not_json"] == waiting.counts[TRANSACTIONS, "too_large"] == 1
    assert waiting.counts[INDICATORS, "not_json"] == 1


def test_written_again_after_a_crash_waits_once() -> None:
    assert taken(letter(A), letter(A)).counts[TRANSACTIONS, "not_json"] == 1


def test_replayed_waits_no_more_also_when_it_is_written_again() -> None:
    assert taken(letter(A), letter(B), replayed(A), replayed(A), letter(A)).counts.total() == 1
    assert taken(replayed(A), letter(A)).counts.total() == 0, "the mark may be in another partition, read earlier"


def test_what_retention_has_removed_waits_no_more() -> None:
    waiting = taken(letter(A), letter(B), letter(A._replace(offset=8)))
    waiting.expire(1, 99)
    assert waiting.counts.total() == 3, "another partition"
    waiting.expire(0, 2)
    assert waiting.counts == {(TRANSACTIONS, "not_json"): 1, (INDICATORS, "not_json"): 0}


def test_only_the_newest_are_remembered() -> None:
    waiting = WaitingLetters(remembered=32)
    places = [A._replace(offset=offset) for offset in range(1_000)]
    for offset, place in enumerate(places):
        waiting.take(0, offset, replayed(place) if offset % 10 == 0 else letter(place))
        assert waiting.counts.total() <= 32
    assert 27 <= waiting.counts.total() <= 29, "of the newest 30 to 32 every tenth was replayed"
    waiting.take(0, 1_000, letter(places[-1]))
    waiting.take(0, 1_001, replayed(places[-2]))
    waiting.expire(0, 995)
    assert waiting.counts == {(TRANSACTIONS, "not_json"): 4}, "995 to 999 but 998"


def test_whoever_reads_the_count_is_told_how_many_are_remembered() -> None:
    metric = METRICS["citypulse_dead_letters_waiting"]
    for said in (metric.help, str(openapi("1")), (ROOT / "docs" / "mend.md").read_text(encoding="utf-8")):
        assert f"newest {REMEMBERED:,}" in said


def test_what_no_worker_wrote_says_nothing() -> None:
    head = {"partition": 0, "offset": 1}
    other = [head | {"topic": "t", "reason": "not_json"}, head | {"topic": TRANSACTIONS, "reason": "label-1"}]
    assert taken(None, b"", b"{", b"[]", *(json.dumps(letter).encode() for letter in other)).counts == {}
