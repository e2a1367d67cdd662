from math import inf

import pytest

from streams.exposition.pipeline import VISIBLE_BUCKETS, Histogram, PipelineMetrics


def test_a_weight_counts_as_that_many_observations() -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(1.5, 1000)
    histogram.observe(0.5)
    assert histogram.cumulative() == [(1.0, 1), (2.0, 1001), (inf, 1001)]
    assert histogram.sum == 1500.5


@pytest.mark.parametrize(("value", "counts"), [(1.0, [1, 1, 1]), (1.0000001, [0, 1, 1]), (2.5, [0, 0, 1])])
def test_an_upper_bound_belongs_to_its_bucket(value: float, counts: list[int]) -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(value)
    assert [count for _, count in histogram.cumulative()] == counts


def test_the_visibility_targets_are_bounds() -> None:
    assert {0.15, 0.4} <= set(VISIBLE_BUCKETS)
    assert list(VISIBLE_BUCKETS) == sorted(set(VISIBLE_BUCKETS))


def test_topics_are_kept_apart_and_there_from_the_start() -> None:
    metrics = PipelineMetrics(("a", "b"))
    metrics.event_visible("a", 0.01, 7)
    assert metrics.visible["a"].cumulative()[-1][1] == 7
    assert metrics.visible["b"].cumulative()[-1][1] == 0


def test_a_producer_clock_ahead_of_ours_counts_as_no_wait() -> None:
    metrics = PipelineMetrics(("a",))
    metrics.event_visible("a", -3.0, 2)
    assert metrics.visible["a"].sum == 0.0
    assert metrics.visible["a"].cumulative()[0][1] == 2


@pytest.mark.parametrize("seconds", [1_700_000_000.0, 31 * 86_400.0, -301.0, -5_500_000_000.0])
def test_a_time_that_no_clock_can_have_told_says_nothing_of_the_wait(seconds: float) -> None:
    metrics = PipelineMetrics(("a",))
    metrics.event_visible("a", seconds, 2)
    metrics.event_visible("a", 0.01, 1)
    assert metrics.visible["a"].sum == 0.01
    assert metrics.visible["a"].cumulative()[-1][1] == 1


def test_rebalances_and_recoveries_are_counted() -> None:
    metrics = PipelineMetrics(())
    metrics.rebalanced()
    metrics.rebalanced()
    metrics.recovered(3.0)
    assert metrics.rebalances == 2
    assert metrics.recoveries.sum == 3.0
