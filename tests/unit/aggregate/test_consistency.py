"""The identities of published figures, on Beijing's own."""

from decimal import Decimal

import pytest

from streams.aggregate.consistency import growth_warnings, in_words, judge
from streams.aggregate.consistency_rules import RULES, Interval, group_of, quotient
from streams.aggregate.figures import FigureRow
from streams.aggregate.views import Finding

TOTAL = "digital_economy_value_added"
CORE = "core_industries_value_added"
SHARE = "digital_economy_share"
CORE_SHARE = "core_industries_share"
GROWTH = "digital_economy_growth"
ENDS = {"P3M": "-04-01", "P6M": "-07-01", "P9M": "-10-01"}
DAY = "2023-11-24"


def row(
    indicator: str,
    year: int,
    duration: str,
    value: str,
    *,
    vintage: str = DAY,
    time_us: int = 0,
    status: str = "A",
    multiplier: int | None = None,
    area: str = "110000",
) -> FigureRow:
    """A figure, year to date: amounts in 10^8 CNY, shares and growth in percent, the rest counted."""
    rate = indicator.endswith(("_share", "_growth"))
    amount = indicator == "gdp" or indicator.endswith("_value_added")
    return FigureRow(
        indicator=indicator,
        area=area,
        start=f"{year}-01-01",
        end=f"{year}{ENDS[duration]}" if duration in ENDS else f"{year + 1}-01-01",
        vintage=vintage,
        time_us=time_us,
        value=value,
        unit="PERCENT" if rate else "CNY" if amount else "COUNT",
        unit_multiplier=(8 if amount else 0) if multiplier is None else multiplier,
        status=status,
        source_url="",
        period=f"{year}-01-01/{duration}",
    )


def article(total: str = "14.06") -> list[FigureRow]:
    """The first three quarters of 2023 as the press had them, and the year to date before."""
    return [
        row(TOTAL, 2023, "P3M", "4265.7"),
        row(TOTAL, 2023, "P6M", "9180.5"),
        row(TOTAL, 2023, "P9M", total),
        row(CORE, 2023, "P9M", "8226.7"),
        row("gdp", 2023, "P9M", "31723.1"),
        row(SHARE, 2023, "P9M", "44.3"),
    ]


def values(findings: dict[object, Finding]) -> set[Decimal]:
    return {one.value for one in findings.values()}


@pytest.mark.parametrize(
    "rows",
    [
        article("14060"),
        [
            row(TOTAL, 2022, "P9M", "12788.9"),
            row("gdp", 2022, "P9M", "29926.3"),
            row(SHARE, 2022, "P9M", "42.7"),
            row(CORE_SHARE, 2022, "P9M", "24.3"),
            row(TOTAL, 2022, "P12M", "17330.2"),
            row("gdp", 2022, "P12M", "41610.9"),
            row(SHARE, 2022, "P12M", "41.6"),
        ],
        [
            *article("14060"),
            row(TOTAL, 2023, "P12M", "18766.7"),
            row(CORE, 2023, "P12M", "11061.5"),
            row("gdp", 2023, "P12M", "43760.7"),
            row(SHARE, 2023, "P12M", "42.9"),
            row(CORE_SHARE, 2023, "P12M", "25.3"),
        ],
        [
            row(CORE, 2023, "P12M", "127555", area="CN"),
            row("core_class_01_value_added", 2023, "P12M", "43135", area="CN"),
            row("core_class_02_value_added", 2023, "P12M", "4037", area="CN"),
            row("core_class_03_value_added", 2023, "P12M", "55636", area="CN"),
            row("core_class_04_value_added", 2023, "P12M", "24747", area="CN"),
        ],
        [row("large_models", 2023, "P12M", "24"), row("large_models", 2025, "P3M", "105")],
    ],
    ids=["the article put right", "2022", "2023", "the nation's classes", "large models"],
)
def test_published_figures_agree(rows: list[FigureRow]) -> None:
    for group in {group_of(one) for one in rows}:
        assert judge(one for one in rows if group_of(one) == group) == {}


def test_the_articles_slip_is_caught_alone() -> None:
    (found,) = judge(article()).values()

    assert (found.rule, found.indicator, found.period) == ("unit_slip", TOTAL, "2023-01-01/P9M")
    assert found.value == Decimal("1406000000")
    assert found.hint == "off by 1000?"
    assert found.expected_low == Decimal("0.4425") * Decimal("3172305000000")
    assert found.expected_high == Decimal("0.4435") * Decimal("3172315000000")
    assert found.message == (
        "14.06 10^8 CNY breaks unit_slip: expected 14,037.45 to 14,069.22 (10^8 CNY), off by 1000?; "
        "also breaks share_of_gdp, core_not_above_total, year_to_date_falls"
    )


def test_the_slip_is_caught_from_the_share_alone() -> None:
    """Three figures of one identity: only the slip tells which of them is wrong."""
    found = judge(one for one in article() if one.end == "2023-10-01" and one.indicator != CORE)
    assert values(found) == {Decimal("1406000000")}


def test_a_slip_by_ten_thousand() -> None:
    (found,) = judge(article("1.406")).values()
    assert (found.rule, found.hint) == ("unit_slip", "off by 10000?")


def test_a_slipped_part() -> None:
    parts = ["43135", "4037", "55.636", "24747"]
    classes = [row(f"core_class_0{n}_value_added", 2023, "P12M", part) for n, part in enumerate(parts, 1)]
    (found,) = judge([row(CORE, 2023, "P12M", "127555"), *classes]).values()
    assert (found.indicator, found.hint) == ("core_class_03_value_added", "off by 1000?")
    assert (found.expected_low, found.expected_high) == (Decimal("5563400000000"), Decimal("5563800000000"))


def test_a_total_too_large_does_not_put_the_blame_on_core() -> None:
    """Core looks a thousand times too small against the wrong GDP, but then it would be above the total."""
    rows = [*article("14060"), row(CORE_SHARE, 2023, "P9M", "25.9")]
    wrong = [one._replace(value="31723100") if one.indicator == "gdp" else one for one in rows]
    assert {one.indicator for one in judge(wrong).values()} == {TOTAL, "gdp"}


def test_the_correction_of_a_later_vintage_stands_and_the_slip_stays_listed() -> None:
    corrected = row(TOTAL, 2023, "P9M", "14060", vintage="2023-11-25")
    assert values(judge([*article(), corrected])) == {Decimal("1406000000")}


def test_a_figure_flagged_only_before_a_revision_is_not_inconsistent() -> None:
    wrong = row("gdp", 2023, "P9M", "3172.31", vintage="2023-10-20")
    others = [row(TOTAL, 2023, "P9M", "14060", vintage="2023-10-20"), row(SHARE, 2023, "P9M", "44.3")]
    right = row("gdp", 2023, "P9M", "31723.1", vintage="2023-12-01")
    assert len(judge([wrong, *others])) == 3
    assert judge([wrong, *others, right]).keys() == {wrong.key}


def test_another_claim_for_the_first_half_is_caught() -> None:
    """8,305 and 46% of a GDP of about 20,600 cannot all be true, and nothing tells which is wrong."""
    rows = [
        row(TOTAL, 2023, "P6M", "8305"),
        row(SHARE, 2023, "P6M", "46"),
        row("gdp", 2023, "P6M", "206", multiplier=10),
    ]
    assert len(judge(rows)) == 3
    later = [
        row(TOTAL, 2023, "P6M", "9180.5", vintage="2023-12-01"),
        row(SHARE, 2023, "P6M", "44.5", vintage="2023-12-01"),
    ]
    assert judge([*rows, *later]).keys() == {rows[0].key, rows[1].key}


def test_core_above_total_alone_decides_nothing() -> None:
    found = judge([row(TOTAL, 2023, "P9M", "14.06"), row(CORE, 2023, "P9M", "8226.7")])
    assert {one.rule for one in found.values()} == {"core_not_above_total"}
    assert [(one.expected_low, one.expected_high) for _, one in sorted(found.items())] == [
        (None, Decimal("1406500000")),
        (Decimal("822665000000"), None),
    ]


def test_year_to_date_names_the_tightest_bound() -> None:
    rows = [
        row(TOTAL, 2023, duration, value) for duration, value in zip(ENDS, ("4265.7", "9180.5", "14.06"), strict=True)
    ]
    (found,) = judge(rows).values()
    assert (found.rule, found.expected_low, found.expected_high) == (
        "year_to_date_falls",
        Decimal("918045000000"),
        None,
    )
    assert "expected at least 9,180.45 (10^8 CNY)" in found.message


def test_only_what_accumulates_from_new_year_may_not_fall() -> None:
    quarter = row(TOTAL, 2023, "P6M", "4000")._replace(start="2023-04-01")
    five_years = row(TOTAL, 2023, "P12M", "1")._replace(end="2028-01-01")
    share = row(SHARE, 2023, "P6M", "40.0")
    for other in (quarter, five_years, share):
        assert judge([row(TOTAL, 2023, "P3M", "4265.7"), row(SHARE, 2023, "P3M", "42.9"), other]) == {}


@pytest.mark.parametrize("stock", ["large_models", "base_stations_5g"])
def test_a_stock_does_not_fall_back(stock: str) -> None:
    models = [row(stock, year, "P12M", value) for year, value in ((2023, "24"), (2024, "2400"), (2025, "201"))]
    models.append(row(stock, 2026, "P12M", "250"))
    (found,) = judge(models).values()
    assert (found.rule, found.period, found.expected_high) == ("stock_falls", "2024-01-01/P12M", Decimal("201.5"))
    same_end = row(stock, 2023, "P12M", "20")._replace(start="2023-12-01")
    assert judge([models[0], same_end]) == {}


def test_a_value_missing_says_nothing() -> None:
    missing = row("gdp", 2023, "P9M", "0", status="M", vintage="2023-12-01")
    assert values(judge([*article(), missing])) == {Decimal("1406000000")}


@pytest.mark.parametrize(("last", "good"), [("127557", True), ("127558", False)])
def test_parts_may_miss_the_total_by_their_rounding(last: str, good: bool) -> None:
    parts = ["43135", "4037", "55636", "24747"]
    classes = [row(f"core_class_0{n}_value_added", 2023, "P12M", part) for n, part in enumerate(parts, 1)]
    found = judge([row(CORE, 2023, "P12M", last), *classes])
    assert (found == {}) == good
    assert {one.rule for one in found.values()} <= {"parts_equal_total"}


def test_a_part_of_nothing_expects_nothing() -> None:
    """Where GDP may be zero no share can be worked out; the identity is still judged."""
    found = judge([row(TOTAL, 2023, "P9M", "5"), row("gdp", 2023, "P9M", "0.0"), row(SHARE, 2023, "P9M", "0.0")])
    (share,) = [one for one in found.values() if one.indicator == SHARE]
    assert (share.expected_low, share.expected_high) == (None, None)
    assert "expected nothing that fits" in share.message


def test_growth_that_the_values_do_not_give_only_warns() -> None:
    rows = [
        row(TOTAL, 2022, "P9M", "12788.9"),
        row(TOTAL, 2022, "P12M", "17330.2"),
        row(TOTAL, 2023, "P9M", "14060"),
        row(TOTAL, 2023, "P12M", "18766.7"),
        row(GROWTH, 2022, "P12M", "4.4"),
        row(GROWTH, 2023, "P9M", "8.3"),
        row(GROWTH, 2023, "P12M", "8.5"),
    ]
    found = growth_warnings({one.slot: one for one in rows})
    assert [(one.rule, one.period, one.value) for one in found] == [
        ("growth_mismatch", "2023-01-01/P9M", Decimal("0.083")),
        ("growth_mismatch", "2023-01-01/P12M", Decimal("0.085")),
    ]
    assert "expected 9.93" in found[0].message
    agreed = {one.slot: one for one in [*rows[:4], row(GROWTH, 2023, "P12M", "8.3"), row(GROWTH, 2023, "P9M", "9.9")]}
    assert growth_warnings(agreed) == []


def test_growth_on_nothing_is_not_judged() -> None:
    rows = [row(TOTAL, 2022, "P9M", "0"), row(TOTAL, 2023, "P9M", "5"), row(GROWTH, 2023, "P9M", "8.3")]
    assert growth_warnings({one.slot: one for one in rows}) == []


def test_rules_are_a_closed_list() -> None:
    assert len(set(RULES)) == len(RULES) == 8


def test_quotients_of_negative_intervals() -> None:
    assert quotient(Interval(Decimal(-8), Decimal(-6)), Interval(Decimal(-2), Decimal(-1))) == (Decimal(3), Decimal(8))


def test_words() -> None:
    assert in_words("1", "2") == "1 to 2"
    assert in_words(None, "2") == "at most 2"
    assert in_words("1", None) == "at least 1"
    assert in_words(None, None) == "nothing that fits"
