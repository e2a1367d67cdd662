"""Reading a partition up to an end that is named, or that a fetch tells."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from streams.errors import BrokerUnreachable
from streams.settings import Settings
from streams.transport import reading
from streams.transport.reading import RecordsGoneError, read_partition
from streams.transport.slices import RecordSlice


class FakeConsumer:
    """A partition of which each fetch gives the next piece: (next offset, high watermark); None: no answer came."""

    def __init__(self, pieces: Sequence[tuple[int, int] | None], first: int = 0) -> None:
        self._pieces = list(pieces)
        self._first = self._at = first
        self._told: int | None = None
        self.stopped = False

    def __call__(self, **options: Any) -> "FakeConsumer":
        assert options["group_id"] is None
        assert options["isolation_level"] == "read_committed"
        return self

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    def assign(self, tps: Any) -> None: ...

    def seek(self, tp: Any, offset: int) -> None:
        assert offset == self._first

    async def beginning_offsets(self, tps: Any) -> dict[Any, int]:
        return dict.fromkeys(tps, self._first)

    def highwater(self, tp: Any) -> int | None:
        return self._told

    async def fetch(self, consumer: Any, tps: Any, *_: Any) -> dict[Any, RecordSlice]:
        piece = self._pieces.pop(0) if self._pieces else None
        if piece is None:
            return {}
        start, (self._at, self._told) = self._at, piece
        (tp,) = tps
        return {tp: RecordSlice("t", 0, start, self._at, self._told, [], 0)} if self._at > start else {}


async def read(monkeypatch: pytest.MonkeyPatch, consumer: FakeConsumer, end: int | None) -> list[tuple[int, int]]:
    monkeypatch.setattr(reading, "AIOKafkaConsumer", consumer)
    monkeypatch.setattr(reading, "fetch", consumer.fetch)
    try:
        return [(part.start, part.next_offset) async for part in read_partition(Settings(), "t", 0, end)]
    finally:
        assert consumer.stopped


@pytest.mark.parametrize(
    ("pieces", "end", "given"),
    [
        ([(3, 9), (7, 9), (9, 9)], 7, [(0, 3), (3, 7)]),  # not one slice further
        ([(3, 9), (8, 9)], 7, [(0, 3), (3, 8)]),  # the reader leaves aside what is beyond
        ([None, (0, 5), (5, 5)], 5, [(0, 5)]),
        ([], 0, []),
        ([None, (0, 0)], None, []),  # an empty partition
        ([(3, 5), (5, 8), (8, 8)], None, [(0, 3), (3, 5)]),  # what is there when the first answer comes
    ],
)
async def test_it_reads_up_to_the_end(
    monkeypatch: pytest.MonkeyPatch, pieces: list[Any], end: int | None, given: list[tuple[int, int]]
) -> None:
    assert await read(monkeypatch, FakeConsumer(pieces), end) == given


async def test_what_retention_has_removed_cannot_be_recounted(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecordsGoneError, match="begins at offset 4: what was before cannot be recounted"):
        await read(monkeypatch, FakeConsumer([(9, 9)], first=4), 9)


async def test_of_dead_letters_what_is_left_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await read(monkeypatch, FakeConsumer([(9, 9)], first=4), None) == [(4, 9)]


async def test_a_topic_that_ends_before_its_counted_records_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecordsGoneError, match="ends at offset 3, but offsets up to 9 are counted"):
        await read(monkeypatch, FakeConsumer([(3, 3), (3, 3)]), 9)


async def test_a_broker_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BrokerUnreachable, match="no records of t partition 0 for"):
        await read(monkeypatch, FakeConsumer([]), 9)


async def test_what_the_broker_answers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = FakeConsumer([])

    async def fails(*_: Any) -> dict[Any, RecordSlice]:
        raise KafkaError("not allowed")

    monkeypatch.setattr(consumer, "fetch", fails)
    with pytest.raises(BrokerUnreachable, match="not allowed"):
        await read(monkeypatch, consumer, 9)
