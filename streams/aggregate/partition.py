"""One source partition at its owner: decoded records to outcomes, deltas and event hashes."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from schemas.batch import Batch, Transactions
from schemas.events import Event, Rejection
from streams.aggregate.dedupe import Dedupe, hash_ids
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.windows import late_before

Clock = Literal["wall", "event"]

_NEVER = -(1 << 62)


class Pending(Protocol):
    """What a family has aggregated since the last checkpoint."""

    def add(self, event: Any) -> None:
        """Takes in one event."""

    def take(self) -> Any:
        """The msgpack-able delta since the last call, None when there is nothing."""


class Taken(NamedTuple):
    """What one checkpoint adds, and where the partition stands after it."""

    delta: Any
    first_id: int
    ids: bytes
    watermark_us: int | None
    clock_us: int
    outcomes: list[int]
    reasons: dict[str, int]


class PartitionAggregate:
    """Aggregates one partition.

    Args:
        pending: of the partition's family.
        dedupe: the partition's last events.
        clock: what lateness is judged by.
        watermark_us: the highest event time so far.
        clock_us: where the partition's clock stands.
        outcomes: records applied, late, duplicate and rejected so far.
        reasons: rejections by reason so far.
    """

    def __init__(
        self,
        pending: Pending | TransactionsPending,
        dedupe: Dedupe,
        clock: Clock,
        *,
        watermark_us: int | None = None,
        clock_us: int = 0,
        outcomes: Sequence[int] = (0, 0, 0, 0),
        reasons: dict[str, int] | None = None,
    ) -> None:
        self._pending = pending
        self._dedupe = dedupe
        self._clock = clock
        self._watermark = watermark_us
        self._clock_us = clock_us
        self._outcomes = list(outcomes)
        self._reasons = dict(reasons or {})
        self._first_id = dedupe.count
        self._ids: list[bytes] = []

    @property
    def dedupe(self) -> Dedupe:
        """The partition's last events."""
        return self._dedupe

    def add(self, decoded: Batch | Sequence[Event | Rejection], now_us: int) -> None:
        """Takes the next records in.

        Args:
            decoded: in the order of their offsets.
            now_us: the wall clock.
        """
        if self._clock == "wall":
            self._clock_us = max(self._clock_us, now_us)
        batch = decoded if isinstance(decoded, Batch) else Batch.of(decoded)
        for _, rejection in batch.refused:
            self._outcomes[3] += 1
            self._reasons[rejection.reason] = self._reasons.get(rejection.reason, 0) + 1
        if not batch.events:
            return
        if isinstance(self._pending, TransactionsPending):
            self._add_transactions(batch.transactions, self._pending)
        else:
            assert not isinstance(batch.events, Transactions), "only transactions come as columns"
            self._add_others(batch.events, self._pending)

    def _duplicates(self, ids: Iterable[tuple[str, str]]) -> list[bool]:
        """Which of the next events, by source and id, are duplicates."""
        hashes = hash_ids(ids)
        self._ids.append(hashes)
        return self._dedupe.add(hashes)

    def _add_transactions(self, events: Transactions, pending: TransactionsPending) -> None:
        """Under the event clock every event moves the clock that it is judged by, duplicates too."""
        duplicates = np.array(self._duplicates(zip(events.sources, events.ids, strict=True)), np.bool_)
        if self._clock == "wall":
            late = events.effective_us < late_before(self._clock_us)
            self._move_watermark(int(events.time_us.max()))
        else:
            so_far = _NEVER if self._watermark is None else self._watermark
            clocks = np.maximum.accumulate(np.maximum(events.time_us, so_far))
            late = events.effective_us < late_before(clocks)
            self._watermark = self._clock_us = int(clocks[-1])
        duplicate = int(np.count_nonzero(duplicates))
        if duplicate:
            fresh = np.flatnonzero(~duplicates)
            events, late = events.select(fresh), late[fresh]
        pending.add(events, late)
        late_ones = int(np.count_nonzero(late))
        self._count(len(events) - late_ones, late_ones, duplicate)

    def _move_watermark(self, highest_us: int) -> None:
        self._watermark = highest_us if self._watermark is None else max(self._watermark, highest_us)

    def _add_others(self, events: Sequence[Event], pending: Pending) -> None:
        duplicates = self._duplicates((event.source, event.id) for event in events)
        self._move_watermark(max([event.time_us for event in events]))
        for event, seen in zip(events, duplicates, strict=True):
            if not seen:
                pending.add(event)
        duplicate = sum(duplicates)
        self._count(len(events) - duplicate, 0, duplicate)

    def _count(self, applied: int, late: int, duplicate: int) -> None:
        self._outcomes[0] += applied
        self._outcomes[1] += late
        self._outcomes[2] += duplicate

    def take(self, now_us: int) -> Taken:
        """What was added since the last call."""
        if self._clock == "wall":
            self._clock_us = max(self._clock_us, now_us)
        ids = b"".join(self._ids)
        first = self._first_id
        self._ids = []
        self._first_id = self._dedupe.count
        return Taken(
            self._pending.take(), first, ids, self._watermark, self._clock_us, list(self._outcomes), dict(self._reasons)
        )
