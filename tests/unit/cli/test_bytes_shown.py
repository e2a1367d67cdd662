import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.cli.bytes_shown import key_text, value_lines


@pytest.mark.parametrize(
    ("raw", "text"),
    [(None, "-"), (b"", '""'), ("交易".encode(), '"交易"'), (b"a\x1b", "0x611b"), (b"\xff", "0xff"), (b"\n", "0x0a")],
)
def test_a_key(raw: bytes | None, text: str) -> None:
    assert key_text(raw) == text


def test_text_keeps_its_lines() -> None:
    assert value_lines(b'{\n\t"a": 1\n}') == ("text", ["{", '\t"a": 1', "}"])


def test_other_bytes_can_be_read_off() -> None:
    form, lines = value_lines(bytes(range(20)))
    assert form == "hex"
    assert lines[1] == f"00000010  10 11 12 13{' ' * 36}  |....|"


@given(st.binary(max_size=100))
def test_no_byte_is_lost_and_none_acts_on_a_terminal(raw: bytes) -> None:
    form, lines = value_lines(raw)
    if form == "text":
        assert "\n".join(lines).encode() == raw
    else:
        assert bytes.fromhex("".join(line[10:57] for line in lines)) == raw
    assert all(character.isprintable() or character == "\t" for line in lines for character in line)
