"""Whose checkpoints count, what a replay gives back, and what may be cleaned up."""

import asyncio
from itertools import combinations
from typing import Any

import pytest

from streams.aggregate.figures import FigureRow
from streams.aggregate.fold import Fold
from streams.aggregate.indicators import IndicatorFold
from streams.aggregate.infrastructure import InfrastructureFold
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.windows import Calendar
from streams.state.stream import IDS_PAGE, HoleError, Stream
from tests.unit.state.conftest import Written, delta_of


@pytest.fixture
def log() -> Written:
    """One claim and two checkpoints, read to the end."""
    log = Written()
    log.claim(1, "a")
    log.head(1, "a")
    log.head(2, "a")
    log.replay()
    return log


# -- claims


def test_a_claim_of_a_lower_epoch_changes_nothing(log: Written) -> None:
    at = len(log.log)
    log.claim(2, "b")
    log.claim(1, "late")
    log.head(3, "late")
    log.head(3, "b")
    log.read(at)
    assert log.stream.claim.nonce == "b"
    assert log.stream.head.n == 3
    assert log.stream.head.nonce == "b"


def test_of_two_claims_of_one_epoch_the_first_stands(log: Written) -> None:
    at = len(log.log)
    log.claim(2, "b")
    log.claim(2, "c")
    log.head(3, "c")
    log.head(3, "b")
    log.read(at)
    assert log.stream.claim.nonce == "b"
    assert log.stream.head.nonce == "b"
    log.replay()
    assert log.stream.claim.nonce == "b"
    assert log.stream.head.nonce == "b"


def test_a_reader_that_missed_a_claim_reads_again(log: Written) -> None:
    """Under the missed claim its owner made checkpoint 3, a paused worker's is still there: both are the next."""
    at = len(log.log)
    log.claim(2, "paused")
    missed = [log.claim(3, "b"), log.head(3, "b", delta=delta_of("b1", "b2"))]
    log.head(3, "paused")
    log.page("a1", "c", 3, delta_of("1", "2", "b1", "b2")[0])
    log.claim(4, "c")
    log.head(4, "c", base=3)
    log.compacted(*missed)
    with pytest.raises(HoleError, match="claim 3 of infrastructure/0"):
        log.read(at)
    log.replay()
    assert log.stream.head.n == 4
    assert log.in_service == 5  # 1, 2, b1, b2 and 4


def test_an_owner_that_missed_a_claim_does_not_take_the_next_one_for_spent(log: Written) -> None:
    """It goes on for a moment after the hole was found, and cleans up: without its claim the state would be nothing."""
    at = len(log.log)
    missed = log.claim(2, "b")
    key = log.claim(3, "c")
    log.compacted(missed)
    with pytest.raises(HoleError, match="claim 2"):
        log.read(at)
    assert log.stream.claim.nonce == "a"
    assert key not in log.stream.superseded()


def test_checkpoints_without_any_claim_are_no_state(log: Written) -> None:
    """Else they would count for nothing, and everything would be counted anew on top of the pages."""
    log.compacted(log.log[0][0])
    with pytest.raises(HoleError, match="the claim of infrastructure/0"):
        log.replay()


def test_in_a_replay_claims_may_be_missing(log: Written) -> None:
    log.claim(7, "later")
    log.head(3, "later")
    log.replay()
    assert log.stream.claim.epoch == 7


# -- heads


def test_a_head_counts_once(log: Written) -> None:
    at = len(log.log)
    log.log += log.log[1:3]
    log.head(3, "a")
    log.read(at, now=5.0)
    assert log.stream.head.n == 3
    assert log.in_service == 3


def test_a_woken_owner_adds_nothing(log: Written) -> None:
    at = len(log.log)
    log.claim(2, "b")
    log.head(3, "a", delta=delta_of("x", "y"))
    log.read(at)
    assert log.stream.head.n == 2
    assert log.stream.heard is None
    log.head(3, "b")
    log.read(at + 2)
    assert log.stream.head.nonce == "b"
    assert log.in_service == 3
    log.replay()
    assert log.in_service == 3


def test_a_head_before_its_claim_counts_nothing() -> None:
    log = Written()
    log.head(1, "a")
    log.claim(1, "a")
    log.replay()
    assert log.stream.head is None


def test_a_hole_in_what_is_read_live_is_told(log: Written) -> None:
    at = len(log.log)
    log.head(4, "a")
    with pytest.raises(HoleError, match="checkpoint 3 of infrastructure/0"):
        log.read(at)
    assert log.in_service == 2


def test_a_hole_in_a_replay_is_told_and_leaves_what_was_shown(log: Written) -> None:
    log.head(4, "a")
    with pytest.raises(HoleError, match="checkpoint 3 of infrastructure/0"):
        log.replay()
    assert not log.stream.ready
    assert log.in_service == 2
    assert log.stream.shown.n == 2


def test_while_it_is_read_again_a_stream_shows_what_it_showed(log: Written) -> None:
    log.stream.restart()
    assert not log.stream.ready
    assert (log.stream.shown.n, log.in_service) == (2, 2)
    log.head(3, "a")
    log.read()
    assert (log.stream.shown.n, log.in_service) == (2, 2)
    log.stream.reached_end()
    assert (log.stream.shown.n, log.in_service) == (3, 3)


def test_only_a_head_read_live_says_that_its_owner_lives(log: Written) -> None:
    heard = [log.stream.heard]
    log.head(3, "a")
    log.read(3, now=8.0)
    heard.append(log.stream.heard)
    log.replay()
    assert [*heard, log.stream.heard] == [None, 8.0, None]


# -- pages


def test_pages_and_the_heads_after_the_base_give_everything_back(log: Written) -> None:
    for n in range(3, 7):
        log.head(n, "a")
    log.replay()
    pages = {page: log.stream.dump(page) for page in log.fold_pages()}
    for page, content in pages.items():
        log.page(page, "a", 6, content)
    log.head(7, "a", base=6)
    heads = [key for key, _ in log.log if b"/h/" in key]
    log.replay()
    assert sorted(log.stream.superseded()) == sorted(heads[:6])
    for count in range(7):  # whichever of the superseded records compaction has removed
        for gone in combinations(heads[:6], count):
            after = Written()
            after.log = [(key, value) for key, value in log.log if key not in gone]
            after.replay()
            assert after.in_service == 7


def test_a_page_newer_than_the_base_is_not_added_to_twice(log: Written) -> None:
    """An owner died while it wrote pages: some are as of checkpoint 2, the base is still 0."""
    pages = sorted(log.fold_pages())
    log.page(pages[0], "a", 2, log.stream.dump(pages[0]))
    log.replay()
    assert log.in_service == 2
    assert set(log.stream.dirty) == set(pages[1:])


def test_the_newest_copy_of_a_page_counts_wherever_it_stands(log: Written) -> None:
    old = [(page, log.stream.dump(page)) for page in log.fold_pages()]
    log.head(3, "a", delta=delta_of("1", "2", "3"))
    log.replay()
    for page in log.fold_pages():
        log.page(page, "b", 3, log.stream.dump(page))
    for page, content in old:
        log.page(page, "a", 2, content)  # of a worker that was paused
    log.head(4, "a", base=3)
    log.replay()
    assert log.in_service == 4


def test_a_copy_that_was_taken_away_does_not_count(log: Written) -> None:
    key = log.page("a0", "z", 2, delta_of("ghost")[0])
    log.tombstone(key)
    log.replay()
    assert log.in_service == 2
    assert log.stream.page_keys == {}


def test_pages_of_event_hashes_are_no_pages_of_any_fold() -> None:
    calendar = Calendar("Asia/Shanghai")
    transactions = TransactionsFold(calendar, lambda _: 2)
    folds: list[tuple[Fold, Any]] = [(transactions, None), (InfrastructureFold(), delta_of("1", "2", "3"))]
    for fold, delta in folds:
        fold.apply(0, delta, 0)
        assert not any(page.startswith(IDS_PAGE) for page in fold.dirty(0))
    row = FigureRow("gdp", "110000", "2023-01-01", "2024-01-01", "2024-01-20", 0, "1", "CNY", 8, "A", "", "2023")
    assert not row.page.startswith(IDS_PAGE)
    assert TransactionsPending([], 1, calendar).take() is None
    assert IndicatorFold().dirty(0) == set()


def test_hashes_in_pages_are_not_kept_by_a_reader(log: Written) -> None:
    log.page("i0", "a", 2, b"\0" * 32)
    log.replay()
    assert log.in_service == 2
    assert set(log.stream.page_keys) == {"i0"}


def test_what_changed_after_the_base_is_dirty_whoever_owns_it(log: Written) -> None:
    before = dict(log.stream.dirty)
    assert set(before.values()) == {1, 2}
    at = len(log.log)
    log.claim(2, "b")
    log.head(3, "b", base=1)
    log.read(at)
    live = dict(log.stream.dirty)
    assert set(live.values()) == {2, 3}
    ids = dict(log.stream.ids)
    assert set(ids) == {2, 3}


# -- cleaning up


def test_claims_are_kept_while_a_head_of_theirs_is_needed(log: Written) -> None:
    first = log.log[0][0]
    log.claim(2, "b")
    log.head(3, "b", base=0)
    log.replay()
    assert log.stream.superseded() == []
    log.head(4, "b", base=1)
    log.replay()
    assert first not in log.stream.superseded()
    log.head(5, "b", base=2)
    log.replay()
    assert first in log.stream.superseded()
    mine = [key for key, _ in log.log if b"/c/2.b" in key]
    assert not set(mine) & set(log.stream.superseded())


def test_claims_and_heads_are_cleaned_up_alike_live_and_after_a_replay(log: Written) -> None:
    at = len(log.log)
    log.claim(2, "b")
    log.head(3, "a")  # of the owner before: counts for nothing, and has to go as well
    log.head(3, "b")
    log.head(4, "b", base=3)
    log.read(at)
    live = sorted(log.stream.superseded())
    log.replay()
    assert sorted(log.stream.superseded()) == live
    assert len(live) == 5  # heads 1, 2, 3 twice, claim 1


def test_what_was_taken_away_is_not_taken_away_again(log: Written) -> None:
    log.head(3, "a", base=2)
    log.replay()
    for key in log.stream.superseded():
        log.tombstone(key)
    log.replay()
    assert log.stream.superseded() == []


# -- waiting


async def test_who_waits_is_woken_by_the_next_record(log: Written) -> None:
    waiting = asyncio.create_task(log.stream.changed())
    await asyncio.sleep(0)
    assert not waiting.done()
    log.head(3, "a")
    log.read(3)
    await waiting


async def test_until_ready_waits_for_the_end_of_the_log() -> None:
    stream = Stream("infrastructure", 0, InfrastructureFold())
    waiting = asyncio.create_task(stream.until_ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.reached_end()
    await waiting


def test_a_start_keeps_only_what_is_needed_of_a_log_that_is_not_compacted_yet(log: Written) -> None:
    log.page("a1", "a", 2, delta_of("1", "2")[0])
    log.head(3, "a", base=2)
    superseded = [key for key, _ in log.log if key.split(b"/")[2:] in ([b"h", b"1.a"], [b"h", b"2.a"])]
    assert len(superseded) == 2
    for key in superseded:
        log.tombstone(key)
    log.stream.restart()
    log.read()
    assert log.stream._replay is not None
    assert list(log.stream._replay.heads) == [3]
    log.stream.reached_end()
    assert log.in_service == 3
