"""Which figure is current, what stays queryable, and what is listed as inconsistent."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from schemas.events import Figure
from streams.aggregate.figures import FigureRow
from streams.aggregate.indicators import IndicatorFold, IndicatorPending
from streams.aggregate.views import Observation

TOTAL = "digital_economy_value_added"


def figure(
    value: str,
    *,
    indicator: str = TOTAL,
    area: str = "110000",
    start: str = "2023-01-01",
    end: str = "2023-10-01",
    period: str = "2023-01-01/P9M",
    unit: str = "CNY",
    multiplier: int = 8,
    status: str = "A",
    vintage: str = "2023-11-24",
    time_us: int = 0,
) -> Figure:
    return Figure(
        "/press", value, time_us, indicator, area, period, start, end, value, unit, multiplier, status, vintage, "/url"
    )


def delta_of(*figures: Figure) -> Any:
    """The delta of some events, as it comes back from the state log."""
    pending = IndicatorPending()
    for one in figures:
        pending.add(one)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(pending.take()))


def fold_of(*figures: Figure) -> IndicatorFold:
    fold = IndicatorFold()
    fold.apply(0, delta_of(*figures), 0)
    return fold


def current(fold: IndicatorFold) -> list[str]:
    return [one.printed for one in fold.observations() if one.current]


def test_nothing_pending_gives_no_delta() -> None:
    assert IndicatorPending().take() is None
    fold = IndicatorFold()
    fold.apply(0, None, 0)
    assert (fold.observations(), fold.inconsistencies(), fold.warnings()) == ((), (), ())


def test_pending_counts_registers() -> None:
    pending = IndicatorPending()
    for one in (figure("1"), figure("2"), figure("1", vintage="2023-12-01")):
        pending.add(one)


def test_an_observation_is_in_base_units_and_as_printed() -> None:
    end = int(datetime(2023, 10, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert fold_of(figure("14060", status="P")).observations() == (
        Observation(
            indicator=TOTAL,
            area="110000",
            period="2023-01-01/P9M",
            period_end_us=end,
            value=Decimal("1406000000000"),
            unit="CNY",
            printed="14060 10^8 CNY",
            status="P",
            provisional=True,
            vintage="2023-11-24",
            source_url="/url",
            current=True,
            inconsistent=False,
        ),
    )


@pytest.mark.parametrize(
    ("value", "unit", "multiplier", "base", "base_unit", "printed"),
    [
        ("44.3", "PERCENT", 0, "0.443", "RATIO", "44.3 PERCENT"),
        ("-0.50", "PERCENT", 0, "-0.0050", "RATIO", "-0.50 PERCENT"),
        ("1.28", "RATIO", 0, "1.28", "RATIO", "1.28 RATIO"),
        ("105", "COUNT", 0, "105", "COUNT", "105 COUNT"),
        ("999999999999999999", "CNY", 12, "999999999999999999000000000000", "CNY", "999999999999999999 10^12 CNY"),
        ("0.000000000000000001", "PERCENT", 0, "0.00000000000000000001", "RATIO", "0.000000000000000001 PERCENT"),
    ],
)
def test_units(value: str, unit: str, multiplier: int, base: str, base_unit: str, printed: str) -> None:
    (shown,) = fold_of(figure(value, indicator="pue", unit=unit, multiplier=multiplier)).observations()
    assert (f"{shown.value:f}", shown.unit, shown.printed) == (base, base_unit, printed)


def test_the_latest_period_is_current_and_of_one_end_the_longer_one() -> None:
    year = figure("18766.7", end="2024-01-01", period="2023-01-01/P12M")
    quarter = figure("4700", start="2023-10-01", end="2024-01-01", period="2023-Q4")
    fold = fold_of(year, quarter, figure("14060", vintage="2025-01-01"))
    assert current(fold) == ["18766.7 10^8 CNY"]
    assert len(fold.observations()) == 3


def test_the_latest_vintage_is_current_not_the_last_arrival() -> None:
    fold = fold_of(figure("14061", vintage="2024-01-20", time_us=1))
    fold.apply(1, delta_of(figure("14060", time_us=9)), 0)
    assert current(fold) == ["14061 10^8 CNY"]
    assert [one.vintage for one in fold.observations()] == ["2023-11-24", "2024-01-20"]


def test_in_one_vintage_the_latest_event_then_the_greater_value_string_stands() -> None:
    assert current(fold_of(figure("14060", time_us=2), figure("14061", time_us=1))) == ["14060 10^8 CNY"]
    assert current(fold_of(figure("14061"), figure("14060"))) == ["14061 10^8 CNY"]


def test_a_period_is_its_two_ends_however_it_is_written() -> None:
    fold = fold_of(figure("4265.7", end="2023-04-01", period="2023-01-01/P3M"))
    fold.apply(0, delta_of(figure("4265.8", end="2023-04-01", period="2023-Q1", time_us=1)), 0)
    assert [(one.period, one.printed) for one in fold.observations()] == [("2023-Q1", "4265.8 10^8 CNY")]


def test_a_missing_value_is_listed_but_never_current() -> None:
    fold = fold_of(
        figure("14060"), figure("0", vintage="2023-12-01", status="M"), figure("0", indicator="gdp", status="M")
    )
    assert current(fold) == ["14060 10^8 CNY"]
    assert [one.status for one in fold.observations()] == ["A", "M", "M"]
    assert fold.inconsistencies() == ()


def test_the_articles_figure_is_not_shown() -> None:
    first_half = figure("9180.5", end="2023-07-01", period="2023-01-01/P6M", vintage="2023-07-01")
    others = (
        figure("8226.7", indicator="core_industries_value_added"),
        figure("31723.1", indicator="gdp"),
        figure("44.3", indicator="digital_economy_share", unit="PERCENT", multiplier=0),
        figure("8.3", indicator="digital_economy_growth", unit="PERCENT", multiplier=0),
        figure("12788.9", start="2022-01-01", end="2022-10-01", period="2022-01-01/P9M"),
    )
    fold = fold_of(first_half, figure("14.06"), *others)
    assert "9180.5 10^8 CNY" in current(fold)
    assert "14.06 10^8 CNY" not in current(fold)
    assert [one.printed for one in fold.observations() if one.inconsistent] == ["14.06 10^8 CNY"]
    assert fold.warnings() == ()
    fold.apply(0, delta_of(figure("14060", vintage="2023-11-25")), 0)
    assert "14060 10^8 CNY" in current(fold)
    assert [(one.rule, one.hint, one.vintage) for one in fold.inconsistencies()] == [
        ("unit_slip", "off by 1000?", "2023-11-24")
    ]
    assert [(one.rule, one.value) for one in fold.warnings()] == [("growth_mismatch", Decimal("0.083"))]
    assert "8.3 PERCENT" in current(fold)


def test_only_areas_that_changed_are_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[set[str]] = []

    def judge(rows: Any) -> dict[Any, Any]:
        judged.append({row.area for row in rows})
        return {}

    monkeypatch.setattr("streams.aggregate.indicators.judge", judge)
    fold = fold_of(figure("1"), figure("2", area="440300"))
    fold.observations()
    fold.inconsistencies()
    fold.apply(0, delta_of(figure("3", area="440300", vintage="2023-12-01")), 0)
    fold.apply(0, delta_of(figure("1")), 0)
    fold.warnings()
    assert judged == [{"110000"}, {"440300"}, {"440300"}]


def test_areas_come_in_order() -> None:
    fold = fold_of(figure("1", area="CN"), figure("2", area="440300"), figure("3", indicator="gdp", area="440300"))
    assert [(one.area, one.indicator) for one in fold.observations()] == [
        ("440300", TOTAL),
        ("440300", "gdp"),
        ("CN", TOTAL),
    ]


def test_pages_hold_what_changed() -> None:
    fold = fold_of(figure("14060"), figure("44.3", indicator="digital_economy_share"))
    pages = fold.dirty(0)
    assert pages == {FigureRow.of(figure("1")).page, FigureRow.of(figure("1", indicator="digital_economy_share")).page}
    fold.clean(0)
    fold.apply(0, delta_of(figure("14060")), 0)
    assert fold.dirty(0) == set()
    other = IndicatorFold()
    for page in pages:
        other.load(0, page, fold.dump(0, page) or ())
    assert (other.observations(), other.dirty(0)) == (fold.observations(), set())
    assert fold.dump(0, "f99") is None


def test_a_delta_that_the_page_holds_is_skipped() -> None:
    fold = IndicatorFold()
    fold.apply(0, delta_of(figure("14060")), 0, lambda _: True)
    assert fold.observations() == ()


def test_a_dropped_partition_leaves_the_best_of_the_others() -> None:
    fold = fold_of(figure("14060", time_us=1), figure("1", area="CN"))
    fold.apply(1, delta_of(figure("14061", time_us=2)), 0)
    assert current(fold) == ["14061 10^8 CNY", "1 10^8 CNY"]
    fold.drop(1)
    assert current(fold) == ["14060 10^8 CNY", "1 10^8 CNY"]
    fold.drop(0)
    assert fold.observations() == ()
