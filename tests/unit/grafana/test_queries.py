"""The queries: only what the catalogue has, and never a sum over workers of what each of them says of the whole."""

import re
from collections.abc import Iterator

import pytest

from grafana import queries
from grafana.boards import BOARDS
from grafana.lint import content_panels, labels_of, lint_query
from grafana.promql import Query, or_zero, own_rate, select, whole, whole_rate
from grafana.variables import WINDOW
from schemas.metrics import METRICS
from schemas.thresholds import WINDOWS
from streams.exposition.pipeline import VISIBLE_BUCKETS

OWN = {
    "citypulse_event_visible_seconds",
    "citypulse_batch_duration_seconds",
    "citypulse_recovery_duration_seconds",
    "citypulse_rebalances_total",
    "citypulse_ingested_events_total",
    "citypulse_dead_letter_share",
    "citypulse_partition_owned",
    "citypulse_complete",
    "citypulse_build_info",
}
"""What a worker says of itself; all other metrics are the board's, the same on every worker."""


def _all() -> Iterator[tuple[str, Query]]:
    for name, value in vars(queries).items():
        if isinstance(value, Query):
            yield name, value
        elif isinstance(value, tuple):
            yield from ((f"{name}[{index}]", query) for index, query in enumerate(value))


QUERIES = dict(_all())


def test_queries_are_found() -> None:
    assert {"CITY_VOLUME", "VISIBLE_P99", "AMOUNTS[2]"} <= set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_query_keeps_the_rules(name: str) -> None:
    assert list(lint_query(QUERIES[name].expr, QUERIES[name].legend)) == []


@pytest.mark.parametrize("name", QUERIES)
def test_parentheses_close(name: str) -> None:
    depth = 0
    for character in re.sub(r'"[^"]*"', "", QUERIES[name].expr):
        depth += {"(": 1, ")": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0


@pytest.mark.parametrize("name", QUERIES)
def test_the_board_is_read_as_a_maximum_over_workers(name: str) -> None:
    expr = QUERIES[name].expr
    for found in re.finditer(r"(citypulse_\w+)\{", expr):
        metric = re.sub(r"_(bucket|sum|count)$", "", found[1])
        if metric not in OWN:
            before = expr[: found.start()]
            assert re.search(r"max without \(instance, pod, job\) \((rate\()?$", before), found[0]


def _shown() -> set[str]:
    return {
        target["expr"] for board in BOARDS.values() for panel in content_panels(board) for target in panel["targets"]
    }


def test_every_metric_is_on_a_dashboard() -> None:
    shown = " ".join(_shown())
    assert [name for name in METRICS if name not in shown] == []


def test_every_query_is_on_a_dashboard() -> None:
    shown = _shown()
    assert [name for name, query in QUERIES.items() if query.expr not in shown] == []


def test_a_gauge_of_the_board() -> None:
    assert whole("citypulse_partition_lag", 'topic="t"') == (
        'max without (instance, pod, job) (citypulse_partition_lag{job=~"$job", topic="t"}'
        ' and on (job, instance) (citypulse_complete{job=~"$job"} == 1))'
    )


def test_a_counter_of_the_board_needs_workers_that_were_complete_throughout() -> None:
    assert whole_rate("citypulse_events_total") == (
        'max without (instance, pod, job) (rate(citypulse_events_total{job=~"$job"}[$__rate_interval])'
        ' and on (job, instance) (min_over_time(citypulse_complete{job=~"$job"}[$__rate_interval]) == 1))'
    )


def test_what_a_worker_says_of_itself_is_that_of_the_chosen_ones() -> None:
    assert own_rate("citypulse_rebalances_total") == (
        'rate(citypulse_rebalances_total{job=~"$job", instance=~"$instance"}[$__rate_interval])'
    )


def test_zero_needs_a_complete_worker() -> None:
    assert or_zero("sum(x)") == f"sum(x) or 0 * max({select('citypulse_complete')} == 1)"


def test_the_latency_target_is_a_bound_of_the_histogram() -> None:
    assert queries.VISIBLE_TARGET_S in {repr(bound) for bound in VISIBLE_BUCKETS}


def test_labels_of_series() -> None:
    assert labels_of("citypulse_event_visible_seconds_bucket") == frozenset({"topic", "le"})
    assert labels_of("citypulse_event_visible_seconds_sum") == frozenset({"topic"})
    assert labels_of("citypulse_event_visible_seconds") is None
    assert labels_of("citypulse_complete_bucket") is None
    assert labels_of("up") == frozenset()
    assert labels_of("citypulse_nonsense") is None


def test_the_windows_are_those_of_the_contract() -> None:
    assert [option["value"] for option in WINDOW["options"]] == list(WINDOWS)


BROKEN = {
    'citypulse_nonsense{job=~"$job"}': "citypulse_nonsense is not in the catalogue",
    'sum by (exchange) (citypulse_complete{job=~"$job"})': "label exchange is on none of the query's series",
    'citypulse_complete{job=~"$job", topic="t"}': "citypulse_complete has no label topic",
    "citypulse_complete{}": "citypulse_complete is not limited to the chosen job",
    "max(citypulse_complete)": "citypulse_complete is a series without a selector or an unknown function",
    'citypulse_events_total{job=~"$job"}': "citypulse_events_total only counts up: rate or increase",
    'rate(citypulse_rebalances_total{job=~"$job"}[5m])': (
        "citypulse_rebalances_total is read over [5m], not over $__rate_interval"
    ),
    'sun(up{job=~"$job"})': "sun is a series without a selector or an unknown function",
}


@pytest.mark.parametrize("expr", BROKEN)
def test_a_broken_query_is_told(expr: str) -> None:
    assert list(lint_query(expr)) == [BROKEN[expr]]


def test_a_label_of_the_legend_must_be_there() -> None:
    assert list(lint_query('up{job=~"$job"}', "{{exchange}}")) == ["label exchange is on none of the query's series"]
