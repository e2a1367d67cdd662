"""An account of the dead letters' topic."""

from types import SimpleNamespace

import pytest

from schemas.place import Place
from schemas.topics import TRANSACTIONS
from streams.decode.identity import Identity
from streams.transport.letters import Letter, Letters, mark, read_letter


def account(newest: int | None, offsets: range) -> Letters:
    letters = Letters(newest)
    for offset in offsets:
        record = SimpleNamespace(offset=offset, timestamp=offset)
        letters.take(0, record, Letter(TRANSACTIONS, 0, offset, reason="not_json"), lambda _: True)
    return letters


def test_a_mark_is_read_as_it_was_written() -> None:
    place, sent = Place(TRANSACTIONS, 0, 7), Place(TRANSACTIONS, 2, 99)
    letter = read_letter(mark(place, Identity("/s", "交易", "t"), sent))
    assert letter is not None
    assert letter.replayed is not None
    assert (letter.place, letter.replayed.place) == (place, sent)
    assert (letter.replayed.source, letter.replayed.id) == ("/s", "交易")


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[" * 100_000, b'{"topic":1,"partition":0,"offset":0}'])
def test_what_no_worker_wrote_is_no_letter(value: bytes | None) -> None:
    assert read_letter(value) is None


def test_all_are_kept_unless_only_the_newest_are_needed() -> None:
    assert len(account(None, range(100)).entries) == 100
    newest = account(3, range(100))
    assert len(newest.entries) <= 6
    assert [entry.place.offset for entry in newest.waiting()[-3:]] == [97, 98, 99]


def test_those_that_were_replayed_wait_no_more() -> None:
    letters = account(None, range(3))
    place = Place(TRANSACTIONS, 0, 1)
    replayed = read_letter(mark(place, Identity("/s", "1", "t"), place))
    assert replayed is not None
    letters.take(0, SimpleNamespace(offset=3, timestamp=3), replayed, lambda _: True)
    assert [entry.place.offset for entry in letters.waiting()] == [0, 2]
    assert letters.row(letters.entries[place])["replayed"] == {"to": str(place), "source": "/s", "id": "1"}
