"""The platform's own numbers in a snapshot: what became of the records, and how far the partitions are."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, get_args

from schemas.events import Reason
from schemas.topics import SOURCES
from streams.aggregate.exact import exact
from streams.aggregate.measures import Number
from streams.aggregate.views import Snapshot
from streams.state.records import OUTCOMES

REASONS: Final[tuple[str, ...]] = get_args(Reason)

FOLDED_METRIC: Final = "citypulse_exchange_transactions_total"
"""Label ``metric`` of folded series: the metric whose steps are what is counted."""


def _events(snapshot: Snapshot) -> Iterator[Number]:
    for topic in SOURCES:
        for outcome in OUTCOMES:
            yield (topic, outcome), Decimal(snapshot.events.get((topic, outcome), 0))


def _dead_letters(snapshot: Snapshot) -> Iterator[Number]:
    for topic in SOURCES:
        for reason in REASONS:
            yield (topic, reason), Decimal(snapshot.dead_letters.get((topic, reason), 0))


def _complete(snapshot: Snapshot) -> Iterator[Number]:
    yield (), Decimal(snapshot.complete)


def _lag(snapshot: Snapshot) -> Iterator[Number]:
    for part in snapshot.partitions:
        yield (part.topic, str(part.partition)), Decimal(part.lag)


def _watermark(snapshot: Snapshot) -> Iterator[Number]:
    for part in snapshot.partitions:
        if part.watermark_us is not None:
            yield (part.topic, str(part.partition)), exact(part.watermark_us, 6)


def _checkpoint(snapshot: Snapshot) -> Iterator[Number]:
    for part in snapshot.partitions:
        if part.checkpoint_us is not None:
            yield (part.topic, str(part.partition)), exact(part.checkpoint_us, 6)


def _owned(snapshot: Snapshot) -> Iterator[Number]:
    for part in snapshot.partitions:
        yield (part.topic, str(part.partition)), Decimal((part.topic, part.partition) in snapshot.owned)


def _folded(snapshot: Snapshot) -> Iterator[Number]:
    yield (FOLDED_METRIC,), Decimal(snapshot.folded)


OPERATIONS: Final[dict[str, Callable[[Snapshot], Iterator[Number]]]] = {
    "citypulse_events_total": _events,
    "citypulse_dead_letters_total": _dead_letters,
    "citypulse_complete": _complete,
    "citypulse_partition_lag": _lag,
    "citypulse_partition_watermark_timestamp_seconds": _watermark,
    "citypulse_checkpoint_timestamp_seconds": _checkpoint,
    "citypulse_partition_owned": _owned,
    "citypulse_series_folded_total": _folded,
}
"""Metric of the platform -> how its numbers are read from a snapshot. Each topic, outcome and reason has a sample."""
