"""Consecutive records of one partition, taken from a fetch without an object for each.

This reaches into aiokafka's fetcher, whose version is pinned; ``tests/unit/transport`` fails on one that differs.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException

from streams.transport import odd_headers, unpacking

odd_headers.install()
unpacking.install()

MAX_RECORDS = 4096
"""Records after which a slice ends; a Kafka batch of no more is never split."""


class RecordSlice:
    """What follows in a partition.

    ``start`` is where it begins and ``next_offset`` what follows it: every record between that exists is in
    ``records``. Offsets may be missing in between: control batches, aborted transactions, compaction.
    """

    __slots__ = ("appended_ms", "end_offset", "next_offset", "partition", "records", "start", "topic")

    def __init__(
        self,
        topic: str,
        partition: int,
        start: int,
        next_offset: int,
        end_offset: int,
        records: Sequence[Any],
        appended_ms: int,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.start = start
        self.next_offset = next_offset
        self.end_offset = end_offset
        self.records = records
        self.appended_ms = appended_ms

    def __len__(self) -> int:
        return len(self.records)

    def since(self, offset: int) -> Sequence[Any]:
        """The records from an offset on."""
        if offset <= self.start:
            return self.records
        return [record for record in self.records if record.offset >= offset]


def drain(tp: Any, result: FetchResult, limit: int, check_crcs: bool) -> RecordSlice | None:
    """Takes up to ``limit`` records, and what belongs to their last batch, out of a fetch.

    Returns:
        None when the fetch is stale or has nothing new. A slice without records when only the offset moved.

    Raises:
        CorruptRecordException: when a batch's checksum is wrong.
    """
    if not result.has_more() or not result.check_assignment(tp):
        return None
    part = result._partition_records
    start = part.next_fetch_offset
    records: list[Any] = []
    appended_ms = 0
    opened = part._records_iterator  # aiokafka's own until there is ours
    while len(records) < limit:
        if not isinstance(opened, _Opened):
            if not part._records.has_next():
                break
            batch = part._records.next_batch()
            if check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"wrong checksum in {tp} at offset {part.next_fetch_offset}")
            if _hidden(part, batch):
                part.next_fetch_offset = batch.next_offset
                continue
            opened = _Opened(batch, part._records.raw)
        taken, next_offset, done = opened.take(MAX_RECORDS)
        if opened.batch.base_offset < part.next_fetch_offset:
            taken = [record for record in taken if record.offset >= part.next_fetch_offset]
        records += taken
        appended_ms = opened.batch.max_timestamp
        part.next_fetch_offset = max(part.next_fetch_offset, next_offset)
        opened = None if done else opened
    part._records_iterator = opened
    result._update_position()
    next_offset = part.next_fetch_offset
    end_offset = result._assignment.state_value(tp).highwater or 0
    if not part._records.has_next() and not isinstance(opened, _Opened):
        # Both: aiokafka keeps a reference cycle per fetch otherwise, some 200 bytes an event.
        result._partition_records = part._records_iterator = None
    if next_offset == start:
        return None
    return RecordSlice(tp.topic, tp.partition, start, next_offset, end_offset, records, appended_ms)


class _Opened:
    """A batch that is being taken out; one with very many records fills several slices."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self.batch = batch
        self._raw = raw
        self._records: Iterator[Any] | None = None
        self._next = batch.base_offset

    def take(self, count: int) -> tuple[list[Any], int, bool]:
        """The next records, the offset behind them, and whether they were the last."""
        try:
            if self._records is None:
                self._records = chain(self.batch)  # a batch takes only one iter()
            taken = list(islice(self._records, count))
        except unpacking.UnreadableBatch:
            self._records = unpacking.unread(self.batch)
            taken = list(islice(self._records, count))
        except UnicodeDecodeError:
            odd = odd_headers.read_batch(self._raw, self.batch.base_offset)
            self._records = (record for record in odd if record.offset >= self._next)
            taken = list(islice(self._records, count))
        done = len(taken) < count
        self._next = self.batch.next_offset if done else taken[-1].offset + 1
        return taken, self._next, done


def _hidden(part: Any, batch: Any) -> bool:
    """Whether a batch is Kafka's own, or of an aborted transaction; as aiokafka's iterator decides it."""
    if part._isolation_level == READ_COMMITTED and batch.producer_id is not None:
        part._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and part._contains_abort_marker(batch):
            part._aborted_producers.discard(batch.producer_id)
        if batch.is_transactional and batch.producer_id in part._aborted_producers:
            return True
    return bool(batch.is_control_batch)
