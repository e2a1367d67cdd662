from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from schemas.thresholds import Threshold
from streams.aggregate.views import OTHERS, Assets, Series, Snapshot, ThresholdState
from streams.alerts.evaluate import NOTED, ThresholdEvaluator

MINUTE = 60_000_000


def threshold(**fields: Any) -> Threshold:
    given = {
        "name": "Volume", "metric": "citypulse_exchange_amount_rolling", "labels": {"window": "1h"}, "op": ">",
        "limit": "100.00", "severity": "warning", "summary": "Volume is high.",
    }  # fmt: skip
    return Threshold.model_validate(given | fields)


def snapshot(complete: bool = True, **volumes: int) -> Snapshot:
    """A snapshot with one CNY series an exchange, its volume of the last hour in fen."""
    series = tuple(
        Series(name, "dataset", "CNY", False, 2, 0, 0, 0, 0, {"1h": fen, "24h": fen * 24}, {})
        for name, fen in volumes.items()
    )
    assets = (Assets("rack", "110108", "110000", 7, {"kW": 10**18 + 1}),)
    return Snapshot(0, complete, (), (), series, assets, (), (), (), (), {}, {}, 0)


def judge(given: Threshold, shown: Snapshot) -> ThresholdState:
    (state,) = ThresholdEvaluator([given]).evaluate(shown, 0)
    return state


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_operators(op: str, below: bool, at: bool, above: bool) -> None:
    found = [judge(threshold(op=op), snapshot(bidex=fen)).breached for fen in (9_999, 10_000, 10_001)]
    assert found == [below, at, above]


def test_the_comparison_is_exact_where_a_float_is_not() -> None:
    limit = "100000000000000000.01"
    fen = 10_000_000_000_000_000_001
    assert float(limit) == (fen + 1) / 100
    assert not judge(threshold(limit=limit), snapshot(bidex=fen)).breached
    assert judge(threshold(limit=limit), snapshot(bidex=fen + 1)).breached
    capacity = threshold(metric="citypulse_infrastructure_capacity", labels={"unit": "kW"}, limit="1")
    assert judge(capacity, snapshot()).breached
    assert not judge(capacity.model_copy(update={"limit": Decimal("1.000000000000000001")}), snapshot()).breached


def test_a_capacity_is_said_without_zeros_that_nobody_measured() -> None:
    shown = snapshot()
    racks = replace(shown.assets[0], capacity={"kW": 22_565 * 10**18})
    capacity = threshold(metric="citypulse_infrastructure_capacity", labels={"unit": "kW"}, limit="1")
    assert str(judge(capacity, replace(shown, assets=(racks,))).value) == "22565"


def test_each_series_is_compared_by_itself() -> None:
    assert not judge(threshold(), snapshot(a=9_000, b=9_000)).breached
    state = judge(threshold(), snapshot(a=9_000, b=11_000))
    assert state.breached
    assert state.labels == {
        "exchange": "b", "product_type": "dataset", "currency": "CNY", "cross_border": "false", "window": "1h",
    }  # fmt: skip
    assert state.value == 110
    assert state.limit == 100


def test_labels_select() -> None:
    assert not judge(threshold(labels={"window": "1h", "exchange": "a"}), snapshot(a=0, b=11_000)).breached
    assert judge(threshold(labels={"window": "24h"}), snapshot(a=1_000)).breached


def test_a_state_that_is_not_breached_shows_the_nearest_series() -> None:
    state = judge(threshold(), snapshot(a=1, b=9_000, c=5))
    assert (state.labels["exchange"], state.value, state.since_us) == ("b", Decimal(90), None)


def test_a_state_carries_the_summary_in_chinese() -> None:
    assert judge(threshold(summary_zh="交易额高"), snapshot()).summary_zh == "交易额高"


def test_no_series_no_breach() -> None:
    state = judge(threshold(op="<"), snapshot())
    assert state == ThresholdState(
        "Volume",
        "warning",
        False,
        {"window": "1h"},
        None,
        Decimal(100),
        None,
        "<",
        "value",
        "Volume is high.",
        "Volume.md",
    )


def test_for_waits_and_says_since_when() -> None:
    evaluator = ThresholdEvaluator([threshold(**{"for": "5m"})])
    seen = [(state.breached, state.since_us) for minute in (1, 3, 5, 6, 9)
            for state in evaluator.evaluate(snapshot(a=11_000), minute * MINUTE)]  # fmt: skip
    since = 1 * MINUTE
    assert seen == [(False, since), (False, since), (False, since), (True, since), (True, since)]


def test_a_gap_starts_the_wait_anew() -> None:
    evaluator = ThresholdEvaluator([threshold(**{"for": "5m"})])
    evaluator.evaluate(snapshot(a=11_000), 0)
    for gap in (snapshot(a=9_000), snapshot()):
        evaluator.evaluate(gap, 4 * MINUTE)
        (state,) = evaluator.evaluate(snapshot(a=11_000), 6 * MINUTE)
        assert (state.breached, state.since_us) == (False, 6 * MINUTE)


def restarted(before: ThresholdEvaluator, *given: Threshold) -> ThresholdEvaluator:
    """A worker that finds what the one before it noted, as the state log gives it back."""
    note = msgspec.msgpack.decode(msgspec.msgpack.encode(before.note()))
    return ThresholdEvaluator(given, lambda: note)


def test_the_wait_goes_on_when_all_workers_are_restarted() -> None:
    given = threshold(**{"for": "5m"})
    first = ThresholdEvaluator([given])
    first.evaluate(snapshot(a=11_000), 0)
    second = restarted(first, given)
    second.evaluate(snapshot(complete=False), MINUTE)
    third = restarted(second, given)  # the second one was restarted before it could judge
    (state,) = third.evaluate(snapshot(a=11_000, b=11_000), 2 * MINUTE)
    assert (state.breached, state.since_us) == (False, 0)
    judgement = third.judge(snapshot(a=11_000, b=11_000), 5 * MINUTE)
    assert judgement is not None
    assert [(each.labels["exchange"], each.since_us, each.breached) for each in judgement.crossings] == [
        ("a", 0, True),
        ("b", 2 * MINUTE, False),
    ]


def test_a_breach_is_one_still_after_a_restart() -> None:
    given = threshold(**{"for": "5m"})
    first = ThresholdEvaluator([given])
    for now_us in (0, 9 * MINUTE):
        first.evaluate(snapshot(a=11_000), now_us)
    (state,) = restarted(first, given).evaluate(snapshot(a=11_000), 10 * MINUTE)
    assert (state.breached, state.since_us) == (True, 0)


def test_what_is_over_when_a_worker_comes_back_is_over() -> None:
    given = threshold(**{"for": "5m"})
    first = ThresholdEvaluator([given])
    first.evaluate(snapshot(a=11_000), 0)
    second = restarted(first, given)
    second.evaluate(snapshot(a=9_000), MINUTE)
    (state,) = second.evaluate(snapshot(a=11_000), 9 * MINUTE)
    assert (state.breached, state.since_us) == (False, 9 * MINUTE)


@pytest.mark.parametrize(("gone_us", "since_us"), [(60 * MINUTE, 0), (60 * MINUTE + 1, 69 * MINUTE + 1)])
def test_what_was_noted_an_hour_ago_is_not_known_any_more(gone_us: int, since_us: int) -> None:
    given = threshold(**{"for": "5m"})
    first = ThresholdEvaluator([given])
    for now_us in (0, 9 * MINUTE):
        first.evaluate(snapshot(a=11_000), now_us)
    (state,) = restarted(first, given).evaluate(snapshot(a=11_000), 9 * MINUTE + gone_us)
    assert state.since_us == since_us


def test_what_another_file_of_thresholds_noted_is_passed_over() -> None:
    first = ThresholdEvaluator([threshold(name="Gone"), threshold(by=["exchange", "currency"])])
    first.evaluate(snapshot(a=11_000), 0)
    (state,) = restarted(first, threshold()).evaluate(snapshot(a=11_000), MINUTE)
    assert state.since_us == MINUTE


def test_a_note_is_short_and_leaves_out_what_fires_at_once_before_what_waits() -> None:
    at_once, waits = threshold(), threshold(name="Waits", **{"for": "5m"})
    evaluator = ThresholdEvaluator([at_once, waits])
    early = {f"a{number}": 11_000 for number in range(NOTED - 2)}
    evaluator.evaluate(snapshot(True, **early), 0)
    evaluator.evaluate(snapshot(True, **early, b=11_000, c=11_000, d=11_000), MINUTE)
    at_us, crossed = evaluator.note()
    assert at_us == MINUTE
    assert [name for name, _, _ in crossed] == ["Waits"] * NOTED
    assert [since_us for _, _, since_us in crossed] == [0] * (NOTED - 2) + [MINUTE] * 2


def test_series_wait_each_for_itself() -> None:
    evaluator = ThresholdEvaluator([threshold(**{"for": "5m"})])
    evaluator.evaluate(snapshot(a=11_000, b=0), 0)
    (state,) = evaluator.evaluate(snapshot(a=0, b=11_000), 5 * MINUTE)
    assert not state.breached
    (state,) = evaluator.evaluate(snapshot(a=11_000, b=11_000), 10 * MINUTE)
    assert state.breached
    assert state.labels["exchange"] == "b"


def test_a_breach_keeps_the_series_that_crossed_first() -> None:
    evaluator = ThresholdEvaluator([threshold()])
    evaluator.evaluate(snapshot(b=11_000), 0)
    (state,) = evaluator.evaluate(snapshot(a=99_000, b=11_000), MINUTE)
    assert (state.labels["exchange"], state.since_us) == ("b", 0)


def others(state: ThresholdState) -> list[tuple[str, Decimal]]:
    return [(labels["exchange"], value) for labels, value in state.others]


def test_a_state_names_the_other_series_that_are_beyond_the_limit_the_worst_first() -> None:
    evaluator = ThresholdEvaluator([threshold()])
    evaluator.evaluate(snapshot(d=11_000), 0)
    (state,) = evaluator.evaluate(snapshot(a=12_000, b=9_000, c=99_000, d=11_000), MINUTE)
    assert (state.labels["exchange"], state.beyond) == ("d", 3)
    assert others(state) == [("c", Decimal(990)), ("a", Decimal(120))]
    low = judge(threshold(op="<"), snapshot(a=12_000, b=9_000, c=9_900, d=100))
    assert (low.labels["exchange"], low.beyond, others(low)) == ("b", 3, [("d", Decimal(1)), ("c", Decimal(99))])
    (state,) = evaluator.evaluate(snapshot(a=1), 2 * MINUTE)
    assert (state.beyond, state.others) == (0, ())


def test_a_breach_does_not_count_the_series_that_still_wait() -> None:
    evaluator = ThresholdEvaluator([threshold(**{"for": "5m"})])
    (state,) = evaluator.evaluate(snapshot(a=11_000, b=12_000), 0)
    assert (state.breached, state.beyond, others(state)) == (False, 2, [("b", Decimal(120))])
    (state,) = evaluator.evaluate(snapshot(a=11_000, b=12_000, c=99_000), 5 * MINUTE)
    assert (state.breached, state.beyond, others(state)) == (True, 2, [("b", Decimal(120))])


def test_so_many_other_series_are_named_and_all_are_counted() -> None:
    volumes = {f"x{number:02}": 11_000 + number for number in range(OTHERS + 5)}
    state = judge(threshold(), snapshot(complete=True, **volumes))
    assert state.beyond == OTHERS + 5
    assert [name for name, _ in others(state)] == [f"x{number:02}" for number in range(OTHERS + 4, 4, -1)]


@pytest.mark.parametrize("partial", [{}, {"a": 0}, {"a": 99_000, "b": 99_000}])
def test_an_incomplete_snapshot_neither_fires_nor_resolves(partial: dict[str, int]) -> None:
    evaluator = ThresholdEvaluator([threshold(), threshold(name="Low", op="<")])
    fresh = evaluator.evaluate(snapshot(complete=False, **partial), 0)
    assert [(state.breached, state.value) for state in fresh] == [(False, None), (False, None)]
    before = evaluator.evaluate(snapshot(a=11_000), MINUTE)
    assert [state.breached for state in before] == [True, False]
    assert evaluator.evaluate(snapshot(complete=False, **partial), 2 * MINUTE) == before
    (state, _) = evaluator.evaluate(snapshot(a=11_000), 3 * MINUTE)
    assert (state.breached, state.since_us) == (True, MINUTE)


def test_states_come_in_the_order_of_the_file() -> None:
    names = ["C", "A", "B"]
    states = ThresholdEvaluator([threshold(name=name) for name in names]).evaluate(snapshot(a=1), 0)
    assert [state.threshold for state in states] == names
