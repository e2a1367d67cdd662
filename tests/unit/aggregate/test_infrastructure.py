"""Assets in service, counted as they come and go, and surveys beside them."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from schemas.events import Asset, Survey
from streams.aggregate.infrastructure import InfrastructureFold, InfrastructurePending
from streams.aggregate.surveys import KEPT_REPORTS, falling
from streams.aggregate.views import Assets, Reported

DAY = 86_400_000_000
UNIT = 10**18


def asset(
    asset_id: str,
    time_us: int,
    *,
    in_service: bool = True,
    asset_type: str = "computing_cluster",
    area: str = "110108",
    capacity: int | None = None,
    unit: str = "",
) -> Asset:
    return Asset(
        "/assets", f"{asset_id}-{time_us}", time_us, asset_id, asset_type, area, "110000", in_service, capacity, unit
    )


def survey(
    time_us: int,
    count: int | None = None,
    *,
    capacity: int | None = None,
    unit: str = "",
    asset_type: str = "base_station_5g",
    area: str = "110000",
) -> Survey:
    return Survey("/surveys", str(time_us), time_us, asset_type, area, count, capacity, unit)


def delta_of(*events: Asset | Survey) -> Any:
    """The delta of some events, as it comes back from the state log."""
    pending = InfrastructurePending()
    for event in events:
        pending.add(event)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(pending.take()))


def fold_of(*events: Asset | Survey) -> InfrastructureFold:
    fold = InfrastructureFold()
    fold.apply(0, delta_of(*events), 0)
    return fold


def shown(count: int, capacity: dict[str, int] | None = None) -> Assets:
    return Assets("computing_cluster", "110108", "110000", count, capacity or {})


def test_nothing_pending_gives_no_delta() -> None:
    pending = InfrastructurePending()
    assert pending.take() is None
    fold = InfrastructureFold()
    fold.apply(0, None, 0)
    assert (fold.assets(), fold.reported(), fold.inconsistencies(), fold.dirty(0)) == ((), (), (), set())


def test_pending_counts_registers() -> None:
    pending = InfrastructurePending()
    for event in (asset("a", 1), asset("a", 2), survey(1, 5, capacity=UNIT, unit="kW"), survey(1, 5)):
        pending.add(event)


def test_an_asset_counts_once_however_often_it_is_commissioned() -> None:
    assert fold_of(asset("a", 1), asset("a", 1), asset("a", 5), asset("b", 2)).assets() == (shown(2),)


def test_capacity_follows_the_assets_that_have_one() -> None:
    fold = fold_of(
        asset("a", 1, capacity=3000 * UNIT, unit="PFLOPS"),
        asset("b", 1, capacity=10**36 - 1, unit="PFLOPS"),
        asset("c", 1),
        asset("d", 1, capacity=4 * UNIT, unit="kW"),
    )
    assert fold.assets() == (shown(4, {"PFLOPS": 10**36 - 1 + 3000 * UNIT, "kW": 4 * UNIT}),)
    fold.apply(0, delta_of(asset("a", 2, in_service=False), asset("d", 2, in_service=False)), 0)
    assert fold.assets() == (shown(2, {"PFLOPS": 10**36 - 1}),)


def test_where_all_have_gone_the_count_is_zero() -> None:
    assert fold_of(asset("a", 1), asset("a", 2, in_service=False)).assets() == (shown(0),)


@pytest.mark.parametrize("late_us", [1, 2], ids=["earlier", "at the same time"])
def test_a_decommissioned_asset_stays_out_when_its_commissioning_comes_late(late_us: int) -> None:
    assert fold_of(asset("a", 2, in_service=False), asset("a", late_us)).assets() == (shown(0),)


def test_a_later_commissioning_brings_it_back_elsewhere() -> None:
    fold = fold_of(asset("a", 1))
    fold.apply(0, delta_of(asset("a", 2, area="110105")), 0)
    assert fold.assets() == (Assets("computing_cluster", "110105", "110000", 1, {}),)


def test_partitions_share_one_register_an_asset() -> None:
    fold = fold_of(asset("a", 1), asset("b", 1))
    fold.apply(1, delta_of(asset("a", 3, in_service=False)), 0)
    fold.apply(2, delta_of(asset("a", 2)), 0)
    assert fold.assets() == (shown(1),)
    fold.drop(1)
    assert fold.assets() == (shown(2),)
    fold.drop(0)
    assert fold.assets() == (shown(1),)
    fold.drop(2)
    fold.drop(3)
    assert fold.assets() == ()


def test_pages_hold_what_changed() -> None:
    fold = fold_of(asset("a", 1), survey(1, 5))
    pages = fold.dirty(0)
    assert {page[0] for page in pages} == {"a", "s"}
    fold.clean(0)
    fold.apply(0, delta_of(asset("a", 1), survey(1, 5)), 0)
    assert fold.dirty(0) == set()
    assert fold.dump(0, "a63") is None
    other = InfrastructureFold()
    for page in pages:
        other.load(0, page, fold.dump(0, page))
    assert (other.assets(), other.reported(), other.dirty(0)) == (fold.assets(), fold.reported(), set())


def test_a_delta_that_the_page_holds_is_skipped() -> None:
    fold = InfrastructureFold()
    fold.apply(0, delta_of(asset("a", 1), survey(1, 5)), 0, lambda page: page.startswith("a"))
    assert fold.assets() == ()
    assert [one.count for one in fold.reported()] == [5]


def test_base_stations_of_beijing() -> None:
    """4,300, 45,700, 47,000, 92,600, 104,000 and 122,000 agree; 285,000 for October 2022 is the one that does not."""
    counts = (4_300, 45_700, 47_000, 92_600, 104_000, 122_000)
    agreed = [
        survey(time * DAY, count)
        for time, count in zip((18047, 18870, 18900, 19508, 19630, 19904), counts, strict=True)
    ]
    stands = (Reported("base_station_5g", "110000", 122_000, 19904 * DAY, None, None, ""),)
    assert fold_of(*agreed).inconsistencies() == ()
    fold = fold_of(*agreed, survey(19296 * DAY, 285_000))
    (found,) = fold.inconsistencies()
    assert fold.reported() == stands
    assert (found.rule, found.indicator, found.area, found.period) == (
        "stock_falls",
        "base_station_5g",
        "110000",
        "2022-10-31T00:00:00Z",
    )
    assert (found.value, found.expected_low, found.expected_high) == (Decimal(285_000), None, Decimal(92_600))
    assert found.message == (
        "285,000 assets reported for 2022-10-31T00:00:00Z breaks stock_falls: "
        "expected at most 92,600 by the other reports"
    )


def test_two_reports_that_contradict_each_other_both_go() -> None:
    fold = fold_of(survey(1, 285_000), survey(2, 92_600))
    assert fold.reported() == ()
    assert [(one.expected_low, one.expected_high) for one in fold.inconsistencies()] == [
        (None, Decimal(92_600)),
        (Decimal(285_000), None),
    ]
    fold.apply(0, delta_of(survey(3, 104_000)), 0)
    assert [one.count for one in fold.reported()] == [104_000]
    assert [one.value for one in fold.inconsistencies()] == [Decimal(285_000)]


def test_count_and_capacity_are_judged_and_dated_each_on_its_own() -> None:
    kind = "computing_cluster"
    fold = fold_of(
        survey(1, 3, capacity=3 * UNIT // 2, unit="PFLOPS", asset_type=kind),
        survey(2, 4, capacity=12_000 * UNIT, unit="PFLOPS", asset_type=kind),
        survey(3, None, capacity=1 * UNIT, unit="PFLOPS", asset_type=kind),
        survey(4, None, capacity=20_000 * UNIT, unit="PFLOPS", asset_type=kind),
        survey(2, None, capacity=7 * UNIT, unit="kW", asset_type=kind),
        survey(3, 9, area="X-BDA", asset_type=kind),
    )
    assert fold.reported() == (
        Reported(kind, "110000", 4, 2, 20_000 * UNIT, 4, "PFLOPS"),
        Reported(kind, "X-BDA", 9, 3, None, None, ""),
    )
    (found,) = fold.inconsistencies()
    assert (found.value, found.expected_low) == (Decimal(1), Decimal(12_000))
    assert found.message.startswith("1 PFLOPS reported for 1970-01-01T00:00:00.000003Z")
    only = fold_of(survey(1, None, capacity=3 * UNIT // 2, unit="kW", asset_type="rack"))
    assert only.reported() == (Reported("rack", "110000", None, None, 3 * UNIT // 2, 1, "kW"),)


def test_a_report_replaced_or_dropped_is_judged_again() -> None:
    fold = fold_of(survey(1, 10), survey(2, 20))
    fold.apply(1, delta_of(survey(1, 30)), 0)
    assert fold.reported() == ()
    fold.drop(1)
    assert [one.count for one in fold.reported()] == [20]
    fold.drop(0)
    assert fold.reported() == ()


def test_the_latest_year_of_daily_reports_is_kept() -> None:
    fold = InfrastructureFold()
    fold.apply(1, delta_of(*(survey(day, 1_000) for day in (0, 1))), 0)
    fold.apply(0, delta_of(*(survey(day, day) for day in range(2, KEPT_REPORTS + 2))), 0)
    assert fold.inconsistencies() == ()
    assert [fold.dump(1, page) for page in fold.dirty(1)] == [None]
    fold.apply(0, delta_of(survey(1, 5_000)), 0)
    assert fold.inconsistencies() == ()


def test_falling_names_the_bounds_by_those_contradicted() -> None:
    assert falling([1, 10**40, 2, 3]) == {1: (None, 2)}
    assert falling([10, 11, 5, 1, 2])[2] == (11, 1)  # nothing fits between them
    assert falling([3, 3, 4]) == falling([]) == {}
