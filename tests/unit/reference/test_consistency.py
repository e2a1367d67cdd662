"""The rules of the reference on figures that were really published, and on made-up ties."""

from typing import Any

from tests.reference.reference import compute, indicators_answer
from tests.unit.reference.builders import figure, micros, percent

TOTAL, CORE, GDP, SHARE = (
    "digital_economy_value_added",
    "core_industries_value_added",
    "gdp",
    "digital_economy_share",
)
Q3 = "2023-01-01/P9M"


def answer(*records: Any) -> dict[str, Any]:
    return indicators_answer(compute(records, wall_us=micros("2024-07-01T00:00:00+00:00")))


def found(*records: Any) -> set[tuple[str, str, str, str]]:
    return {(row["rule"], row["indicator"], row["period"], row["value"]) for row in answer(*records)["inconsistencies"]}


def current(*records: Any) -> dict[str, str]:
    return {row["indicator"]: row["value"] for row in answer(*records)["current"]}


def test_the_press_report_is_caught_and_not_shown() -> None:
    records = [
        figure(TOTAL, "2023-01-01/P6M", "9180.5", "2023-08-10"),
        figure(GDP, Q3, "31723.1", "2023-10-20"),
        percent(SHARE, Q3, "44.3", "2023-11-24"),
        figure(CORE, Q3, "8226.7", "2023-11-24"),
        figure(TOTAL, Q3, "14.06", "2023-11-24"),
    ]
    assert found(*records) == {("unit_slip", TOTAL, Q3, "1406000000")}
    assert current(*records) == {TOTAL: "918050000000", GDP: "3172310000000", SHARE: "0.443", CORE: "822670000000"}
    assert answer(*records)["inconsistencies"][0]["hint"] == "off by 1000?"


def test_its_correction_is_shown_whatever_the_order() -> None:
    records = [
        figure(TOTAL, Q3, "14060", "2023-12-01"),
        figure(TOTAL, Q3, "14.06", "2023-11-24"),
        figure(GDP, Q3, "31723.1", "2023-10-20"),
        percent(SHARE, Q3, "44.3", "2023-11-24"),
    ]
    for order in (records, records[::-1]):
        assert found(*order) == {("unit_slip", TOTAL, Q3, "1406000000")}
        assert current(*order)[TOTAL] == "1406000000000"


def test_published_shares_hold() -> None:
    for period, total, gdp, share in (
        ("2022-01-01/P9M", "12788.9", "29926.3", "42.7"),
        ("2022", "17330.2", "41610.9", "41.6"),
        ("2023", "18766.7", "43760.7", "42.9"),
    ):
        records = (figure(TOTAL, period, total, "2024-01-20"), figure(GDP, period, gdp, "2024-01-20"))
        assert found(*records, percent(SHARE, period, share, "2024-01-20")) == set()


def test_all_go_when_nothing_tells_which_is_wrong() -> None:
    records = (
        figure(TOTAL, "2023-01-01/P6M", "8305", "2023-08-01"),
        figure(GDP, "2023-01-01/P6M", "20600", "2023-08-01"),
        percent(SHARE, "2023-01-01/P6M", "46", "2023-08-01"),
    )
    assert {rule for rule, *_ in found(*records)} == {"share_of_gdp"}
    assert len(found(*records)) == 3
    assert current(*records) == {}


def test_year_to_date_may_stand_still_and_a_quarter_of_its_own_may_be_small() -> None:
    assert found(figure(GDP, "2023-Q1", "10", "2023-05-01"), figure(GDP, "2023-01-01/P6M", "10", "2023-08-01")) == set()
    assert found(figure(GDP, "2023-Q1", "10", "2023-05-01"), figure(GDP, "2023-Q2", "9", "2023-08-01")) == set()
    fallen = found(figure(GDP, "2023-Q1", "10", "2023-05-01"), figure(GDP, "2023-01-01/P6M", "8", "2023-08-01"))
    assert {rule for rule, *_ in fallen} == {"year_to_date_falls"}


def test_rounding_is_no_contradiction() -> None:
    assert found(figure(CORE, "2023", "10.1", "2024-01-20"), figure(TOTAL, "2023", "10", "2024-01-20")) == set()
    assert len(found(figure(CORE, "2023", "10.6", "2024-01-20"), figure(TOTAL, "2023", "10", "2024-01-20"))) == 2


def test_parts_of_the_nation() -> None:
    values = {1: "43135", 2: "4037", 3: "55636", 4: "24747"}
    parts = [
        figure(f"core_class_0{n}_value_added", "2023", value, "2024-12-01", area="CN") for n, value in values.items()
    ]
    assert found(figure(CORE, "2023", "127555", "2024-12-01", area="CN"), *parts) == set()
    off = found(figure(CORE, "2023", "127558", "2024-12-01", area="CN"), *parts)
    assert {rule for rule, *_ in off} == {"parts_equal_total"}


def test_one_stock_against_many() -> None:
    def models(period: str, value: str) -> Any:
        return figure("large_models", period, value, "2026-01-01", unit="COUNT", unit_multiplier=0)

    records = [
        models("2022-M10", "285"),
        models("2023-M12", "24"),
        models("2025-M03", "105"),
        models("2025-M12", "201"),
    ]
    assert found(*records) == {("stock_falls", "large_models", "2022-M10", "285")}


def test_growth_only_warns() -> None:
    records = (
        figure(TOTAL, "2022", "17330.2", "2023-02-01"),
        figure(TOTAL, "2023", "18766.7", "2024-02-01"),
        percent("digital_economy_growth", "2023", "8.5", "2024-02-01"),
    )
    assert found(*records) == set()
    assert [row["rule"] for row in answer(*records)["warnings"]] == ["growth_mismatch"]


def test_current_is_the_latest_period_and_vintage_that_says_something() -> None:
    records = (
        figure(GDP, "2023", "43760.7", "2024-01-20"),
        figure(GDP, "2023", "43762", "2024-05-20"),
        figure(GDP, "2023", "0", "2024-06-20", status="M"),
        figure(GDP, "2023-Q4", "12037.6", "2024-05-20"),
        figure(GDP, "2022", "41610.9", "2024-06-20"),
    )
    assert current(*records) == {GDP: "4376200000000"}
