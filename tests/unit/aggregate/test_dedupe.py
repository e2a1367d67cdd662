"""The memory of events against a plain dict."""

import random
import struct
import tracemalloc
from collections.abc import Iterable

import pytest

import streams.aggregate.dedupe as dedupe_module
from streams.aggregate.dedupe import BLOCK, HASH_BYTES, MAX_PENDING, Dedupe, hash_ids


class Model:
    """The last number of every event: a duplicate is one at most ``horizon`` before."""

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.count = 0
        self.last: dict[bytes, int] = {}

    def add(self, hashes: bytes) -> list[bool]:
        answer = []
        for one in split(hashes):
            before = self.last.get(one)
            answer.append(before is not None and self.count - before <= self.horizon)
            self.last[one] = self.count
            self.count += 1
        return answer


def split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def h(*numbers: int) -> bytes:
    """Hashes made up from numbers, spread over the table as real ones are."""
    return b"".join(struct.pack("<QQ", number * 0x9E3779B97F4A7C15 & (1 << 64) - 1, number) for number in numbers)


def both(dedupe: Dedupe, model: Model, batches: Iterable[bytes]) -> None:
    for hashes in batches:
        assert dedupe.add(hashes) == model.add(hashes)
        assert dedupe.count == model.count


def batches(rng: random.Random, events: int, ids: int, largest: int) -> list[bytes]:
    found = []
    while events > 0:
        size = min(events, rng.randint(0, largest))
        found.append(h(*(rng.randrange(ids) for _ in range(size))))
        events -= max(1, size)
    return found


def blocks(dedupe: Dedupe, end: int) -> list[tuple[int, bytes]]:
    """What the pages of the state log hold."""
    return [(index * BLOCK, dedupe.block(index, end)) for index in dedupe.blocks(end)]


def test_a_hash_is_of_source_and_id() -> None:
    pairs = [("/a", "1"), ("/a", "2"), ("/b", "1"), ("/a1", ""), ("/a", "1"), ("/数据", "é" * 256)]
    hashes = split(hash_ids(pairs))
    assert [len(one) for one in hashes] == [HASH_BYTES] * len(pairs)
    assert len(set(hashes)) == len(set(pairs))
    assert hashes[0] == hashes[4]


def test_nothing_is_no_event() -> None:
    dedupe = Dedupe(5)
    assert (dedupe.add(b""), dedupe.count, list(dedupe.blocks(0))) == ([], 0, [])


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("horizon", [1, 2, 5, 99])
def test_the_horizon_is_exact(horizon: int, batch: int) -> None:
    """A repeat ``horizon`` events later is known, one event later not."""
    for distance, known in ((horizon, True), (horizon + 1, False)):
        events = [*range(1000, 1017), 0, *range(1, distance), 0]
        dedupe = Dedupe(horizon)
        answer = []
        for at in range(0, len(events), batch):
            answer += dedupe.add(h(*events[at : at + batch]))
        assert answer == [False] * (len(events) - 1) + [known]


def test_a_repeat_keeps_an_id_alive() -> None:
    dedupe = Dedupe(3)
    events = [0, 1, 2, 0, 3, 4, 0, 5, 6, 0, 7, 8, 9, 0]
    duplicates = [at for at, event in enumerate(events) if dedupe.add(h(event)) == [True]]
    assert duplicates == [3, 6, 9]


@pytest.mark.parametrize("horizon", [1, 2, 17, 500, 1023, 1024, 1025, 3000, 20_000])
@pytest.mark.parametrize("largest", [1, 40, 5000])
def test_it_is_the_plain_model(horizon: int, largest: int) -> None:
    rng = random.Random(horizon * 10_007 + largest)
    events = {1: 1_000, 40: 4_000, 5_000: 12_000}[largest]
    for ids in (max(2, horizon // 2), 3 * horizon):
        both(Dedupe(horizon), Model(horizon), batches(rng, events, ids, largest))


def test_the_table_grows_and_generations_follow_each_other() -> None:
    rng, horizon = random.Random(1), 9_000
    both(Dedupe(horizon), Model(horizon), batches(rng, 40_000, 15_000, 4_000))


def test_one_batch_may_be_longer_than_several_horizons() -> None:
    rng, horizon = random.Random(2), 700
    dedupe, model = Dedupe(horizon), Model(horizon)
    both(dedupe, model, [h(*(rng.randrange(1_000) for _ in range(5_000)))] * 2)


def test_the_ring_wraps() -> None:
    """Beyond horizon and pending together the oldest hashes are overwritten; nothing else changes."""
    horizon = 50
    dedupe, model = Dedupe(horizon), Model(horizon)
    events = MAX_PENDING + 3 * horizon
    both(dedupe, model, [h(*range(at, min(at + 65_536, events))) for at in range(0, events, 65_536)])
    both(dedupe, model, batches(random.Random(3), 1_000, 80, 30))
    assert split(dedupe.block((model.count - 1) // BLOCK, model.count))[-1] in model.last


def test_ids_that_share_half_a_hash_are_different() -> None:
    rng, horizon = random.Random(4), 300
    first_halves = [struct.pack("<Q", rng.getrandbits(64)) for _ in range(3)]
    made = [half + struct.pack("<Q", number) for half in first_halves for number in range(60)]
    some = [b"".join(rng.choices(made, k=rng.randint(1, 50))) for _ in range(80)]
    both(Dedupe(horizon), Model(horizon), some)


def test_ids_that_share_the_other_half_are_different() -> None:
    made = [struct.pack("<QQ", number, 7) for number in range(100)]
    both(Dedupe(50), Model(50), [b"".join(made), b"".join(reversed(made))])


def test_a_hash_of_zeros_is_one_like_another() -> None:
    dedupe = Dedupe(10)
    assert dedupe.add(bytes(16) + h(1)) == [False, False]
    assert dedupe.add(bytes(16) + bytes(8) + b"\1" * 8) == [True, False]


def test_ids_that_want_one_place_find_others() -> None:
    """Equal low bits: all of them begin their search at the same place."""
    made = [struct.pack("<QQ", number << 40, number) for number in range(900)]
    rng = random.Random(5)
    some = [b"".join(rng.choices(made, k=60)) for _ in range(60)]
    both(Dedupe(800), Model(800), some)


@pytest.mark.parametrize("after", [0, 1, 10, BLOCK - 1, BLOCK, BLOCK + 1, 9_000])
@pytest.mark.parametrize("horizon", [1, 700, BLOCK, 6_000])
def test_restored_from_blocks_it_goes_on_as_before(horizon: int, after: int) -> None:
    rng = random.Random(after * 31 + horizon)
    dedupe, model = Dedupe(horizon), Model(horizon)
    both(dedupe, model, batches(rng, after, max(2, horizon), 900))
    pieces = blocks(dedupe, dedupe.count)
    rng.shuffle(pieces)
    again = Dedupe.restore(horizon, dedupe.count, pieces)
    assert again.count == model.count
    both(again, model, batches(rng, 2_000, max(2, horizon), 400))


def test_blocks_may_end_before_what_is_pending() -> None:
    """Pages are written up to the last checkpoint; what came after is in the heads, or lost and read again."""
    rng, horizon = random.Random(6), 5_000
    dedupe, durable = Dedupe(horizon), Model(horizon)
    both(dedupe, durable, batches(rng, 9_000, 6_000, 1_000))
    count, late = dedupe.count, h(*(rng.randrange(6_000) for _ in range(2_500)))
    dedupe.add(late)
    pieces = blocks(dedupe, count)
    assert sum(len(hashes) for _, hashes in pieces) // HASH_BYTES == count - dedupe.blocks(count).start * BLOCK
    assert dedupe.blocks(count) == range((count - horizon) // BLOCK, -(-count // BLOCK))
    both(Dedupe.restore(horizon, count, pieces), durable, [late])


def test_pieces_overlap_in_any_order() -> None:
    rng, horizon = random.Random(7), 3_000
    events = h(*(rng.randrange(4_000) for _ in range(10_000)))
    model = Model(horizon)
    model.add(events)
    cuts = [(at, min(10_000, at + rng.randint(1, 900))) for at in rng.choices(range(10_000), k=40)]
    cuts += [(at, at + 500) for at in range(6_500, 10_500, 500)]  # some of it beyond the count
    pieces = [(low, (events + h(1, 2, 3) * 200)[low * HASH_BYTES : high * HASH_BYTES]) for low, high in cuts]
    rng.shuffle(pieces)
    both(Dedupe.restore(horizon, 10_000, pieces), model, batches(rng, 2_000, 4_000, 300))


@pytest.mark.parametrize("shorter", [1, 100, 2_999])
def test_a_shorter_horizon_forgets_at_once(shorter: int) -> None:
    rng = random.Random(shorter)
    dedupe, model = Dedupe(3_000), Model(3_000)
    both(dedupe, model, batches(rng, 8_000, 2_000, 500))
    model.horizon = shorter
    both(
        Dedupe.restore(shorter, dedupe.count, blocks(dedupe, dedupe.count)), model, batches(rng, 4_000, 2 * shorter, 99)
    )


def test_a_longer_horizon_remembers_from_where_it_can() -> None:
    """What the shorter one dropped is gone; from there on nothing is."""
    dedupe = Dedupe(100)
    dedupe.add(h(*range(10_000)))
    pieces = blocks(dedupe, 10_000)
    oldest = pieces[0][0]
    again = Dedupe.restore(50_000, 10_000, pieces)
    assert (oldest, again.count) == (2 * BLOCK, 10_000)
    assert again.add(h(oldest - 1, oldest, 9_999)) == [False, True, True]
    assert again.add(h(*range(20_000, 60_000))) == [False] * 40_000
    assert again.add(h(9_998, 9_997)) == [True, True]


def test_a_restored_memory_writes_its_blocks_again() -> None:
    horizon = 5_000
    dedupe, model = Dedupe(horizon), Model(horizon)
    both(dedupe, model, [h(*range(12_000))])
    for _ in range(3):
        dedupe = Dedupe.restore(horizon, dedupe.count, blocks(dedupe, dedupe.count))
        both(dedupe, model, batches(random.Random(8), 3_000, 15_000, 700))


@pytest.mark.parametrize(
    "pieces",
    [[], [(0, h(0, 1))], [(3, h(3))], [(0, h(0, 1, 2)), (4, h(4))], [(1, h(1)), (3, h(3, 4))], [(5, h(5, 6))]],
)
def test_a_hole_is_refused(pieces: list[tuple[int, bytes]]) -> None:
    with pytest.raises(ValueError, match="of the last 5 event ids are missing"):
        Dedupe.restore(10, 5, pieces)


@pytest.mark.parametrize("oldest", [0, 1])
def test_the_oldest_that_were_remembered_must_be_there(oldest: int) -> None:
    with pytest.raises(ValueError, match=f"{2 - oldest} of the last 5 event ids are missing"):
        Dedupe.restore(10, 5, [(2, h(2, 3, 4))], oldest)
    again = Dedupe.restore(10, 5, [(2, h(2, 3, 4))], 2)
    assert (again.oldest, again.count) == (2, 5)
    assert Dedupe.restore(2, 5, [(2, h(2, 3, 4))], 0).oldest == 3, "the horizon is shorter now"


def test_holes_beyond_the_horizon_do_not_matter() -> None:
    again = Dedupe.restore(2, 5, [(0, h(0)), (3, h(3, 4))])
    assert again.add(h(3, 0)) == [True, False]


def test_a_restore_needs_for_a_moment_half_of_what_it_keeps_at_most() -> None:
    """Beside it: a worker's memory is highest in recoveries. The hashes that are handed over come on top."""
    count = 250 * BLOCK
    dedupe = Dedupe(count)
    dedupe.add(random.Random(9).randbytes(count * HASH_BYTES))
    pieces = blocks(dedupe, count)
    tracemalloc.start()
    again = Dedupe.restore(count, count, pieces, 0)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert again.count == count
    assert peak < 1.5 * held


def test_a_memory_is_restored_across_the_end_of_its_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedupe_module, "MAX_PENDING", 64)
    horizon = 3 * BLOCK
    dedupe, model = Dedupe(horizon), Model(horizon)
    both(dedupe, model, [h(*range(at, at + 60)) for at in range(0, 5 * BLOCK, 60)])
    pieces = [(n * BLOCK, dedupe.block(n, dedupe.count)) for n in dedupe.blocks(dedupe.count)]
    again = Dedupe.restore(horizon, dedupe.count, pieces, dedupe.oldest)
    both(again, model, batches(random.Random(8), 3_000, 25_000, 60))
