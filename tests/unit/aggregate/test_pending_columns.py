"""Sums of columns: exact beyond 64 bits, and the same whatever the slices."""

from typing import Any

import numpy as np
import pytest

from schemas.batch import Transactions
from schemas.events import Transaction
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.windows import DAY, SECOND, Calendar

LARGEST = (1 << 63) - 1


def tx(at_us: int, amount: int, exchange: str = "bidex", *, cancelled: bool = False) -> Transaction:
    return Transaction("/s", "1", at_us, "t", cancelled, at_us, exchange, "api", "CNY", False, amount)


def delta(events: list[Transaction], late: list[bool] | None = None, budget: int = 100, size: int = 100) -> Any:
    pending = TransactionsPending([], budget, Calendar("UTC"))
    marks = np.array(late or [False] * len(events), np.bool_)
    for at in range(0, len(events), size):
        pending.add(Transactions.of(events[at : at + size]), marks[at : at + size])
    return pending.take()


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        ([LARGEST], LARGEST),
        ([LARGEST, 1], LARGEST + 1),
        ([LARGEST] * 3, str(3 * LARGEST)),
        ([1, 10**20], str(10**20 + 1)),
    ],
)
def test_sums_beyond_64_bits_are_exact(amounts: list[int], total: int | str) -> None:
    found = delta([tx(0, amount) for amount in amounts])
    assert found[2] == [0, total, 0, len(amounts), 0]
    assert found[3] == [0, [0, total]]


def test_cells_are_by_pane_and_series_and_late_ones_by_day() -> None:
    events = [
        tx(25 * SECOND, 5), tx(DAY, 100, "b"), tx(29 * SECOND, 7, "b"), tx(21 * SECOND, 2, cancelled=True),
        tx(30 * SECOND - 1, 11), tx(-1, 13),
    ]  # fmt: skip
    first, new, totals, cells, late, folded = delta(events, [False, True, False, False, False, True])
    assert (first, [each[0] for each in new], folded) == (0, ["bidex", "b"], 0)
    assert totals == [0, 29, 2, 3, 1, 1, 107, 0, 2, 0]
    assert cells == [2, [0, 14, 1, 7]]
    calendar = Calendar("UTC")
    assert late == [calendar.day(-1), [0, 13], calendar.day(DAY), [1, 100]]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_folding_does_not_depend_on_slices(size: int) -> None:
    names = ["a", "other", "c", "a", "other", "d", "c", "b"]
    found = delta([tx(0, 1, name) for name in names], budget=1, size=size)
    assert [each[0] for each in found[1]] == ["a", "other"]
    assert found[2] == [0, 2, 0, 2, 0, 1, 6, 0, 6, 0]
    assert found[5] == 5  # the first that calls itself other, c, d, c and b
