"""What an event may cost, counted and not timed: calls of functions on its way from bytes to a checkpoint.

A call that is made for every event costs 30 to 100 ns. One more, or one fewer, must be seen in a change of these bands.
"""

import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from benchmarks.hot_path import NOW_US, SLICE, Way, as_columns, slices
from schemas.currencies import exponent
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.windows import Calendar

SLICES = 3


class Calls:
    """Counts calls of Python's functions and of built-in ones while it is entered."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def _count(self, _: FrameType, event: str, __: Any) -> None:
        self._counts[event] += 1

    def __enter__(self) -> "Calls":
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def per_event(self) -> tuple[float, float]:
        events = SLICES * SLICE
        return self._counts["call"] / events, self._counts["c_call"] / events


@pytest.fixture(scope="module")
def calls() -> dict[str, tuple[float, float]]:
    """Stage -> calls of Python's and of built-in functions per event; the second time, when all caches are filled."""
    some = slices(SLICES * SLICE, odd=False)
    way = Way()
    way.go(some, as_columns)
    stages = {stage: Calls() for stage in ("decode", "add", "take", "fold")}
    with stages["decode"]:
        batches = [as_columns(way.decoder, records) for records in some]
    way = Way()
    with stages["add"]:
        for batch in batches:
            way.work.add(batch, NOW_US)
    with stages["take"]:
        taken = way.work.take(NOW_US)
    fold = TransactionsFold(Calendar("UTC"), exponent)
    with stages["fold"]:
        fold.apply(0, taken.delta, taken.clock_us)
    return {stage: counted.per_event() for stage, counted in stages.items()}


@pytest.mark.parametrize(
    ("stage", "python", "builtin"),
    [
        ("decode", (0.1, 0.3), (1.0, 1.2)),
        ("add", (0.0, 0.2), (0.0, 0.3)),
        ("take", (0.0, 0.1), (0.0, 0.2)),
        ("fold", (0.0, 0.5), (1.5, 3.0)),
    ],
)
def test_calls_per_event_stay_within_their_band(
    calls: dict[str, tuple[float, float]], stage: str, python: tuple[float, float], builtin: tuple[float, float]
) -> None:
    for found, (least, most) in zip(calls[stage], (python, builtin), strict=True):
        assert least <= found <= most, f"{stage}: {calls[stage]} calls per event"
