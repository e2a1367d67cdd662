"""Slices from fetches, with batches as Kafka writes them, and the versions whose inside we rely on."""

import gc
import tracemalloc
import weakref
from importlib.metadata import version
from typing import Any

import aiokafka.codec
import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records
from aiokafka.record._crc32c import crc
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition

from schemas.topics import TRANSACTIONS
from streams.decode import Decoder
from streams.transport import slices
from streams.transport.slices import RecordSlice, drain
from streams.transport.unpacking import UNPACKED_MAX, UNREAD

TP = TopicPartition("topic", 3)
ABORT = b"\x00\x00\x00\x00"
COMMIT = b"\x00\x00\x00\x01"


def test_the_versions_whose_inside_is_relied_on_are_the_pinned_ones() -> None:
    assert version("aiokafka") == "0.14.0"
    assert version("faust-streaming") == "0.15.3"
    assert version("mode-streaming") == "0.7.1"


def batch(
    base: int,
    values: list[bytes],
    *,
    offsets: list[int] | None = None,
    producer_id: int = -1,
    transactional: bool = False,
    control: bytes | None = None,
    compression: int = 0,
    header: bytes = b"h",
    size: int = 1 << 20,
) -> bytes:
    """A record batch of magic 2 that begins at an offset."""
    builder = _DefaultRecordBatchBuilderPy(  # it takes a header name as it comes
        magic=2,
        compression_type=compression,
        is_transactional=transactional,
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=0,
        batch_size=size,
    )
    keys = [control] if control is not None else [b"k"] * len(values)
    for number, (key, value) in enumerate(zip(keys, values, strict=True)):
        offset = offsets[number] - base if offsets else number
        builder.append(
            offset,
            timestamp=1_700_000_000_000 + number,
            key=key,
            value=value,
            headers=[(_Name(header.decode("latin-1")), b"1")],
        )
    raw = bytearray(builder.build())
    raw[0:8] = base.to_bytes(8, "big")
    if control is not None:  # the builder has no control batches: set their flag and sign anew
        raw[22] |= 0x20
        raw[17:21] = crc(bytes(raw[21:])).to_bytes(4, "big")
    return bytes(raw)


class _Name(str):
    """A header name of any bytes, which are written as they are."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")


class State:
    """What a fetch knows of its partition."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.paused = False
        self.highwater = 1_000

    def consumed_to(self, position: int) -> None:
        self.position = position


class Assignment:
    """An assignment of one partition."""

    active = True

    def __init__(self, position: int) -> None:
        self.state = State(position)

    def state_value(self, _: object) -> State:
        return self.state


def fetch(*batches: bytes, position: int = 0, aborted: list[tuple[int, int]] | None = None) -> FetchResult:
    records = fetcher.MemoryRecords(b"".join(batches))
    part = PartitionRecords(TP, records, aborted, position, None, None, True, READ_COMMITTED)
    return FetchResult(TP, assignment=Assignment(position), partition_records=part, backoff=0)


def take(result: FetchResult, limit: int = 1_000) -> RecordSlice:
    part = drain(TP, result, limit, check_crcs=True)
    assert part is not None
    return part


def offsets(part: RecordSlice) -> list[int]:
    return [record.offset for record in part.records]


def test_a_slice_is_what_follows() -> None:
    part = take(fetch(batch(5, [b"a", b"b"]), batch(7, [b"c"]), position=5))
    assert (part.topic, part.partition, part.start, part.next_offset, part.end_offset) == ("topic", 3, 5, 8, 1_000)
    assert [record.value for record in part.records] == [b"a", b"b", b"c"]
    assert part.appended_ms == 1_700_000_000_000
    assert list(part.records[0].headers) == [("h", b"1")]
    assert len(part.records) == 3


def test_it_begins_inside_a_batch_when_the_position_is_there() -> None:
    part = take(fetch(batch(5, [b"a", b"b", b"c"]), position=6))
    assert (part.start, offsets(part)) == (6, [6, 7])


def test_offsets_that_compaction_removed_are_no_hole() -> None:
    part = take(fetch(batch(5, [b"a", b"b"], offsets=[5, 9]), position=5))
    assert (part.start, offsets(part), part.next_offset) == (5, [5, 9], 10)


def test_it_ends_with_the_batch_that_fills_it_and_the_next_one_goes_on() -> None:
    result = fetch(batch(0, [b"a", b"b"]), batch(2, [b"c", b"d"]), batch(4, [b"e"]))
    first, second = take(result, limit=3), take(result)
    assert (offsets(first), offsets(second)) == ([0, 1, 2, 3], [4])
    assert second.start == first.next_offset
    assert drain(TP, result, 10, check_crcs=True) is None


def test_control_batches_only_move_the_offset() -> None:
    part = take(fetch(batch(4, [b""], control=COMMIT, producer_id=7, transactional=True), position=4))
    assert (part.start, part.next_offset, part.records) == (4, 5, [])


def test_records_of_aborted_transactions_are_left_out() -> None:
    part = take(
        fetch(
            batch(0, [b"kept"]),
            batch(1, [b"aborted"], producer_id=7, transactional=True),
            batch(2, [b"other"], producer_id=8, transactional=True),
            batch(3, [b""], control=ABORT, producer_id=7, transactional=True),
            batch(4, [b"again"], producer_id=7, transactional=True),
            aborted=[(7, 1)],
        )
    )
    assert [record.value for record in part.records] == [b"kept", b"other", b"again"]
    assert (part.start, part.next_offset) == (0, 5)


@pytest.mark.parametrize("compression", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_every_codec(compression: int) -> None:
    part = take(fetch(batch(0, [b"a" * 500, b"b" * 500], compression=compression)))
    assert [record.value[:1] for record in part.records] == [b"a", b"b"]


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4], ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_header_names_that_are_no_utf8_block_nothing(compression: int) -> None:
    odd = batch(3, [b"a", b"b"], compression=compression, header=b"\xff\xfe")
    part = take(fetch(batch(0, [b"x", b"y", b"z"]), odd, batch(5, [b"c"])))
    assert offsets(part) == [0, 1, 2, 3, 4, 5]
    assert list(part.records[3].headers) == [("\\xff\\xfe", b"1")]
    assert (part.records[4].key, part.records[4].value, part.records[4].timestamp) == (b"k", b"b", 1_700_000_000_001)


def test_a_wrong_checksum_stops() -> None:
    raw = bytearray(batch(0, [b"amount 100"]))
    raw[-2] ^= 1
    with pytest.raises(CorruptRecordException, match="offset 0"):
        take(fetch(bytes(raw)))


def test_a_fetch_from_before_a_seek_gives_nothing() -> None:
    result = fetch(batch(0, [b"a"]))
    result._assignment.state.position = 17
    assert drain(TP, result, 10, check_crcs=True) is None


def test_a_fetch_leaves_no_cycle_behind() -> None:
    result = fetch(batch(0, [b"a"] * 10))
    part: Any = weakref.ref(result._partition_records)
    gc.disable()
    try:
        take(result)
        assert part() is None
    finally:
        gc.enable()


def test_since_gives_what_an_owner_has_not_taken_in_yet() -> None:
    part = take(fetch(batch(5, [b"a", b"b", b"c"]), position=5))
    assert [record.value for record in part.since(5)] == [b"a", b"b", b"c"]
    assert [record.value for record in part.since(7)] == [b"c"]


def test_records_come_in_chunks_across_batches_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "CHUNK", 3)
    raw = [
        batch(0, [b"a", b"b"]),
        batch(2, [b"c"], header=b"\xff"),
        batch(3, [b"d", b"e"], compression=1),
        batch(5, [b"f"]),
    ]
    part = take(fetch(*raw, position=1))
    assert [[record.offset for record in chunk] for chunk in part.chunks_since(1)] == [[1, 2, 3], [4, 5]]
    assert offsets(part) == [1, 2, 3, 4, 5]
    assert [[record.offset for record in chunk] for chunk in part.chunks_since(2)] == [[2, 3, 4, 5]]
    again = take(fetch(*raw))
    assert [[record.offset for record in chunk] for chunk in again.chunks_since(4)] == [[4, 5]]


def test_a_very_large_batch_begins_a_slice_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_RECORDS", 4)
    result = fetch(batch(0, [b"a"] * 2), batch(2, [b"b"] * 9), batch(11, [b"c"] * 2))
    assert [offsets(take(result, limit=4)) for _ in range(4)] == [[0, 1], [2, 3, 4, 5], [6, 7, 8, 9], [10, 11, 12]]
    assert drain(TP, result, 4, check_crcs=True) is None


def test_a_batch_of_very_many_records_fills_several_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_RECORDS", 4)
    result = fetch(batch(0, [b"a"] * 10, compression=1), batch(10, [b"b"]), position=3)
    parts = [take(result, limit=4) for _ in range(2)]
    assert [len(part.records) for part in parts] == [4, 4]
    assert [offset for part in parts for offset in offsets(part)] == list(range(3, 11))
    assert [part.start for part in parts[1:]] == [part.next_offset for part in parts[:-1]]
    assert drain(TP, result, 4, check_crcs=True) is None


BOMB = [b"\x00" * (1 << 20)] * 40


@pytest.mark.parametrize("compression", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_a_batch_that_unpacks_beyond_the_bound_is_not_read(compression: int) -> None:
    """Each of its records is there all the same, as one that is too large."""
    raw = batch(5, BOMB, compression=compression, size=1 << 26)
    assert len(raw) < UNPACKED_MAX // 10
    tracemalloc.start()
    part = take(fetch(batch(0, [b"a"] * 5), raw, batch(45, [b"b"])))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert offsets(part) == list(range(46))
    assert [record.value for record in part.records[5:45]] == [UNREAD] * 40
    assert all(record.value is UNREAD for record in part.records[5:45])
    assert Decoder(TRANSACTIONS)(part.records[5].value, part.records[5].headers, 0).reason == "too_large"
    assert peak < UNPACKED_MAX + (8 << 20)


@pytest.mark.parametrize("compression", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_a_batch_that_cannot_be_unpacked_blocks_nothing(compression: int) -> None:
    raw = bytearray(batch(5, [b"some text of a certain length"] * 9, compression=compression))
    raw[61:] = b"\xff" * len(raw[61:])
    raw[17:21] = crc(bytes(raw[21:])).to_bytes(4, "big")
    part = take(fetch(bytes(raw), batch(14, [b"b"]), position=5))
    assert offsets(part) == list(range(5, 15))
    assert part.records[0].value is UNREAD


def test_every_size_up_to_the_bound_unpacks_to_what_it_was() -> None:
    for size in (1, 1_000, 100_000, UNPACKED_MAX):
        value = b"\x00" * size
        for codec in ("gzip", "lz4", "zstd", "snappy"):
            packed = getattr(aiokafka.codec, f"{codec}_encode")(value)
            assert getattr(default_records, f"{codec}_decode")(packed) == value
