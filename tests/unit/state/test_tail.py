"""How far the state log has been read: what a fetch's answer proves, and what it does not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.state import tail
from streams.state.tail import Tail, _End

TP = TopicPartition("state", 0)


class Consumer:
    """Where it is, and what the last fetch told: an end, at a moment."""

    def __init__(self) -> None:
        self.at = 0
        self.end: int | None = None
        self.told: int | None = None

    def fetched(self, end: int, told: int) -> None:
        self.end, self.told = end, told

    def highwater(self, _: TopicPartition) -> int | None:
        return self.end

    def last_poll_timestamp(self, _: TopicPartition) -> int | None:
        return self.told

    async def position(self, _: TopicPartition) -> int:
        return self.at


async def test_without_a_fetch_nothing_is_known() -> None:
    end = _End(Consumer())
    assert not await end.reached(TP)
    assert await end.read_until(TP) is None


async def test_the_end_is_what_the_last_fetch_told() -> None:
    consumer = Consumer()
    end = _End(consumer)
    consumer.fetched(5, told=1_000)
    consumer.at = 4
    assert not await end.reached(TP)
    consumer.at = 5
    assert await end.reached(TP)


async def test_a_fetch_proves_what_was_there_when_the_one_before_had_come() -> None:
    consumer = Consumer()
    end = _End(consumer)
    consumer.at = 5
    consumer.fetched(5, told=1_000)
    assert await end.read_until(TP) is None
    consumer.fetched(5, told=1_250)
    assert await end.read_until(TP) == 1_000
    assert await end.read_until(TP) is None, "an answer is looked at once"


async def test_an_answer_that_waited_while_the_process_was_stopped_proves_nothing_new() -> None:
    consumer = Consumer()
    end = _End(consumer)
    consumer.at = 5
    consumer.fetched(5, told=1_000)
    await end.read_until(TP)
    consumer.fetched(5, told=31_000)  # sent at 1.0 s, answered at once, looked at half a minute later
    assert await end.read_until(TP) == 1_000
    consumer.fetched(9, told=31_010)
    assert await end.read_until(TP) is None
    consumer.at = 9
    consumer.fetched(9, told=31_260)
    assert await end.read_until(TP) == 31_010


async def test_after_a_stop_the_board_is_as_of_what_was_there_before_it() -> None:
    """So a worker that wakes up does not call complete what it had read before."""
    consumer: Any = Consumer()
    board: Any = SimpleNamespace(log_partitions=1, reached_end=lambda _: None)
    moments: list[float] = []
    board.read_until = lambda _, moment: moments.append(moment)
    wall_s = [1_000.0]
    reader, end = Tail("state", board, {}, lambda: 0.0, lambda: round(wall_s[0] * 1e6)), _End(consumer)
    consumer.at = 5
    for after_s in (0.0, 0.25, 30.0):  # the monotonic clock stood at 50 at the start
        wall_s[0] = 1_000.0 + after_s
        consumer.fetched(5, told=round(wall_s[0] * 1000))
        await reader._feed(consumer, end, TP, [], 50.0 + after_s)
    assert moments == pytest.approx([50.0, 50.25])


async def test_on_a_log_that_grows_faster_than_fetches_are_looked_at_it_still_moves_on() -> None:
    consumer = Consumer()
    end = _End(consumer)
    seen = []
    for step in range(1, 7):
        consumer.fetched(step * 10, told=step * 100)
        seen.append(await end.read_until(TP))
        consumer.at = step * 10 - 5  # always behind the newest end
    assert seen == [None, None, None, 100, None, 300]


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
