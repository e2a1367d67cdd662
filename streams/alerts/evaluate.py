"""Thresholds judged over a snapshot's exact numbers, with Prometheus's meaning of a rule and of ``for``."""

import operator
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from schemas.metrics import METRICS
from schemas.thresholds import Operator, Threshold
from streams.aggregate.measures import MEASURES
from streams.aggregate.views import Snapshot, ThresholdState

_COMPARE: Final[dict[Operator, Callable[[Decimal, Decimal], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class ThresholdEvaluator:
    """Judges thresholds; remembers since when each series has crossed its limit.

    Each matching series is compared by itself. A threshold is breached while any series has crossed its limit for at
    least ``for``. An incomplete snapshot is not judged: the last states stand, so that a restart or a rebalance
    neither fires nor resolves anything.

    Args:
        thresholds: to judge, with names of their own.
    """

    def __init__(self, thresholds: Iterable[Threshold]) -> None:
        self._thresholds = tuple(thresholds)
        self._since: dict[str, dict[tuple[str, ...], int]] = {threshold.name: {} for threshold in self._thresholds}
        self._states = tuple(_state(threshold, None, threshold.labels) for threshold in self._thresholds)

    def evaluate(self, snapshot: Snapshot, now_us: int) -> tuple[ThresholdState, ...]:
        """One state a threshold, in their order.

        A breached threshold has the labels and value of the series that crossed the limit first; any other those of
        the series nearest to crossing, or its own labels and no value if no series matches.

        Args:
            snapshot: the numbers.
            now_us: the time at which they are judged, microseconds; never falls.
        """
        if snapshot.complete:
            self._states = tuple(self._judge(threshold, snapshot, now_us) for threshold in self._thresholds)
        return self._states

    def _judge(self, threshold: Threshold, snapshot: Snapshot, now_us: int) -> ThresholdState:
        values = dict(MEASURES[threshold.metric](snapshot, threshold.labels))
        compare, before = _COMPARE[threshold.op], self._since[threshold.name]
        since = {
            labels: before.get(labels, now_us) for labels, value in values.items() if compare(value, threshold.limit)
        }
        self._since[threshold.name] = since
        if since:
            first = min(since, key=lambda labels: (since[labels], labels))
            breached = now_us - since[first] >= threshold.for_us
            return _state(threshold, values[first], _named(threshold, first), since[first], breached=breached)
        if values:
            nearest = min(values, key=lambda labels: (_distance(threshold, values[labels]), labels))
            return _state(threshold, values[nearest], _named(threshold, nearest))
        return _state(threshold, None, threshold.labels)


def _named(threshold: Threshold, values: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(METRICS[threshold.metric].labels, values, strict=True))


def _distance(threshold: Threshold, value: Decimal) -> Decimal:
    """How far a value that has not crossed the limit is from it. Only for the choice of what to show."""
    return abs(value - threshold.limit)


def _state(
    threshold: Threshold,
    value: Decimal | None,
    labels: dict[str, str],
    since_us: int | None = None,
    *,
    breached: bool = False,
) -> ThresholdState:
    return ThresholdState(threshold.name, threshold.severity, breached, dict(labels), value, threshold.limit, since_us)
