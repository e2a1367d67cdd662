"""How far the state log has been read: what a fetch's answer proves, and what it does not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.state import tail
from streams.state.ends import Ends
from streams.state.tail import Tail

TP = TopicPartition("state", 0)


class Consumer:
    """Where it is, and what the last fetch told: an end, at a moment of the wall clock."""

    def __init__(self) -> None:
        self.at = 0
        self.end: int | None = None
        self.told: int | None = None

    def fetched(self, end: int, told_s: float) -> None:
        self.end, self.told = end, round(told_s * 1000)

    def highwater(self, _: TopicPartition) -> int | None:
        return self.end

    def last_poll_timestamp(self, _: TopicPartition) -> int | None:
        return self.told

    async def position(self, _: TopicPartition) -> int:
        return self.at


class Clocks:
    """The monotonic one is 1,000 s behind the wall clock."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall_us(self) -> int:
        return round((1_000 + self.now) * 1e6)


class Reading:
    """A consumer, and what it proves."""

    def __init__(self) -> None:
        self.consumer: Any = Consumer()
        self.clocks = Clocks()
        self.ends = Ends(self.consumer, self.clocks.monotonic, self.clocks.wall_us)

    def fetched(self, end: int, now: float) -> None:
        """A fetch is answered and looked at."""
        self.clocks.now = now
        self.consumer.fetched(end, 1_000 + now)

    async def until(self) -> float | None:
        until = await self.ends.read_until(TP)
        return None if until is None else round(until, 3)


@pytest.fixture
def reading() -> Reading:
    """One that has been told the end 0, as of later than all fetches of a test."""
    reading = Reading()
    reading.ends.answered({TP: 0}, 1e6)
    return reading


async def test_without_a_fetch_nothing_is_known(reading: Reading) -> None:
    assert not await reading.ends.reached(TP)
    assert await reading.until() is None


async def test_the_end_is_what_the_last_fetch_told(reading: Reading) -> None:
    reading.fetched(5, now=1.0)
    reading.consumer.at = 4
    assert not await reading.ends.reached(TP)
    reading.consumer.at = 5
    assert await reading.ends.reached(TP)


async def test_a_fetch_proves_what_was_there_when_the_one_before_had_come(reading: Reading) -> None:
    reading.consumer.at = 5
    reading.fetched(5, now=1.0)
    assert await reading.until() is None
    reading.fetched(5, now=1.25)
    assert await reading.until() == 1.0
    reading.clocks.now = 9.0
    assert await reading.until() == 1.0, "an answer is looked at once"


async def test_an_answer_that_waited_while_the_process_was_stopped_proves_nothing_new(reading: Reading) -> None:
    reading.consumer.at = 5
    reading.fetched(5, now=1.0)
    await reading.until()
    reading.fetched(5, now=31.0)  # sent at 1.0 s, answered at once, looked at half a minute later
    assert await reading.until() == 1.0
    reading.fetched(9, now=31.01)
    assert await reading.until() == 1.0
    reading.consumer.at = 9
    assert await reading.until() == 31.0


async def test_on_a_log_that_grows_faster_than_fetches_are_looked_at_it_still_moves_on(reading: Reading) -> None:
    seen = []
    for step in range(1, 8):
        reading.fetched(step * 10, now=float(step))
        seen.append(await reading.until())
        reading.consumer.at = step * 10 - 5  # always behind the newest end
    assert seen == [None, None, None, 1.0, 1.0, 3.0, 3.0]


async def test_a_new_leader_that_is_behind_is_not_taken_at_its_word(reading: Reading) -> None:
    """Its fetches tell an end that others were given records beyond, and it refuses to say where the end is."""
    reading.ends.restart(TP)
    reading.consumer.at = 5
    reading.fetched(5, now=1.0)
    await reading.until()
    reading.fetched(5, now=2.0)
    assert await reading.until() is None
    assert not await reading.ends.reached(TP)
    reading.ends.answered({TP: 7}, asked=2.5)
    assert await reading.until() is None, "the fetch was before it"
    reading.consumer.at = 7
    reading.fetched(7, now=3.0)
    assert await reading.until() == 2.0
    assert await reading.ends.reached(TP)
    reading.fetched(7, now=4.0)
    assert await reading.until() == 2.5, "as of the question: later ones may have been refused"


async def test_what_was_read_before_a_restart_proves_nothing_after_it(reading: Reading) -> None:
    reading.consumer.at = 5
    for now in (1.0, 2.0):
        reading.fetched(5, now)
        await reading.until()
    reading.ends.restart(TP)
    reading.consumer.at = 0
    reading.fetched(5, now=3.0)
    assert await reading.until() is None
    reading.consumer.at = 5
    assert await reading.until() is None, "nobody has been asked since"
    reading.ends.answered({TP: 5}, asked=3.5)
    assert await reading.until() == 2.0


async def test_the_board_is_told_as_of_when_it_is(reading: Reading) -> None:
    """So a worker that wakes up does not call complete what it had read before."""
    board: Any = SimpleNamespace(log_partitions=1, reached_end=lambda _: None)
    moments: list[float] = []
    board.read_until = lambda _, moment: moments.append(moment)
    tail_ = Tail("state", board, {}, reading.clocks.monotonic, reading.clocks.wall_us)
    reading.consumer.at = 5
    for now in (50.0, 50.25, 80.0):
        reading.fetched(5, now)
        await tail_._feed(reading.consumer, reading.ends, TP, [], now)
    assert moments == pytest.approx([50.0, 50.25])


async def test_a_reader_that_is_cancelled_while_it_connects_leaves_no_client_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connecting, closed = asyncio.Event(), asyncio.Event()

    class Client:
        async def start(self) -> None:
            connecting.set()
            await asyncio.Event().wait()

        async def stop(self) -> None:
            closed.set()

    client: Any = Client()
    monkeypatch.setattr(tail, "_consumer", lambda _: client)
    reading = asyncio.create_task(tail.read_ids("state", "transactions", 0, {}))
    await connecting.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert closed.is_set()
