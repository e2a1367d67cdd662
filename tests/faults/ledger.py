"""What was published, and the exact totals of any prefix of it: by partition, by offset.

The totals of a prefix are kept as running sums, so that every scrape can be judged at once. They follow the same rules
as ``tests.reference.totals``, which judges the whole again at the end.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.reference.decode import Record, Transaction, decode
from tests.reference.totals import SeriesKey, SeriesTotals, count, late_before

Place = tuple[str, int]
"""Topic and partition."""

Offsets = Mapping[Place, int]


class HarnessError(AssertionError):
    """Kafka or the harness itself did not behave; says nothing about a worker."""


@dataclass
class _Running:
    """Sums of one series in one partition, as they were after some offsets."""

    after: list[int] = field(default_factory=list)
    sums: list[tuple[Decimal, Decimal, int, int]] = field(default_factory=list)
    total: SeriesTotals = field(default_factory=SeriesTotals)

    def add(self, event: Transaction, offset: int) -> None:
        count(self.total, event)
        now = self.total
        self.after.append(offset + 1)
        self.sums.append((now.gross, now.cancelled, now.executed, now.cancelled_count))

    def at(self, offset: int) -> tuple[Decimal, Decimal, int, int] | None:
        """The sums of all records before an offset, None when there were none."""
        found = bisect_right(self.after, offset)
        return self.sums[found - 1] if found else None


@dataclass
class _Partition:
    records: list[Record] = field(default_factory=list)
    series: dict[SeriesKey, _Running] = field(default_factory=lambda: defaultdict(_Running))
    outcomes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # what became of which offsets
    reasons: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    seen: set[tuple[str, str]] = field(default_factory=set)
    highest_us: int | None = None

    def add(self, record: Record, wall_us: int) -> None:
        offset = len(self.records)
        self.records.append(record)
        event = decode(record, wall_us)
        if isinstance(event, str):
            self.reasons[event].append(offset)
            self.outcomes["rejected"].append(offset)
            return
        self.highest_us = event.time_us if self.highest_us is None else max(self.highest_us, event.time_us)
        if (event.source, event.id) in self.seen:  # runs are shorter than the horizon
            self.outcomes["duplicate"].append(offset)
            return
        self.seen.add((event.source, event.id))
        outcome = "applied"
        if isinstance(event, Transaction):
            outcome = "late" if event.effective_us < late_before(self.highest_us) else outcome
            self.series[event.series].add(event, offset)
        self.outcomes[outcome].append(offset)


class Ledger:
    """All published records.

    Args:
        wall_us: the wall clock that events must not be ahead of.
    """

    def __init__(self, wall_us: int) -> None:
        self.wall_us = wall_us
        self._partitions: dict[Place, _Partition] = defaultdict(_Partition)

    def add(self, record: Record, offset: int) -> None:
        """The next record of its partition, as acknowledged.

        Raises:
            HarnessError: when it does not stand where it should.
        """
        partition = self._partitions[record.topic, record.partition]
        # -1: the broker had it already, from an attempt whose answer was lost.
        if offset not in (len(partition.records), -1):
            raise HarnessError(f"{record.topic}/{record.partition}: offset {offset}, not {len(partition.records)}")
        partition.add(record, self.wall_us)

    def ends(self) -> dict[Place, int]:
        """What follows the last record of each partition."""
        return {place: len(partition.records) for place, partition in self._partitions.items()}

    def last(self, topic: str, partition: int, n: int) -> list[Record]:
        """The last records of a partition."""
        return self._partitions[topic, partition].records[-n:]

    def covers(self, offsets: Offsets) -> bool:
        """All records before the offsets are known."""
        return all(offset <= len(self._partitions[place].records) for place, offset in offsets.items())

    def records(self, offsets: Offsets) -> Iterator[Record]:
        """All records before the offsets, partition by partition."""
        for place, offset in offsets.items():
            yield from self._partitions[place].records[:offset]

    def differences(self, offsets: Offsets, answer: Mapping[str, Any]) -> list[str]:
        """What an answer of ``/api/v1/totals`` says otherwise than the records before its offsets."""
        wanted: dict[SeriesKey, tuple[Decimal, Decimal, int, int]] = {}
        events: Counter[tuple[str, str]] = Counter()
        letters: Counter[tuple[str, str]] = Counter()
        for place, offset in offsets.items():
            partition = self._partitions[place]
            for key, running in partition.series.items():
                here = running.at(offset)
                if here is not None:
                    a = wanted.get(key)
                    wanted[key] = (
                        here if a is None else (a[0] + here[0], a[1] + here[1], a[2] + here[2], a[3] + here[3])
                    )
            for account, counts in ((partition.outcomes, events), (partition.reasons, letters)):
                for name, at in account.items():
                    counts[place[0], name] += bisect_right(at, offset - 1)
        shown = {_key(row): _sums(row) for row in answer["series"]}
        found = [
            f"{key}: expected {wanted.get(key)}, got {shown.get(key)}"
            for key in wanted.keys() | shown.keys()
            if wanted.get(key) != shown.get(key)
        ]
        for name, counts in (("events", events), ("dead_letters", letters)):
            told = {(topic, what): n for topic, row in answer[name].items() for what, n in row.items() if n}
            if told != +counts:
                found.append(f"{name}: expected {dict(+counts)}, got {told}")
        return found


def offsets_of(answer: Mapping[str, Any]) -> dict[Place, int]:
    """The offsets that an answer of ``/api/v1/totals`` names."""
    return {(row["topic"], row["partition"]): row["next_offset"] for row in answer["partitions"]}


def _key(row: Mapping[str, Any]) -> SeriesKey:
    return row["exchange"], row["product_type"], row["currency"], row["cross_border"]


def _sums(row: Mapping[str, Any]) -> tuple[Decimal, Decimal, int, int]:
    return Decimal(row["gross"]), Decimal(row["cancelled"]), row["executed"], row["cancelled_count"]
