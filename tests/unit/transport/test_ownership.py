"""Where partitions go on: with fakes for owner, consumer and producer."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types.tuples import TP

from schemas.events import Rejection
from schemas.topics import FAMILY, TRANSACTIONS
from streams.decode import Decoder
from streams.state.board import Board, StateSettings
from streams.state.recovery import FencedError
from streams.transport import ownership
from streams.transport.ownership import Hooks, Ownership, RecordsMissingError
from streams.transport.slices import RecordSlice

ONE = TP(TRANSACTIONS, 0)


class FakeRecord:
    value: bytes | None = b"no JSON"
    key = b"k"
    headers = ()
    timestamp = 0

    def __init__(self, offset: int) -> None:
        self.offset = offset


class FakeOwner:
    """Owns at once; what it was given is in ``taken``."""

    def __init__(self, begins: int | None = 10) -> None:
        self.begins = begins
        self.active = False
        self.next_offset: int | None = None
        self.durable_offset = 10
        self.taken: list[Any] = []
        self.acks: list[Any] = []
        self.ends: list[BaseException] = []
        self.released = False
        self.acquired = 0
        self.ended = asyncio.Event()
        self.forgotten = False

    async def acquire(self, _: Any) -> int | None:
        self.acquired += 1
        return self.begins

    def begin(self, offset: int) -> None:
        self.next_offset, self.active = offset, True

    async def run(self) -> None:
        if self.ends:
            raise self.ends.pop()
        await self.ended.wait()

    async def room(self) -> None:
        pass

    def expects(self, offset: int) -> bool:
        return self.active and self.next_offset == offset

    def add(self, decoded: Sequence[Any], *, next_offset: int, acks: list[Any], **_: Any) -> None:
        self.taken += range(len(decoded))
        self.acks += acks
        self.next_offset = next_offset

    async def release(self) -> None:
        self.active, self.released = False, True

    def abandon(self) -> None:
        self.active = False

    def forget_if_lost(self) -> bool:
        self.forgotten = True
        return True


class FakeConsumer:
    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.sought: list[int] = []
        self.paused: list[TP] = []

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        self.paused += tps

    async def seek_and_resume(self, _: TP, offset: int) -> None:
        self.sought.append(offset)

    async def begins_at(self, _: TP) -> int:
        return self.first


class FakeProducer:
    def __init__(self) -> None:
        self.letters: list[tuple[int, Rejection]] = []
        self.away = False

    async def dead_letters(self, _: RecordSlice, refused: Iterable[tuple[Any, Rejection]]) -> list[Any]:
        if self.away:
            raise KafkaConnectionError("away")
        letters = [(record.offset, rejection) for record, rejection in refused]
        self.letters += letters
        return ["ack"] * len(letters)


class House:
    """An ownership with one partition's fakes."""

    def __init__(self, begins: int | None = 10, first: int = 0) -> None:
        self.owner = FakeOwner(begins)
        self.consumer = FakeConsumer(first)
        self.producer = FakeProducer()
        self.failures: list[BaseException] = []
        self.recoveries: list[float] = []
        hooks = Hooks(lambda *_: None, lambda: None, self.recoveries.append, self.failures.append)
        decoders = {TRANSACTIONS: Decoder(TRANSACTIONS)}
        self.ownership = Ownership(lambda *_: self.owner, decoders, self.producer, None, hooks)  # type: ignore[arg-type]

    async def assigned(self) -> None:
        self.ownership.assigned({ONE})
        await self.ownership.seek_all(self.consumer)
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def house() -> House:
    made = House()
    await made.assigned()
    return made


def part(start: int, *offsets: int, end: int = 100) -> RecordSlice:
    next_offset = (offsets[-1] if offsets else start) + 1
    return RecordSlice(TRANSACTIONS, 0, start, next_offset, end, [[FakeRecord(o) for o in offsets]], 0)


async def test_an_assigned_partition_begins_where_its_state_ends(house: House) -> None:
    assert house.consumer.sought == [10]
    assert house.ownership.owned() == {(TRANSACTIONS, 0)}
    assert house.ownership.durable_offset(ONE) == 10
    assert len(house.recoveries) == 1


async def test_without_state_it_begins_at_the_first_record() -> None:
    house = House(begins=None, first=3)
    await house.assigned()
    assert house.consumer.sought == [3]


async def test_a_second_seek_goes_back_to_what_the_owner_expects(house: House) -> None:
    await house.ownership.take_in(part(10, 10, 11))
    await house.ownership.seek_all(house.consumer)
    assert house.consumer.sought == [10, 12]
    assert house.owner.acquired == 1


async def test_records_that_retention_removed_stop_the_worker() -> None:
    house = House(begins=10, first=11)
    await house.assigned()
    assert isinstance(house.failures[0], RecordsMissingError)
    assert "retention has removed records" in str(house.failures[0])
    assert not house.ownership.owned()


async def test_a_topic_that_was_made_anew_stops_the_worker(house: House) -> None:
    await house.ownership.take_in(part(0, 0, 1, end=2))
    await house.ownership.take_in(part(0, 0, 1, end=2))
    assert "deleted or truncated" in str(house.failures[0])
    assert house.owner.taken == []


async def test_a_slice_from_before_the_partition_was_elsewhere_is_only_fetched_again(house: House) -> None:
    await house.ownership.take_in(part(0, 0, 1, end=2))
    assert house.consumer.sought == [10, 10]
    await house.ownership.take_in(part(10, 10))
    await house.ownership.take_in(part(0, 0, 1, end=2))
    assert not house.failures
    assert len(house.owner.taken) == 1


async def test_a_slice_is_taken_in_once(house: House) -> None:
    await house.ownership.take_in(part(10, 10, 11))
    await house.ownership.take_in(part(10, 10, 11))
    assert len(house.owner.taken) == 2
    assert house.owner.next_offset == 12


async def test_an_older_slice_does_not_take_the_offset_back(house: House) -> None:
    await house.ownership.take_in(part(10, 10, 11))
    await house.ownership.take_in(part(9, 9, 10))
    assert len(house.owner.taken) == 2
    assert house.owner.next_offset == 12


async def test_of_a_slice_that_overlaps_only_the_rest_is_taken_in(house: House) -> None:
    await house.ownership.take_in(part(8, 8, 9, 10, 11))
    assert [offset for offset, _ in house.producer.letters] == [10, 11]
    assert house.owner.next_offset == 12


async def test_a_slice_without_records_moves_the_offset(house: House) -> None:
    await house.ownership.take_in(part(10))
    assert (house.owner.taken, house.owner.next_offset) == ([], 11)


async def test_a_gap_is_never_skipped(house: House) -> None:
    await house.ownership.take_in(part(12, 12))
    assert house.owner.taken == []
    assert house.consumer.sought == [10, 10]


async def test_refused_records_are_dead_lettered_before_they_are_counted(house: House) -> None:
    await house.ownership.take_in(part(10, 10))
    assert [(offset, rejection.reason) for offset, rejection in house.producer.letters] == [(10, "not_json")]
    assert house.owner.acks == ["ack"]


async def test_without_dead_letters_nothing_is_counted_and_the_slice_comes_again(house: House) -> None:
    house.producer.away = True
    await house.ownership.take_in(part(10, 10))
    assert house.owner.taken == []
    assert house.consumer.sought == [10, 10]
    house.producer.away = False
    await house.ownership.take_in(part(10, 10))
    assert len(house.owner.taken) == 1


async def test_a_revoked_partition_is_released_and_takes_nothing_in(house: House) -> None:
    await house.ownership.revoked({ONE})
    assert house.owner.released
    await house.ownership.take_in(part(10, 10))
    assert house.owner.taken == []
    assert house.ownership.durable_offset(ONE) is None


async def test_what_was_made_durable_at_the_end_may_still_be_committed(house: House) -> None:
    await house.ownership.close()
    assert house.owner.released
    assert house.ownership.durable_offset(ONE) == 10


async def test_only_of_a_partition_that_was_let_go_memory_is_freed(house: House) -> None:
    house.ownership.forget_lost()
    assert not house.owner.forgotten
    await house.ownership.revoked({ONE})
    assert house.ownership.forget_lost()
    assert house.owner.forgotten


async def test_a_recovery_has_freed_memory_once(house: House) -> None:
    assert [house.ownership.forget_lost() for _ in range(2)] == [True, False]


async def test_a_seek_during_a_rebalance_does_not_acquire_what_was_revoked(house: House) -> None:
    await house.ownership.revoked({ONE})
    await house.ownership.seek_all(house.consumer)
    await asyncio.sleep(0)
    assert house.owner.acquired == 1
    assert not house.ownership.owned()


@pytest.mark.parametrize("error", [FencedError("claimed"), KafkaConnectionError("away"), OSError("away")])
async def test_a_lost_partition_is_acquired_anew(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "AFTER_FENCED", 0.0)
    monkeypatch.setattr(ownership, "AFTER_ERROR", 0.0)
    house = House()
    house.owner.ends = [error]
    await house.assigned()
    assert house.owner.acquired == 2
    assert ONE in house.consumer.paused
    assert house.consumer.sought == [10, 10]
    assert not house.failures


async def test_a_bug_stops_the_worker() -> None:
    house = House()
    house.owner.ends = [ZeroDivisionError("a bug")]
    await house.assigned()
    assert isinstance(house.failures[0], ZeroDivisionError)
    assert not house.ownership.owned()


async def test_a_revoked_partition_is_let_go_even_if_its_cancellation_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "AFTER_ERROR", 0.0)

    async def run() -> None:
        try:
            await house.owner.ended.wait()
        except asyncio.CancelledError:
            raise KafkaConnectionError("what a library made of it") from None

    house.owner.run = run  # type: ignore[method-assign]
    await house.ownership.revoked({ONE})
    await house.assigned()
    await house.ownership.revoked({ONE})
    before = house.owner.acquired
    for _ in range(50):
        await asyncio.sleep(0)
    assert house.owner.acquired == before
    assert not house.owner.active


async def test_a_partition_is_not_acquired_anew_while_it_is_released(house: House) -> None:
    going = asyncio.Event()

    async def release() -> None:
        house.owner.active = False
        await going.wait()
        raise FencedError("claimed by another worker meanwhile")

    house.owner.release = release  # type: ignore[method-assign]
    revoked = asyncio.create_task(house.ownership.revoked({ONE}))
    for _ in range(5):
        await asyncio.sleep(0)
    again = asyncio.create_task(house.assigned())
    for _ in range(20):
        await asyncio.sleep(0)
    assert house.owner.acquired == 1
    going.set()
    await asyncio.gather(revoked, again)
    assert house.owner.acquired == 2
    assert house.owner.active


async def test_a_partition_that_was_added_ends_the_worker_with_a_line_that_says_so() -> None:
    house, board = House(), Board(StateSettings("Asia/Shanghai", "wall"), dict.fromkeys(FAMILY.values(), 0))
    house.ownership._new_owner = board.stream  # type: ignore[assignment]
    await house.assigned()
    (failure,) = house.failures
    assert str(failure) == f"{TRANSACTIONS} has more partitions than when this worker was started"
    assert not house.ownership.owned()
