"""The records of the state log: keys, formats, and what is refused."""

import msgspec
import pytest

from streams.state import records
from streams.state.records import FORMAT, Claim, Head, Page, StateFormatError

CLAIM = Claim(FORMAT, 3, "nonce", "worker", "settings")
HEAD = Head(
    FORMAT, "nonce", 7, 5, 100, 120, None, -1, [1, 2, 3, 4], {"not_json": 4}, 90, b"\x00" * 16, [1, "2", -(1 << 63)]
)
PAGE = Page(FORMAT, 7, [[(1 << 64) - 1, "x"]])


def test_what_was_written_is_read() -> None:
    for kind, record in (("c", CLAIM), ("h", HEAD), ("p", PAGE)):
        assert records.decode(kind, records.encode(record)) == record


def test_keys_tell_what_they_are_for() -> None:
    assert records.parse_key(records.claim_key("indicators", 3, CLAIM)) == ("indicators", 3, "c", "3.nonce")
    assert records.parse_key(records.head_key("indicators", 3, HEAD)) == ("indicators", 3, "h", "7.nonce")
    assert records.parse_key(records.page_key("indicators", 3, "f1", "nonce")) == ("indicators", 3, "p", "f1/nonce")


@pytest.mark.parametrize(
    "key", [b"", b"key", b"a/b/c", b"family/x/c/1", b"family/0/q/1", b"\xff/0/c/1", b"family/0/cc/1", b"family//c/1"]
)
def test_a_foreign_key_is_refused(key: bytes) -> None:
    with pytest.raises(StateFormatError, match="not ours"):
        records.parse_key(key)


@pytest.mark.parametrize("later", [2, 3, 100])
def test_a_later_format_is_refused_whatever_else_it_changed(later: int) -> None:
    as_now = records.encode(Claim(later, 1, "n", "w", "s"))
    other = msgspec.msgpack.encode([later, {"epoch": 1}])
    long = msgspec.msgpack.encode([later, *range(40)])
    for value in (as_now, other, long):
        with pytest.raises(StateFormatError, match=f"has format {later}, this worker reads up to {FORMAT}") as refused:
            records.decode("c", value)
        assert "run the version that wrote it" in refused.value.hint


def test_fields_that_a_later_worker_adds_are_passed_over() -> None:
    assert records.decode("p", msgspec.msgpack.encode([FORMAT, 7, [1], "new"])) == Page(FORMAT, 7, [1])


def test_a_head_is_read_with_its_note_and_from_a_worker_that_kept_none() -> None:
    noted = msgspec.structs.replace(HEAD, noted=[1, [["Name", ["label"], 2]]])
    plain = records.encode(noted)
    assert records.decode("h", plain) == noted
    fields = msgspec.msgpack.decode(plain)
    assert records.decode("h", msgspec.msgpack.encode(fields[:-1])) == HEAD


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x90",
        b"\xdc\x00",
        b"\xdc\x00\x14",
        b"\xc0\xc0\xc0\xc0\xc0",
        b"a text",
        b'{"format":1}',
        msgspec.msgpack.encode(["x", 1]),
        msgspec.msgpack.encode([-1, 1]),
        msgspec.msgpack.encode([None, 1]),
        msgspec.msgpack.encode([FORMAT]),
        msgspec.msgpack.encode({"format": FORMAT}),
        records.encode(CLAIM)[:-1],
        records.encode(CLAIM).replace(b"nonce", b"\xff\xfe\xff\xfe\xff"),
        records.encode(HEAD)[:20],
    ],
)
@pytest.mark.parametrize("kind", ["c", "h", "p"])
def test_a_damaged_record_is_refused_in_words(kind: str, value: bytes) -> None:
    with pytest.raises(StateFormatError, match="damaged record"):
        records.decode(kind, value)
