"""The comparison names what differs, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.compare import differences
from tests.reference.reference import (
    ReferenceTotals,
    compute,
    indicators_answer,
    infrastructure_answer,
    totals_answer,
)
from tests.unit.reference.builders import asset, executed, figure, micros, survey

WALL = micros("2024-07-01T00:00:00+00:00")
Answers = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


@pytest.fixture
def reference() -> ReferenceTotals:
    records = [
        executed("a", "2024-06-30T12:00:00Z"),
        executed("b", "2024-06-30T12:00:00Z", currency="JPY", amount="5"),
        asset("commissioned", "c", "2024-06-30T12:00:00Z", capacity="5", unit="kW"),
        survey("d", "2024-06-30T12:00:00Z", count=5),
        figure("gdp", "2023", "43760.7", "2024-01-20"),
    ]
    return compute(records, wall_us=micros("2024-07-01T00:00:00+00:00"))


def answers(reference: ReferenceTotals) -> Answers:
    answered = (totals_answer(reference), infrastructure_answer(reference), indicators_answer(reference))
    totals, infrastructure, indicators = json.loads(json.dumps(answered))
    return totals, infrastructure, indicators


def test_equal_answers_do_not_differ(reference: ReferenceTotals) -> None:
    totals, infrastructure, indicators = answers(reference)
    totals["events"]["citypulse.transactions.v1"]["late"] = 0
    infrastructure["assets"][0]["capacity"]["kW"] = "5.0"
    assert differences(reference, totals, infrastructure, indicators) == []


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda t, i, d: t.update(clock="?"), "clock"),
        (lambda t, i, d: t["series"].pop(), "series bidex/api/JPY/False: missing"),
        (
            lambda t, i, d: t["series"].append({**t["series"][0], "exchange": "x"}),
            "series x/api/CNY/False: not expected",
        ),
        (lambda t, i, d: t["series"].append(t["series"][0]), "again: not expected"),
        (lambda t, i, d: t["series"][0].update(gross="10.0"), "CNY/False gross: expected '10.00', got '10.0'"),
        (lambda t, i, d: t["series"][0]["rolling"].pop("7d"), "rolling 7d: expected '10.00', got 'nothing'"),
        (lambda t, i, d: t["series"][0]["to_date"].update(week="1"), "to_date week"),
        (lambda t, i, d: t["series"][0].update(executed=True), "executed"),
        (
            lambda t, i, d: t["events"]["citypulse.transactions.v1"].update(applied=3),
            "citypulse.transactions.v1 applied",
        ),
        (lambda t, i, d: t["dead_letters"].update(x={"not_json": 1}), "dead_letters x not_json: expected 0, got 1"),
        (lambda t, i, d: i["assets"][0].update(count=0), "assets rack/110108/110000 count"),
        (lambda t, i, d: i["assets"][0]["capacity"].update(kW="5.1"), "capacity kW"),
        (lambda t, i, d: i["reported"][0].update(count=6), "reported base_station_5g/110000 count"),
        (lambda t, i, d: d["current"].clear(), "current gdp/110000/2023/2024-01-20: missing"),
        (lambda t, i, d: d["figures"][0].update(inconsistent=True), "inconsistent: expected False, got True"),
    ],
)
def test_each_difference_is_named(reference: ReferenceTotals, spoil: Callable[..., object], named: str) -> None:
    spoiled = answers(reference)
    spoil(*spoiled)
    (line,) = differences(reference, *spoiled)
    assert named in line


def test_what_is_late_now_may_have_been_applied_when_it_came_but_not_the_other_way_round() -> None:
    counted = compute([executed("a", "2024-05-01T12:00:00Z")], wall_us=WALL, now_us=WALL)
    totals, infrastructure, indicators = answers(counted)
    outcomes = totals["events"]["citypulse.transactions.v1"]
    outcomes.update(applied=1, late=0)
    assert differences(counted, totals, infrastructure, indicators, judged_earlier=True) == []
    assert len(differences(counted, totals, infrastructure, indicators)) == 2
    outcomes.update(applied=2)
    assert differences(counted, totals, infrastructure, indicators, judged_earlier=True) == [
        "events citypulse.transactions.v1 applied: expected 1, got 2"
    ]
    outcomes.update(applied=0, late=2)
    assert len(differences(counted, totals, infrastructure, indicators, judged_earlier=True)) == 1


def test_folded_transactions_are_compared(reference: ReferenceTotals) -> None:
    totals, infrastructure, indicators = answers(reference)
    totals["folded"] = 3
    assert differences(reference, totals, infrastructure, indicators) == ["folded: expected 0, got 3"]
