"""Integers of any size through msgpack."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.aggregate.numbers import pack_int, unpack_int


@given(st.integers() | st.integers(-(10**40), 10**40))
def test_every_integer_comes_back(value: int) -> None:
    assert unpack_int(msgspec.msgpack.decode(msgspec.msgpack.encode(pack_int(value)))) == value


@pytest.mark.parametrize("value", [0, -1, (1 << 64) - 1, -(1 << 63)])
def test_what_msgpack_holds_stays_an_integer(value: int) -> None:
    assert pack_int(value) is value


@pytest.mark.parametrize("value", [1 << 64, -(1 << 63) - 1, -(10**30)])
def test_what_it_cannot_hold_becomes_digits(value: int) -> None:
    assert pack_int(value) == str(value)
