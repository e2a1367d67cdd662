"""Laws of indicators: order, duplication, partitions and replay do not matter; what is left contradicts nothing."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Figure
from streams.aggregate.consistency import judge
from streams.aggregate.consistency_rules import group_of
from streams.aggregate.figures import FigureRow
from streams.aggregate.indicators import IndicatorFold, IndicatorPending
from tests.property.fold_laws import batches, fold_all, replayed, shuffled

PERIODS = {
    "2022-01-01/P9M": ("2022-01-01", "2022-10-01"),
    "2023-01-01/P6M": ("2023-01-01", "2023-07-01"),
    "2023-01-01/P9M": ("2023-01-01", "2023-10-01"),
    "2023-Q3": ("2023-07-01", "2023-10-01"),
}
UNITS = {"digital_economy_share": "PERCENT", "digital_economy_growth": "PERCENT", "large_models": "COUNT"}
INDICATORS = ("digital_economy_value_added", "core_industries_value_added", "gdp", *UNITS)


@st.composite
def figures(draw: st.DrawFn) -> Figure:
    indicator, period = draw(st.sampled_from(INDICATORS)), draw(st.sampled_from(sorted(PERIODS)))
    unit = UNITS.get(indicator, "CNY")
    values = ("14.06", "9180.5", "14060", "31723.1") if unit == "CNY" else ("44.3", "8.3", "24")
    start, end = PERIODS[period]
    return Figure(
        source="/s",
        id="1",
        time_us=draw(st.integers(0, 2)),
        indicator=indicator,
        area=draw(st.sampled_from(["110000", "CN"])),
        period=period,
        start=start,
        end=end,
        value=draw(st.sampled_from(values)),
        unit=unit,
        unit_multiplier=8 if unit == "CNY" else 0,
        status=draw(st.sampled_from("AAPM")),
        vintage=draw(st.sampled_from(["2023-10-20", "2023-11-24", "2024-01-20"])),
        source_url="",
    )


histories = batches(figures())


def views(fold: IndicatorFold) -> Any:
    return fold.observations(), fold.inconsistencies(), fold.warnings()


def straight(some: Any) -> IndicatorFold:
    fold = IndicatorFold()
    fold_all(fold, IndicatorPending, some)
    return fold


@given(histories, st.data())
def test_order_duplication_and_partition_do_not_matter(some: Any, data: st.DataObject) -> None:
    assert views(straight(shuffled(some, data))) == views(straight(some))


@given(histories, st.data())
def test_pages_and_later_deltas_give_the_state_back(some: Any, data: st.DataObject) -> None:
    assert views(replayed(IndicatorFold, IndicatorPending, some, data)) == views(straight(some))


@given(histories)
def test_looking_in_between_changes_nothing(some: Any) -> None:
    fold = IndicatorFold()
    for batch in some:
        fold_all(fold, IndicatorPending, [batch])
        views(fold)
    assert views(fold) == views(straight(some))


@given(histories)
def test_current_figures_are_good_and_one_an_indicator(some: Any) -> None:
    shown = [one for one in straight(some).observations() if one.current]
    assert len({(one.indicator, one.area) for one in shown}) == len(shown)
    assert not any(one.inconsistent or one.status == "M" for one in shown)


@given(st.lists(figures(), max_size=20))
def test_what_is_left_contradicts_nothing(some: list[Figure]) -> None:
    """Of one vintage: take away what was found, and nothing more is found."""
    rows = {one.slot: one for one in (FigureRow.of(event)._replace(vintage="2024-01-20", area="CN") for event in some)}
    for group in {group_of(one) for one in rows.values()}:
        members = [one for one in rows.values() if group_of(one) == group]
        found = judge(members)
        assert judge(one for one in members if one.key not in found) == {}
