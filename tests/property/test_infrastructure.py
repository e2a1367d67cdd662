"""Laws of assets and surveys: order, duplication, partitions and replay do not matter."""

from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Asset, Survey
from streams.aggregate.infrastructure import InfrastructureFold, InfrastructurePending
from streams.aggregate.surveys import falling
from tests.property.fold_laws import batches, fold_all, replayed, shuffled

times = st.integers(0, 6)
areas = st.sampled_from(["110105", "110108"])
capacities = st.sampled_from([None, 0, 5, 10**36])
units = st.sampled_from(["PFLOPS", "kW"])
assets = st.builds(
    Asset,
    source=st.just("/s"),
    id=st.just("1"),
    time_us=times,
    asset_id=st.sampled_from(["a", "b", "c"]),
    asset_type=st.sampled_from(["rack", "computing_cluster"]),
    area=areas,
    city=st.just("110000"),
    in_service=st.booleans(),
    capacity=capacities,
    unit=units,
)
surveys = st.builds(
    Survey,
    source=st.just("/s"),
    id=st.just("1"),
    time_us=times,
    asset_type=st.just("rack"),
    area=areas,
    count=st.none() | st.integers(0, 9),
    capacity=capacities,
    unit=units,
)
histories = batches(assets | surveys)


def views(fold: InfrastructureFold) -> Any:
    return fold.assets(), fold.reported(), fold.inconsistencies()


def straight(some: Any) -> InfrastructureFold:
    fold = InfrastructureFold()
    fold_all(fold, InfrastructurePending, some)
    return fold


@given(histories, st.data())
def test_order_duplication_and_partition_do_not_matter(some: Any, data: st.DataObject) -> None:
    assert views(straight(shuffled(some, data))) == views(straight(some))


@given(histories, st.data())
def test_pages_and_later_deltas_give_the_state_back(some: Any, data: st.DataObject) -> None:
    assert views(replayed(InfrastructureFold, InfrastructurePending, some, data)) == views(straight(some))


@given(histories)
def test_counts_and_capacity_are_those_of_the_last_words(some: Any) -> None:
    last: dict[str, Asset] = {}
    for event in (event for _, events in some for event in events if isinstance(event, Asset)):
        last[event.asset_id] = max(event, last.get(event.asset_id, event), key=_rank)
    expected: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}
    for event in last.values():
        count, capacity = expected.get((event.asset_type, event.area), (0, {}))
        if event.in_service and event.capacity is not None:
            capacity = {**capacity, event.unit: capacity.get(event.unit, 0) + event.capacity}
        expected[event.asset_type, event.area] = count + event.in_service, capacity
    assert {(one.asset_type, one.area): (one.count, one.capacity) for one in straight(some).assets()} == expected


def _rank(event: Asset) -> Any:
    capacity = -1 if event.capacity is None else event.capacity
    return event.time_us, not event.in_service, event.asset_type, event.area, event.unit, capacity


@given(st.lists(st.integers(0, 12), max_size=12))
def test_what_is_left_of_a_stock_never_falls(values: list[int]) -> None:
    gone = falling(values)
    left = [value for place, value in enumerate(values) if place not in gone]
    assert left == sorted(left)
    assert gone == _plainly(values)


def _plainly(values: list[int]) -> dict[int, tuple[int | None, int | None]]:
    """The same rule, pair by pair."""
    broken = {(i, j) for i, j in combinations(range(len(values)), 2) if values[i] > values[j]}
    gone: dict[int, tuple[int | None, int | None]] = {}
    while broken:
        counts = {place: sum(place in pair for pair in broken) for pair in broken for place in pair}
        most = {place for place, count in counts.items() if count == max(counts.values())}
        for place in most:
            earlier = [values[i] for i, j in broken if j == place]
            later = [values[j] for i, j in broken if i == place]
            gone[place] = max(earlier, default=None), min(later, default=None)
        broken = {pair for pair in broken if most.isdisjoint(pair)}
    return gone
