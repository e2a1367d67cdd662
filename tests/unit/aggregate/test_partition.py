"""One partition at its owner: outcomes, lateness by either clock, and what a checkpoint takes."""

from typing import Any, Literal

import pytest

from schemas.events import Asset, Rejection, Transaction
from streams.aggregate.dedupe import Dedupe, hash_ids
from streams.aggregate.infrastructure import InfrastructurePending
from streams.aggregate.partition import PartitionAggregate
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.windows import DAY, HOUR, Calendar

NOW = 1_715_747_696_789_012
FLOOR = NOW // HOUR * HOUR + HOUR - 30 * DAY
"""Events before this are late at NOW."""


def tx(name: str, time_us: int = NOW, effective_us: int | None = None) -> Transaction:
    cancelled = effective_us is not None
    effective_us = time_us if effective_us is None else effective_us
    return Transaction("/s", name, time_us, "t", cancelled, effective_us, "bidex", "api", "CNY", False, 1)


def asset(name: str, time_us: int = NOW) -> Asset:
    return Asset("/s", name, time_us, name, "rack", "110108", "110000", True, None, "")


def work(clock: Literal["wall", "event"] = "wall", horizon: int = 100, **given: Any) -> PartitionAggregate:
    pending = TransactionsPending([], 100, Calendar("UTC"))
    return PartitionAggregate(pending, Dedupe(horizon), clock, **given)


def outcomes(aggregate: PartitionAggregate, now_us: int = NOW) -> list[int]:
    return aggregate.take(now_us).outcomes


def test_every_record_has_one_outcome() -> None:
    aggregate = work()
    rejections = [Rejection("not_json", "", ""), Rejection("too_large", "", ""), Rejection("not_json", "", "")]
    aggregate.add([tx("1"), rejections[0], tx("2", FLOOR - 1), tx("1"), *rejections[1:], tx("2", FLOOR - 1)], NOW)
    taken = aggregate.take(NOW)
    assert taken.outcomes == [1, 1, 2, 3]
    assert taken.reasons == {"not_json": 2, "too_large": 1}


def test_counts_go_on_from_checkpoint_to_checkpoint() -> None:
    aggregate = work(outcomes=(10, 20, 30, 40), reasons={"not_json": 39, "too_large": 1})
    aggregate.add([tx("1"), Rejection("not_json", "", "")], NOW)
    first = aggregate.take(NOW)
    aggregate.add([tx("1"), tx("2")], NOW)
    assert (first.outcomes, first.reasons) == ([11, 20, 30, 41], {"not_json": 40, "too_large": 1})
    assert outcomes(aggregate) == [12, 20, 31, 41]


def test_a_checkpoint_names_its_events_by_hash_and_number() -> None:
    aggregate = work()
    aggregate.add([tx("1"), tx("2"), Rejection("not_json", "", "")], NOW)
    aggregate.add([tx("1")], NOW)
    taken = aggregate.take(NOW)
    assert (taken.first_id, taken.ids) == (0, hash_ids([("/s", "1"), ("/s", "2"), ("/s", "1")]))
    aggregate.add([tx("3")], NOW)
    taken = aggregate.take(NOW)
    assert (taken.first_id, taken.ids) == (3, hash_ids([("/s", "3")]))
    assert aggregate.dedupe.count == 4
    taken = aggregate.take(NOW)
    assert (taken.first_id, taken.ids, taken.delta) == (4, b"", None)


def test_a_duplicate_of_a_former_owners_event_is_known() -> None:
    former = work()
    former.add([tx("1"), tx("2")], NOW)
    taken = former.take(NOW)
    pending = TransactionsPending([], 100, Calendar("UTC"))
    dedupe = Dedupe.restore(100, 2, [(taken.first_id, taken.ids)])
    aggregate = PartitionAggregate(pending, dedupe, "wall", outcomes=taken.outcomes)
    aggregate.add([tx("2"), tx("3")], NOW)
    taken = aggregate.take(NOW)
    assert (taken.outcomes, taken.first_id) == ([3, 0, 1, 0], 2)


def test_rejections_alone_move_nothing_but_their_counts() -> None:
    aggregate = work("event")
    aggregate.add([Rejection("not_json", "", "")], NOW)
    aggregate.add([], NOW)
    taken = aggregate.take(NOW)
    assert taken == (None, 0, b"", None, 0, [0, 0, 0, 1], {"not_json": 1})


@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_a_repeat_beyond_the_horizon_is_counted_again(horizon: int) -> None:
    aggregate = work(horizon=horizon)
    for name in "1", "2", "3", "1":
        aggregate.add([tx(name)], NOW)
    assert outcomes(aggregate) == ([4, 0, 0, 0] if horizon < 3 else [3, 0, 1, 0])


# -- the wall clock


def test_late_by_the_wall_clock() -> None:
    aggregate = work()
    aggregate.add([tx("1", FLOOR), tx("2", FLOOR - 1), tx("3", NOW + HOUR), tx("4", FLOOR)], NOW)
    taken = aggregate.take(NOW)
    assert taken.outcomes == [3, 1, 0, 0]
    assert (taken.watermark_us, taken.clock_us) == (NOW + HOUR, NOW)


def test_the_wall_clock_moves_lateness_between_batches() -> None:
    aggregate = work()
    aggregate.add([tx("1", FLOOR)], NOW)
    aggregate.add([tx("2", FLOOR)], NOW // HOUR * HOUR + HOUR - 1)
    aggregate.add([tx("3", FLOOR)], NOW // HOUR * HOUR + HOUR)
    assert outcomes(aggregate) == [2, 1, 0, 0]


def test_a_wall_clock_that_goes_back_is_held() -> None:
    aggregate = work(clock_us=NOW)
    aggregate.add([tx("1", FLOOR - 1)], NOW - DAY)
    taken = aggregate.take(NOW - 2 * DAY)
    assert (taken.outcomes, taken.clock_us) == ([0, 1, 0, 0], NOW)
    assert aggregate.take(NOW + 1).clock_us == NOW + 1


@pytest.mark.parametrize("clock", ["wall", "event"])
def test_a_cancellation_is_late_by_the_execution_it_cancels(clock: Literal["wall", "event"]) -> None:
    aggregate = work(clock, watermark_us=NOW, clock_us=NOW)
    aggregate.add([tx("1", NOW, FLOOR - 1), tx("2", NOW, FLOOR)], NOW)
    taken = aggregate.take(NOW)
    assert (taken.outcomes, taken.watermark_us) == ([1, 1, 0, 0], NOW)


# -- the event clock


def test_late_by_the_highest_event_time_so_far() -> None:
    aggregate = work("event")
    aggregate.add([tx("1", FLOOR - 1), tx("2", NOW), tx("3", FLOOR - 1), tx("4", FLOOR)], NOW * 2)
    taken = aggregate.take(NOW * 2)
    assert taken.outcomes == [3, 1, 0, 0]
    assert (taken.watermark_us, taken.clock_us) == (NOW, NOW)


def test_a_duplicate_moves_the_event_clock_too() -> None:
    aggregate = work("event")
    aggregate.add([tx("1", FLOOR)], 0)
    aggregate.add([tx("1", NOW), tx("2", FLOOR - 1)], 0)
    assert outcomes(aggregate) == [1, 1, 1, 0]


def test_a_cancellation_is_judged_by_its_own_time_included() -> None:
    aggregate = work("event")
    aggregate.add([tx("1", NOW, FLOOR - 1)], 0)
    assert outcomes(aggregate) == [0, 1, 0, 0]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_event_lateness_does_not_depend_on_batches(size: int) -> None:
    hours = NOW // HOUR
    times = [(hours + at * 7 % 40) * HOUR + side for at in range(40) for side in (-1, 0, 1)]
    events = [tx(str(at), time, time // HOUR * HOUR - 30 * DAY + (at // 3 % 3) * HOUR) for at, time in enumerate(times)]
    highest, late = 0, 0
    for event in events:
        highest = max(highest, event.time_us)
        late += event.effective_us < highest // HOUR * HOUR + HOUR - 30 * DAY
    aggregate = work("event")
    for at in range(0, len(events), size):
        aggregate.add(events[at : at + size], 0)
    assert 0 < late < len(events)
    assert outcomes(aggregate) == [len(events) - late, late, 0, 0]


def test_the_event_clock_goes_on_where_a_former_owner_left_it() -> None:
    aggregate = work("event", watermark_us=NOW, clock_us=NOW)
    aggregate.add([tx("1", FLOOR - 1)], 0)
    taken = aggregate.take(0)
    assert (taken.outcomes, taken.watermark_us, taken.clock_us) == ([0, 1, 0, 0], NOW, NOW)


# -- the other families


def test_nothing_else_is_ever_late() -> None:
    aggregate = PartitionAggregate(InfrastructurePending(), Dedupe(10), "wall")
    aggregate.add([asset("a"), asset("b", 0), asset("a"), Rejection("not_json", "", "")], NOW)
    aggregate.add([asset("c", NOW - 1)], NOW)
    taken = aggregate.take(NOW)
    assert taken.outcomes == [3, 0, 1, 1]
    assert (taken.watermark_us, taken.clock_us) == (NOW, NOW)
    fresh, again = PartitionAggregate(InfrastructurePending(), Dedupe(10), "wall"), [asset("a"), asset("b", 0)]
    fresh.add([*again, asset("c", NOW - 1)], NOW)
    assert taken.delta == fresh.take(NOW).delta


def test_other_families_have_no_event_clock() -> None:
    aggregate = PartitionAggregate(InfrastructurePending(), Dedupe(10), "event")
    aggregate.add([asset("a")], NOW)
    taken = aggregate.take(NOW)
    assert (taken.watermark_us, taken.clock_us) == (NOW, 0)
