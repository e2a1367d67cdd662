from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.metrics import METRICS
from schemas.thresholds import CITY_METRICS
from streams.aggregate.exact import decimal_text, exact, plain_text, shortest_text
from streams.aggregate.measures import MEASURES
from streams.aggregate.views import Snapshot


@pytest.mark.parametrize(
    ("unscaled", "places", "text"),
    [(0, 2, "0.00"), (-5, 2, "-0.05"), (265_000_000, 2, "2650000.00"), (7, 0, "7"), (-1, 3, "-0.001"), (-7, 0, "-7")],
)
def test_money_has_exactly_the_decimals_of_its_currency(unscaled: int, places: int, text: str) -> None:
    assert decimal_text(unscaled, places) == text


@given(st.integers(-(10**40), 10**40), st.integers(0, 18))
def test_a_number_is_never_rounded(unscaled: int, places: int) -> None:
    number = exact(unscaled, places)
    sign, digits, exponent = number.as_tuple()
    assert exponent == -places
    assert int("".join(map(str, digits))) * (-1 if sign else 1) == unscaled
    assert Decimal(shortest_text(unscaled, places)) == number


def test_a_quantity_has_no_trailing_zeros() -> None:
    assert shortest_text(3000 * 10**18, 18) == "3000"
    assert shortest_text(12_500_000_000_000_000_001, 18) == "12.500000000000000001"
    assert shortest_text(100, 0) == "100"


def test_plain_notation_has_no_exponent() -> None:
    assert plain_text(Decimal("1.406E+9")) == "1406000000"


def test_thresholds_may_be_on_exactly_the_numbers_of_the_city() -> None:
    assert set(MEASURES) == set(CITY_METRICS)


@pytest.mark.parametrize("metric", sorted(MEASURES))
def test_label_values_fit_the_catalogue(metric: str, snapshot: Snapshot) -> None:
    numbers = list(MEASURES[metric](snapshot, {}))
    assert numbers
    labels = [values for values, _ in numbers]
    assert {len(values) for values in labels} == {len(METRICS[metric].labels)}
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("metric", sorted(MEASURES))
def test_a_filter_gives_what_filtering_all_gives(metric: str, snapshot: Snapshot) -> None:
    names = METRICS[metric].labels
    everything = list(MEASURES[metric](snapshot, {}))
    for position, name in enumerate(names):
        for value in {labels[position] for labels, _ in everything}:
            expected = [number for number in everything if number[0][position] == value]
            assert list(MEASURES[metric](snapshot, {name: value})) == expected
    assert list(MEASURES[metric](snapshot, {names[0]: "nowhere"})) == []


def test_every_window_and_period_is_there_also_when_nothing_happened(snapshot: Snapshot) -> None:
    rolling = dict(MEASURES["citypulse_exchange_amount_rolling"](snapshot, {"currency": "BHD"}))
    assert {labels[-1]: value for labels, value in rolling.items()} == {
        "1m": 0, "5m": 0, "1h": 0, "24h": 0, "7d": 0, "30d": Decimal("0.001"),
    }  # fmt: skip


def test_only_current_figures_are_shown(snapshot: Snapshot) -> None:
    assert dict(MEASURES["citypulse_indicator_value"](snapshot, {})) == {
        ("core_industries_value_added", "110000", "CNY"): 822_670_000_000,
        ("digital_economy_share", "110000", "RATIO"): Decimal("0.443"),
    }


def test_findings_are_counted_by_rule_and_area(snapshot: Snapshot) -> None:
    assert dict(MEASURES["citypulse_indicator_inconsistencies"](snapshot, {})) == {
        ("share_identity", "110000"): 2,
        ("core_within_total", "110000"): 1,
    }
