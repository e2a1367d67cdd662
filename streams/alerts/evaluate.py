"""Thresholds judged over a snapshot's exact numbers, with Prometheus's meaning of a rule and of ``for``."""

import heapq
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from schemas.thresholds import Operator, Threshold, duration_us
from streams.aggregate.views import OTHERS, Snapshot, ThresholdState
from streams.alerts.measured import Values, labels_of, measure

HELD: Final = "1h"
"""How long a crossing is remembered while no worker is complete. After that ``CityPulseIncomplete`` has fired for long,
and nobody knows what the number was meanwhile."""

NOTED: Final = 256
"""Crossings that a note holds, those that wait for ``for`` and the oldest first: it goes with every checkpoint."""

_HELD_US: Final = duration_us(HELD)

_COMPARE: Final[dict[Operator, Callable[[Decimal, Decimal], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Crossing:
    """A series, or a sum of series, that is beyond the limit. ``breached``: for as long as the threshold asks."""

    threshold: Threshold
    labels: dict[str, str]
    value: Decimal
    since_us: int
    breached: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one complete snapshot came to. ``values`` are all that were compared: by threshold, by label values."""

    at_us: int
    thresholds: dict[str, Threshold]
    values: dict[str, dict[Values, Decimal]]
    crossings: tuple[Crossing, ...]

    def value(self, threshold: str, labels: Mapping[str, str]) -> Decimal | None:
        """The value with these labels, None if there is none."""
        names = labels_of(self.thresholds[threshold])
        return self.values[threshold].get(tuple(labels.get(name, "") for name in names))


class ThresholdEvaluator:
    """Judges thresholds; remembers since when each series has crossed its limit.

    Each matching series, or each sum of them, is compared by itself. A threshold is breached while any has crossed its
    limit for at least ``for``. An incomplete snapshot is not judged: the last states stand, so that a restart or a
    rebalance neither fires nor resolves anything. The first judgement goes on from what was last noted by the worker
    that led, so that ``for`` counts on when all workers are restarted.

    Args:
        thresholds: to judge, with names of their own.
        recall: gives the last note of whoever judged before, None when there is none.
    """

    def __init__(self, thresholds: Iterable[Threshold], recall: Callable[[], Any] = lambda: None) -> None:
        self._thresholds = {threshold.name: threshold for threshold in thresholds}
        self._recall = recall
        self._judged_us: int | None = None
        self._since: dict[str, dict[Values, int]] = {name: {} for name in self._thresholds}
        self._states = tuple(_state(threshold, None, threshold.labels) for threshold in self._thresholds.values())

    def evaluate(self, snapshot: Snapshot, now_us: int) -> tuple[ThresholdState, ...]:
        """One state a threshold, in their order.

        A breached threshold has the labels and value of the series that crossed the limit first, beside it the others
        that are breached, the worst first, at most ``OTHERS``; likewise one that waits for ``for``. Any other has those
        of the series nearest to crossing, or its own labels and no value if no series matches.

        Args:
            snapshot: the numbers.
            now_us: the time at which they are judged, microseconds; never falls.
        """
        judgement = self.judge(snapshot, now_us)
        if judgement is not None:
            self._states = tuple(self._summary(threshold, judgement) for threshold in self._thresholds.values())
        return self._states

    def judge(self, snapshot: Snapshot, now_us: int) -> Judgement | None:
        """Everything that is beyond a limit, None while the snapshot is incomplete; arguments as for ``evaluate``."""
        if not snapshot.complete:
            return None
        if self._judged_us is None:
            self._take_over(self._recall(), now_us)
        self._judged_us = now_us
        values = {name: measure(threshold, snapshot, now_us) for name, threshold in self._thresholds.items()}
        crossings = tuple(
            crossing
            for name, threshold in self._thresholds.items()
            for crossing in self._crossings(threshold, values[name], now_us)
        )
        return Judgement(now_us, self._thresholds, values, crossings)

    def note(self) -> Any:
        """When this worker last judged, and since when which series are beyond their limits: plain data, microseconds.

        A worker that has not judged yet passes on what it would go on from.
        """
        if self._judged_us is None:
            return self._recall()
        crossed = (
            (not self._thresholds[name].for_us, since_us, name, values)
            for name, series in self._since.items()
            for values, since_us in series.items()
        )
        return self._judged_us, [
            (name, values, since_us) for _, since_us, name, values in heapq.nsmallest(NOTED, crossed)
        ]

    def _take_over(self, note: Any, now_us: int) -> None:
        at_us, crossed = note or (0, ())
        if now_us - at_us <= _HELD_US:
            for name, values, since_us in crossed:
                if name in self._since:  # the file may have changed
                    self._since[name][tuple(values)] = since_us

    def _crossings(self, threshold: Threshold, values: dict[Values, Decimal], now_us: int) -> Iterator[Crossing]:
        compare, before = _COMPARE[threshold.op], self._since[threshold.name]
        since = {
            labels: before.get(labels, now_us) for labels, value in values.items() if compare(value, threshold.limit)
        }
        self._since[threshold.name] = since
        for labels in sorted(since, key=lambda labels: (since[labels], labels)):
            breached = now_us - since[labels] >= threshold.for_us
            yield Crossing(threshold, _named(threshold, labels), values[labels], since[labels], breached)

    def _summary(self, threshold: Threshold, judgement: Judgement) -> ThresholdState:
        crossings = [each for each in judgement.crossings if each.threshold.name == threshold.name]
        if crossings:
            return _beyond(threshold, crossings)
        values = judgement.values[threshold.name]
        if values:
            nearest = min(values, key=lambda labels: (_distance(threshold, values[labels]), labels))
            return _state(threshold, values[nearest], _named(threshold, nearest))
        return _state(threshold, None, threshold.labels)


def _named(threshold: Threshold, values: Values) -> dict[str, str]:
    return dict(zip(labels_of(threshold), values, strict=True))


def _distance(threshold: Threshold, value: Decimal) -> Decimal:
    """How far a value is from the limit. Only for the choice of what to show."""
    return abs(value - threshold.limit)


def _beyond(threshold: Threshold, crossings: list[Crossing]) -> ThresholdState:
    first, *later = crossings
    alike = [each for each in later if each.breached == first.breached]
    worst = heapq.nlargest(OTHERS, alike, key=lambda each: _distance(threshold, each.value))
    state = _state(threshold, first.value, first.labels, first.since_us, breached=first.breached)
    return replace(state, beyond=1 + len(alike), others=tuple((each.labels, each.value) for each in worst))


def _state(
    threshold: Threshold,
    value: Decimal | None,
    labels: dict[str, str],
    since_us: int | None = None,
    *,
    breached: bool = False,
) -> ThresholdState:
    return ThresholdState(
        threshold.name, threshold.severity, breached, dict(labels), value, threshold.limit, since_us, threshold.op,
        threshold.compare, threshold.summary, threshold.runbook_page, threshold.summary_zh,
    )  # fmt: skip
