"""PromQL over many workers.

Each worker answers for the whole city, so a number of the board is read as the greatest among the workers that say
they are complete, and never as a sum over workers. What a worker measures of itself is summed. The same query is
right for one worker and for many, and while one of them restarts.

``$name`` is a variable of the dashboard; ``$__rate_interval`` is Grafana's.
"""

from dataclasses import dataclass
from typing import Final, Literal

Shape = Literal["range", "instant", "table"]

JOB: Final = 'job=~"$job"'
WORKER: Final = f'{JOB}, instance=~"$instance"'

_ONE_WORKER = "without (instance, pod, job)"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query. ``legend`` names its series; ``shape``: over time, now, or now as rows of a table."""

    expr: str
    legend: str = "__auto"
    shape: Shape = "range"


def select(metric: str, *matchers: str, worker: bool = False) -> str:
    """A selector of the chosen jobs, or with ``worker`` of the chosen workers."""
    return f"{metric}{{{', '.join((WORKER if worker else JOB, *matchers))}}}"


COMPLETE: Final = select("citypulse_complete")


def whole(metric: str, *matchers: str) -> str:
    """A gauge of the board: one series each, from the workers that are complete now."""
    return f"max {_ONE_WORKER} ({select(metric, *matchers)} and on (job, instance) ({COMPLETE} == 1))"


def any_worker(metric: str, *matchers: str) -> str:
    """A gauge of the board, also while nobody is complete."""
    return f"max {_ONE_WORKER} ({select(metric, *matchers)})"


def whole_rate(metric: str, *matchers: str) -> str:
    """Steps a second of a counter of the board.

    A restarted worker's counters climb back to where they were; that is no traffic. So only the workers count that
    were complete all through the interval.
    """
    steady = f"min_over_time({COMPLETE}[$__rate_interval]) == 1"
    rate = f"rate({select(metric, *matchers)}[$__rate_interval])"
    return f"max {_ONE_WORKER} ({rate} and on (job, instance) ({steady}))"


def own_rate(metric: str, *matchers: str) -> str:
    """Steps a second of what each worker counts of itself."""
    return f"rate({select(metric, *matchers, worker=True)}[$__rate_interval])"


def or_zero(expr: str) -> str:
    """Zero where a complete worker has no such series; nothing where no worker is complete."""
    return f"{expr} or 0 * max({COMPLETE} == 1)"


def quantile(share: float, histogram: str, labels: str = "", *matchers: str) -> str:
    """A quantile of what the chosen workers measured, over all of them."""
    grouped = f"le, {labels}" if labels else "le"
    return f"histogram_quantile({share}, sum by ({grouped}) ({own_rate(f'{histogram}_bucket', *matchers)}))"


def mean(histogram: str, labels: str, *matchers: str) -> str:
    """The mean of what the chosen workers measured."""
    total = f"sum by ({labels}) ({own_rate(f'{histogram}_sum', *matchers)})"
    return f"{total} / (sum by ({labels}) ({own_rate(f'{histogram}_count', *matchers)}) > 0)"
