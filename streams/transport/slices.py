"""Consecutive records of one partition, taken from a fetch without an object for each.

This reaches into aiokafka's fetcher, whose version is pinned; ``tests/unit/transport`` fails on one that differs.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, dropwhile, islice
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException

from streams.transport import batches, odd_headers, unpacking

batches.install()
unpacking.install()

MAX_RECORDS = 4096
"""Records after which a slice ends; a Kafka batch of no more is never split."""

CHUNK = 128
"""Records that are read out of a batch at once: few enough that the processor still has them at hand when they are
decoded. A whole slice at once takes a third more time."""


class RecordSlice:
    """What follows in a partition.

    ``start`` is where it begins and ``next_offset`` what follows it: every record between that exists is in
    ``records``. Offsets may be missing in between: control batches, aborted transactions, compaction.

    Args:
        topic: of the partition.
        partition: of the topic.
        start: offset.
        next_offset: the same.
        end_offset: of the partition, as the fetch told it.
        chunks: the records, some at a time, read when they are asked for.
        appended_ms: when Kafka had the last of them.
    """

    __slots__ = ("_chunks", "_read", "appended_ms", "end_offset", "next_offset", "partition", "start", "topic")

    def __init__(
        self,
        topic: str,
        partition: int,
        start: int,
        next_offset: int,
        end_offset: int,
        chunks: Iterable[list[Any]],
        appended_ms: int,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.start = start
        self.next_offset = next_offset
        self.end_offset = end_offset
        self.appended_ms = appended_ms
        self._chunks = iter(chunks)
        self._read: list[Any] = []

    def __len__(self) -> int:
        return len(self.records)

    @property
    def records(self) -> Sequence[Any]:
        """All of them."""
        for chunk in self._chunks:
            self._read += chunk
        return self._read

    def since(self, offset: int) -> Sequence[Any]:
        """The records from an offset on."""
        if offset <= self.start:
            return self.records
        return [record for record in self.records if record.offset >= offset]

    def chunks_since(self, offset: int) -> Iterator[Sequence[Any]]:
        """The records from an offset on, some at a time; those that were not read yet are read then."""
        if self._read or offset > self.start:
            yield self.since(offset)
        for chunk in self._chunks:
            self._read += chunk
            yield chunk


def _chunks(unread: Iterable["OpenBatch"]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for batch in unread:
        while taken := batch.take(CHUNK - len(chunk)):
            chunk += taken
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


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
    unread: list[OpenBatch] = []
    appended_ms = count = 0
    opened = part._records_iterator  # aiokafka's own until there is ours
    while count < limit:
        if not isinstance(opened, OpenBatch):
            if not part._records.has_next():
                break
            batch, raw = part._records.next_batch(), part._records.last
            if check_crcs and not batches.is_intact(raw):
                raise CorruptRecordException(f"wrong checksum in {tp} at offset {part.next_fetch_offset}")
            if _hidden(part, batch):
                part.next_fetch_offset = batch.next_offset
                continue
            opened = OpenBatch(batch, raw, part.next_fetch_offset)
        appended_ms = opened.appended_ms
        if opened.most <= MAX_RECORDS:
            unread.append(opened)
            count += opened.most
        elif unread:
            break  # it begins a slice of its own
        else:
            taken = opened.take(MAX_RECORDS)
            records += taken
            count += len(taken)
            part.next_fetch_offset = opened.next
            if len(taken) == MAX_RECORDS:
                continue
        part.next_fetch_offset = opened.end
        opened = None
    part._records_iterator = opened
    result._update_position()
    next_offset = part.next_fetch_offset
    end_offset = result._assignment.state_value(tp).highwater or 0
    if not part._records.has_next() and not isinstance(opened, OpenBatch):
        # Both: aiokafka keeps a reference cycle per fetch otherwise, some 200 bytes an event.
        result._partition_records = part._records_iterator = None
    if next_offset == start:
        return None
    chunks = chain([records], _chunks(unread)) if records else _chunks(unread)
    return RecordSlice(tp.topic, tp.partition, start, next_offset, end_offset, chunks, appended_ms)


class OpenBatch:
    """A batch whose records are taken out by and by; one with very many fills several slices.

    Args:
        batch: as aiokafka has it. If it is compressed it is unpacked now.
        raw: its bytes.
        first: the offset of the first record wanted.
    """

    __slots__ = ("_raw", "_records", "appended_ms", "end", "most", "next")

    def __init__(self, batch: Any, raw: memoryview, first: int) -> None:
        self.appended_ms = batch.max_timestamp
        self.end = batch.next_offset
        self.most = batch.next_offset - batch.base_offset  # compaction may have left fewer
        self.next = first
        self._raw = raw
        try:
            self._records = self._from_next(batch)
        except unpacking.UnreadableBatch:
            self._records = self._from_next(unpacking.unread(batch))

    def _from_next(self, records: Iterable[Any]) -> Iterator[Any]:
        """One iterator for good: a batch does not begin anew, nor go on, when it is asked for another."""
        first = self.next
        return dropwhile(lambda record: record.offset < first, records)

    def take(self, count: int) -> list[Any]:
        """The next so many records, fewer only where they end."""
        try:
            taken = list(islice(self._records, count))
        except UnicodeDecodeError:
            self._records = self._from_next(odd_headers.read_batch(self._raw))
            taken = list(islice(self._records, count))
        if taken:
            self.next = taken[-1].offset + 1
        if len(taken) < count:
            self._records = iter(())  # aiokafka's would read beyond the batch when it is asked once more
        return taken


def _hidden(part: Any, batch: Any) -> bool:
    """Whether a batch is Kafka's own, or of an aborted transaction; as aiokafka's iterator decides it."""
    if part._isolation_level == READ_COMMITTED and batch.producer_id is not None:
        part._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and part._contains_abort_marker(batch):
            part._aborted_producers.discard(batch.producer_id)
        if batch.is_transactional and batch.producer_id in part._aborted_producers:
            return True
    return bool(batch.is_control_batch)
