"""Integers of any size through msgpack, and as exact decimals."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.aggregate.exact import decimal_text, exact, plain_text, shortest_text
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


@pytest.mark.parametrize(
    ("unscaled", "places", "text", "shortest"),
    [
        (-5, 2, "-0.05", "-0.05"), (0, 2, "0.00", "0"), (1_200, 3, "1.200", "1.2"), (100, 0, "100", "100"),
        (10**40 + 1, 18, "1" + "0" * 22 + "." + "0" * 17 + "1", "1" + "0" * 22 + "." + "0" * 17 + "1"),
    ],
)  # fmt: skip
def test_decimals_are_exact(unscaled: int, places: int, text: str, shortest: str) -> None:
    assert decimal_text(unscaled, places) == text == plain_text(exact(unscaled, places))
    assert shortest_text(unscaled, places) == shortest
    assert exact(unscaled, places) == Decimal(text)
