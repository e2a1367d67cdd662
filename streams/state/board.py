"""The board: the merged state of all partitions, as far as the state log has been read.

Every worker keeps one, so any worker answers for the whole. It is complete when the log has just been read to its end
and every source partition has an owner whose checkpoints keep coming: what it shows then is the exact total of all
records up to the offsets that it names.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas import currencies, topics
from streams.aggregate.fold import Fold
from streams.aggregate.indicators import IndicatorFold
from streams.aggregate.infrastructure import InfrastructureFold
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.views import Partition, Snapshot
from streams.aggregate.windows import Calendar
from streams.errors import TopicLayoutError
from streams.state import records
from streams.state.stream import Stream

CAUGHT_UP_WITHIN = 3.0
"""Seconds that what is shown may be behind the state log; a fetch waits at most a quarter of one."""

OWNER_HEARD_WITHIN = 15.0
"""Seconds since a stream's last checkpoint. Idle owners write one a second; a rebalance takes some ten seconds."""

NOTING = ("transactions", 0)
"""The stream whose owner keeps a note for all workers, beside the state."""

TOPIC_OF: dict[str, str] = {topics.FAMILY[topic]: topic for topic in topics.SOURCES}


@dataclass(frozen=True, slots=True)
class StateSettings:
    """What must stay the same as long as the state exists, because it is in the numbers."""

    time_zone: str
    clock: Literal["wall", "event"]

    def __str__(self) -> str:
        return f"time zone {self.time_zone}, clock {self.clock}"


class Board:
    """The merged state.

    Args:
        settings: of the state.
        partitions: how many partitions each family's source topic has.
    """

    def __init__(self, settings: StateSettings, partitions: Mapping[str, int]) -> None:
        self.settings = settings
        self._made_with = str(settings)
        calendar = Calendar(settings.time_zone)
        self.transactions = TransactionsFold(calendar, currencies.exponent)
        self.infrastructure = InfrastructureFold()
        self.indicators = IndicatorFold()
        folds: dict[str, Fold] = {
            "transactions": self.transactions,
            "infrastructure": self.infrastructure,
            "indicators": self.indicators,
        }
        self.streams: dict[tuple[str, int], Stream] = {
            (family, partition): Stream(family, partition, folds[family])
            for family, count in partitions.items()
            for partition in range(count)
        }
        self.log_partitions = max(partitions.values())
        self._caught_up: dict[int, float] = {}
        self._clock_us = 0

    # -- reading the state log

    def read(self, key: bytes, value: bytes | None, offset: int, now: float) -> None:
        """Takes the next record of the state log; see ``Stream.read``.

        A stream that no source partition belongs to is passed over: the topic has fewer partitions than it had.
        """
        family, partition, kind, rest = records.parse_key(key)
        stream = self.streams.get((family, partition))
        if stream is not None:
            stream.read(kind, rest, key, value, now)

    def reached_end(self, log_partition: int) -> None:
        """A partition of the state log has been read to its end."""
        for stream in self.streams_of(log_partition):
            stream.reached_end()

    def read_until(self, log_partition: int, moment: float) -> None:
        """All that was in a partition of the state log at a moment, monotonic clock, has been read."""
        if all(stream.ready for stream in self.streams_of(log_partition)):
            self._caught_up[log_partition] = moment

    def restart(self, log_partition: int) -> None:
        """A partition of the state log will be read again from its start."""
        self._caught_up.pop(log_partition, None)
        for stream in self.streams_of(log_partition):
            stream.restart()

    def streams_of(self, log_partition: int) -> list[Stream]:
        """The streams whose records are in one partition of the state log."""
        return [stream for (_, partition), stream in self.streams.items() if partition == log_partition]

    def stream(self, family: str, partition: int) -> Stream:
        """The stream of a source partition.

        Raises:
            TopicLayoutError: there was no such partition when the board was made.
        """
        if (family, partition) not in self.streams:
            raise TopicLayoutError(
                f"{TOPIC_OF[family]} has more partitions than when this worker was started", "start it again"
            )
        return self.streams[family, partition]

    # -- showing

    @property
    def noted(self) -> Any:
        """What the owner of ``NOTING`` last kept for whoever comes next, None when there is nothing."""
        shown = self.streams[NOTING].shown
        return shown.noted if shown else None

    def reasons(self, now: float) -> tuple[str, ...]:
        """Why the board is not complete; empty when it is."""
        behind = [
            f"partition {partition} of the state log has not been read to its end for {CAUGHT_UP_WITHIN:.0f} s"
            for partition in range(self.log_partitions)
            if now - self._caught_up.get(partition, -1e9) > CAUGHT_UP_WITHIN
        ]
        silent = [
            f"{TOPIC_OF[family]} partition {partition} has no live owner"
            for (family, partition), stream in self.streams.items()
            if not _live(stream, now)
        ]
        # A worker that owns nothing is never asked to take a state over, so it would not notice.
        foreign = [
            f"{TOPIC_OF[family]} partition {partition} is counted with {stream.claim.settings}, not {self._made_with}"
            for (family, partition), stream in self.streams.items()
            if stream.claim is not None and stream.claim.settings != self._made_with
        ]
        return tuple(behind + silent + foreign)

    def clock_us(self, wall_us: int) -> int:
        """Where windows and periods stand; it never goes back.

        Args:
            wall_us: the wall clock, which it is unless events are the clock.
        """
        if self.settings.clock == "wall":
            now_us = wall_us
        else:
            heads = [s.head for (family, _), s in self.streams.items() if family == "transactions"]
            now_us = max((h.watermark_us for h in heads if h and h.watermark_us is not None), default=0)
        self._clock_us = max(self._clock_us, now_us)
        return self._clock_us

    def snapshot(self, wall_us: int, now: float, owned: Collection[tuple[str, int]] = ()) -> Snapshot:
        """Everything there is to show.

        Args:
            wall_us: the wall clock, microseconds.
            now: the monotonic clock, seconds.
            owned: the (topic, partition) that this worker owns.
        """
        clock_us = self.clock_us(wall_us)
        self.transactions.advance(clock_us)
        reasons = self.reasons(now)
        events, dead_letters = self.counts()
        return Snapshot(
            clock_us=clock_us,
            complete=not reasons,
            reasons=reasons,
            partitions=tuple(_partition(family, stream, wall_us, now) for (family, _), stream in self.streams.items()),
            series=self.transactions.view(),
            assets=self.infrastructure.assets(),
            reported=self.infrastructure.reported(),
            observations=self.indicators.observations(),
            inconsistencies=self.infrastructure.inconsistencies() + self.indicators.inconsistencies(),
            warnings=self.indicators.warnings(),
            events=events,
            dead_letters=dead_letters,
            folded=self.transactions.folded,
            owned=frozenset(owned),
        )

    def counts(self) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
        """Records by topic and outcome, and rejected ones by topic and reason."""
        events: dict[tuple[str, str], int] = {}
        dead_letters: dict[tuple[str, str], int] = {}
        for (family, _), stream in self.streams.items():
            topic = TOPIC_OF[family]
            if stream.shown is None:
                continue
            for outcome, count in zip(records.OUTCOMES, stream.shown.outcomes, strict=True):
                _add(events, (topic, outcome), count)
            for reason, count in stream.shown.reasons.items():
                _add(dead_letters, (topic, reason), count)
        return events, dead_letters


def _add(counts: dict[Any, int], key: Any, count: int) -> None:
    counts[key] = counts.get(key, 0) + count


def _live(stream: Stream, now: float) -> bool:
    return stream.ready and stream.heard is not None and now - stream.heard <= OWNER_HEARD_WITHIN


def _partition(family: str, stream: Stream, wall_us: int, now: float) -> Partition:
    head, heard = stream.shown, stream.heard
    return Partition(
        topic=TOPIC_OF[family],
        partition=stream.partition,
        next_offset=head.next_offset if head else 0,
        end_offset=head.end_offset if head else 0,
        watermark_us=head.watermark_us if head else None,
        owner=stream.claim.owner if stream.claim else "",
        owner_live=_live(stream, now),
        checkpoint_us=None if heard is None else wall_us - round((now - heard) * 1e6),
    )
