"""What a threshold holds against its limit: exact numbers of a snapshot, by their labels."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from typing import Final

from schemas.metrics import METRICS
from schemas.thresholds import Threshold
from streams.aggregate.exact import exact
from streams.aggregate.measures import MEASURES, Number, day_before
from streams.aggregate.views import Snapshot

Values = tuple[str, ...]
"""Label values, in the order of ``labels_of``."""

_DIGITS: Final = 100
"""Of sums and quotients. Amounts and capacities have at most 38, so a sum of any number of series is exact."""


def labels_of(threshold: Threshold) -> tuple[str, ...]:
    """The names of the labels that the alerts of a threshold carry."""
    return threshold.by or METRICS[threshold.metric].labels


def measure(threshold: Threshold, snapshot: Snapshot, now_us: int) -> dict[Values, Decimal]:
    """What is held against the limit, one number an alert that may come of it.

    Args:
        threshold: says which numbers.
        snapshot: has them.
        now_us: the time, microseconds.
    """
    numbers = _summed(threshold, MEASURES[threshold.metric](snapshot, threshold.labels))
    match threshold.compare:
        case "value":
            return numbers
        case "age":
            return {labels: exact(now_us, 6) - number for labels, number in numbers.items()}
        case "day_ratio":
            return _ratios(numbers, _summed(threshold, day_before(snapshot, threshold.labels)))


def _summed(threshold: Threshold, numbers: Iterable[Number]) -> dict[Values, Decimal]:
    if not threshold.by:
        return dict(numbers)
    positions = [METRICS[threshold.metric].labels.index(label) for label in threshold.by]
    sums: dict[Values, Decimal] = {}
    with localcontext(prec=_DIGITS):
        for labels, number in numbers:
            key = tuple(labels[position] for position in positions)
            sums[key] = sums.get(key, Decimal(0)) + number
    return sums


def _ratios(now: Mapping[Values, Decimal], before: Mapping[Values, Decimal]) -> dict[Values, Decimal]:
    """Without those that had nothing a day before: there is nothing to compare them with."""
    with localcontext(prec=_DIGITS):
        return {labels: number / before[labels] for labels, number in now.items() if before.get(labels, 0) > 0}
