"""The memory of events is the plain rule, whatever the batches and restarts."""

import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.aggregate.dedupe import HASH_BYTES, Dedupe

WIDE = st.integers(0, 1 << 40)
ids = st.integers(0, 12) | st.integers(0, 400)
horizons = st.integers(1, 12) | st.integers(1, 3_000)
batches = st.lists(ids, max_size=40) | st.builds(
    lambda start, size, step: [start + at * step for at in range(size)], WIDE, st.integers(0, 6_000), st.integers(0, 3)
)


def half_shared(number: int) -> bytes:
    """Hashes of which many have equal first halves."""
    return struct.pack("<QQ", number % 5, number + 1)


def crowded(number: int) -> bytes:
    """Hashes that mostly want the same places in a table."""
    return struct.pack("<QQ", number % 3 + (number << 44 & (1 << 64) - 1), number + 1)


def spread(number: int) -> bytes:
    """Hashes like real ones; none is all zeros, which stands where a block's events are forgotten."""
    return struct.pack("<QQ", (number + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1, number)


class Model:
    """The last number of every event that is still known."""

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.count = self.known_from = 0
        self.last: dict[bytes, int] = {}

    def add(self, hashes: list[bytes]) -> list[bool]:
        answer = []
        for one in hashes:
            before = self.last.get(one, -1)
            answer.append(before >= self.known_from and self.count - before <= self.horizon)
            self.last[one] = self.count
            self.count += 1
        return answer

    def restored(self, horizon: int, oldest: int) -> None:
        """Goes on with what the pieces from event ``oldest`` on, and the new horizon, leave."""
        self.horizon = horizon
        self.known_from = max(self.known_from, oldest, self.count - horizon)


@settings(deadline=None)
@given(
    horizons,
    st.sampled_from([spread, half_shared, crowded]),
    st.lists(st.tuples(batches, st.none() | horizons), max_size=8),
    st.data(),
)
def test_a_duplicate_is_a_repeat_within_the_horizon(horizon: int, hashed: Any, steps: Any, data: st.DataObject) -> None:
    dedupe, model = Dedupe(horizon), Model(horizon)
    for numbers, restart in steps:
        hashes = [hashed(number) for number in (numbers if hashed is spread else numbers[:100])]
        assert dedupe.add(b"".join(hashes)) == model.add(hashes)
        assert dedupe.count == model.count
        if restart is not None:
            blocks = dedupe.blocks(dedupe.count)
            pieces = [(block * 4_096, dedupe.block(block, dedupe.count)) for block in blocks]
            dedupe = Dedupe.restore(
                restart, dedupe.count, data.draw(st.permutations(pieces), label="pieces"), dedupe.oldest
            )
            model.restored(restart, blocks.start * 4_096)


@settings(deadline=None)
@given(horizons, st.lists(ids, max_size=120), st.data())
def test_batch_boundaries_do_not_matter(horizon: int, numbers: list[int], data: st.DataObject) -> None:
    hashes = b"".join(map(spread, numbers))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(numbers)), max_size=6), label="cuts"))
    dedupe, answer = Dedupe(horizon), []
    for low, high in zip([0, *cuts], [*cuts, len(numbers)], strict=True):
        answer += dedupe.add(hashes[low * HASH_BYTES : high * HASH_BYTES])
    assert answer == Dedupe(horizon).add(hashes)
