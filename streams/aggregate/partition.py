"""One source partition at its owner: decoded records to outcomes, deltas and event hashes."""

from collections.abc import Iterator, Sequence
from itertools import compress
from operator import not_
from typing import Any, Literal, NamedTuple, Protocol

from schemas.events import Event, Rejection
from streams.aggregate.dedupe import Dedupe, hash_ids
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.windows import HOUR, late_before

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

    def add(self, decoded: Sequence[Event | Rejection], now_us: int) -> None:
        """Takes the next records in.

        Args:
            decoded: in the order of their offsets.
            now_us: the wall clock.
        """
        if self._clock == "wall":
            self._clock_us = max(self._clock_us, now_us)
        events: list[Event] = []
        for record in decoded:
            if type(record) is Rejection:
                self._outcomes[3] += 1
                self._reasons[record.reason] = self._reasons.get(record.reason, 0) + 1
            else:
                events.append(record)  # type: ignore[arg-type]
        if not events:
            return
        ids = hash_ids((event.source, event.id) for event in events)
        duplicates = self._dedupe.add(ids)
        self._ids.append(ids)
        if isinstance(self._pending, TransactionsPending):
            self._add_transactions(events, duplicates, self._pending)
        else:
            self._add_others(events, duplicates, self._pending)

    def _add_transactions(self, events: list[Any], duplicates: list[bool], pending: TransactionsPending) -> None:
        """Under the event clock every event moves the clock that it is judged by, duplicates too."""
        duplicate = sum(duplicates)
        if self._clock == "wall":
            self._move_watermark(events)
            fresh = compress(events, map(not_, duplicates)) if duplicate else events
            late = pending.add(fresh, late_before(self._clock_us))
        else:
            late = 0
            for floor, run in self._runs(events, duplicates):
                late += pending.add(run, floor)
        self._count(len(events) - late - duplicate, late, duplicate)

    def _runs(self, events: list[Any], duplicates: list[bool]) -> Iterator[tuple[int, list[Any]]]:
        """Fresh events in their order, in runs that are judged alike: the clock has to pass an hour for a new floor."""
        if self._watermark is None:
            watermark = floor = passes = _NEVER
        else:
            watermark = self._watermark
            floor, passes = late_before(watermark), watermark // HOUR * HOUR + HOUR
        run: list[Any] = []
        for event, seen in zip(events, duplicates, strict=True):
            time_us = event.time_us
            if time_us > watermark:
                watermark = time_us
                if time_us >= passes:
                    yield floor, run
                    run = []
                    floor, passes = late_before(time_us), time_us // HOUR * HOUR + HOUR
            if not seen:
                run.append(event)
        self._watermark = self._clock_us = watermark
        yield floor, run

    def _move_watermark(self, events: list[Any]) -> None:
        highest = max([event.time_us for event in events])
        self._watermark = highest if self._watermark is None else max(self._watermark, highest)

    def _add_others(self, events: list[Event], duplicates: list[bool], pending: Pending) -> None:
        self._move_watermark(events)
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
