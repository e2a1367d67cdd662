"""Owners against one log: what each leaves behind, and what the next one makes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.events import Rejection, Transaction
from streams.aggregate import dedupe
from streams.aggregate.windows import SECOND
from streams.state import pages, records, tail
from streams.state.board import Board, StateSettings
from streams.state.owner import Owner
from streams.state.recovery import FencedError, OwnerOptions, StateSettingsError
from streams.state.stream import IDS_PAGE, Stream
from tests.state_log import StateLog

NOW_US = 1_700_000_000 * SECOND
HUGE = 10**18 - 1
BLOCK = 4


def event(number: int, amount: int = 100) -> Transaction:
    return Transaction("/s", str(number), NOW_US, "t", False, NOW_US, "bidex", "api", "CNY", False, amount)


class Log:
    """One partition, read by every board as soon as it is written, unless a board is held back."""

    def __init__(self) -> None:
        self.kept = StateLog(1)
        self.boards: dict[Board, int] = {}
        self.behind: set[Board] = set()
        self.written = asyncio.Event()  # a head has been
        self.fails: list[bytes] = []  # kinds of which the next record's acknowledgement is lost

    def new_board(self, clock: Any = "event") -> Board:
        board = Board(StateSettings("Asia/Shanghai", clock), {"transactions": 1})
        self.boards[board] = 0
        self.feed(board)
        board.reached_end(0)
        return board

    def feed(self, board: Board) -> None:
        fetched, self.boards[board], _ = self.kept.fetch(0, self.boards[board], 1 << 30)
        for record in fetched:
            board.read(record.key, record.value, record.offset, 0.0)

    def restart(self, board: Board) -> None:
        board.restart(0)
        self.boards[board] = 0

    async def append(self, partition: int, key: bytes, value: bytes | None) -> Awaitable[int]:
        offset = self.kept.append(partition, key, value)
        for board in self.boards.keys() - self.behind:
            self.feed(board)
        ack: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        kind = key.split(b"/")[2]
        if kind == b"h":
            self.written.set()
        if kind in self.fails:
            self.fails.remove(kind)
            ack.set_exception(KafkaTimeoutError())
        else:
            ack.set_result(offset)
        await asyncio.sleep(0)
        return ack

    async def read_ids(self, family: str, partition: int) -> list[tuple[int, bytes]]:
        pieces = []
        for key, value in self.kept.live(partition).items():
            whose, _, kind, rest = records.parse_key(key)
            if whose == family and kind == "p" and rest.startswith(IDS_PAGE):
                block = int(rest.split("/")[0][1:])
                pieces.append((block * BLOCK, records.decode(kind, value).content))
        return pieces

    def keys(self, kind: str) -> list[str]:
        return [key.decode() for key in self.kept.live(0) if key.decode().split("/")[2] == kind]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Pages are written with every checkpoint but the first."""
    monkeypatch.setattr(pages, "WRITE_AFTER_BYTES", 1)
    for module in (dedupe, pages, tail):
        monkeypatch.setattr(module, "BLOCK", BLOCK)
    return Log()


def owner_of(
    log: Log, board: Board | None = None, name: str = "one", horizon: int = 8, note: Callable[[], Any] = lambda: None
) -> Owner:
    board = board or log.new_board()
    return Owner(
        board.streams["transactions", 0], board, log, OwnerOptions(name, 0.0, horizon, 100, note),
        clock=lambda: 0.0, wall_us=lambda: NOW_US, committed=lambda *_: None,
    )  # fmt: skip


def add(owner: Owner, *decoded: Transaction | Rejection) -> None:
    after = (owner.next_offset or 0) + len(decoded)
    owner.add(list(decoded), next_offset=after, end_offset=after, appended_us=0, size=1, acks=[])


async def checkpoint(owner: Owner, *decoded: Transaction | Rejection) -> None:
    """Acquires, takes the records in, and makes them durable."""
    owner.begin(await owner.acquire(log_of(owner).read_ids) or 0)
    add(owner, *decoded)
    await owner.release()


def log_of(owner: Owner) -> Log:
    log = owner._log
    assert isinstance(log, Log)
    return log


def gross(board: Board) -> int:
    return sum(series.gross for series in board.transactions.view())


def head_of(stream: Stream) -> Any:
    assert stream.head is not None
    return stream.head


async def test_state_made_with_other_settings_is_refused(log: Log) -> None:
    await checkpoint(owner_of(log), event(1))
    other = owner_of(log, log.new_board(clock="wall"))
    with pytest.raises(StateSettingsError, match=r"clock event, this worker has .*clock wall") as refused:
        await other.acquire(log.read_ids)
    assert "CITYPULSE_CLOCK" in refused.value.hint
    assert len(log.keys("c")) == 1


async def test_a_stream_that_nobody_else_claimed_goes_on_without_a_new_claim(log: Log) -> None:
    owner = owner_of(log)
    await checkpoint(owner, event(1))
    await checkpoint(owner, event(2))
    assert len(log.keys("c")) == 1
    assert head_of(owner.stream).next_offset == 2
    assert gross(log.new_board()) == 200


async def test_what_is_kept_of_a_stream_goes_once_another_one_claims_it(log: Log) -> None:
    one, other = owner_of(log), owner_of(log, name="other")
    await checkpoint(one, event(1))
    assert not one.forget_if_lost()
    before = one.next_offset, one.durable_offset
    await other.acquire(log.read_ids)
    assert [one.forget_if_lost() for _ in range(2)] == [True, False]
    assert (before, one.next_offset, one.durable_offset) == ((1, 1), None, None)


async def test_a_stream_that_another_one_claimed_meanwhile_is_recovered(log: Log) -> None:
    one, other = owner_of(log), owner_of(log, name="other")
    await checkpoint(one, event(1))
    await checkpoint(other, event(2))
    assert await one.acquire(log.read_ids) == 2
    one.begin(2)
    add(one, event(1), event(2), event(3))
    await one.release()
    assert head_of(one.stream).outcomes == [3, 0, 2, 0]
    assert gross(log.new_board()) == 300


async def test_what_an_earlier_owner_adds_is_fenced(log: Log) -> None:
    one, other = owner_of(log), owner_of(log, name="other")
    await checkpoint(one, event(1))
    one.begin(await one.acquire(log.read_ids) or 0)
    add(one, event(2))
    await checkpoint(other, event(2), event(3))
    end = list(log.kept.ends)
    with pytest.raises(FencedError):
        await one.release()
    assert log.kept.ends == end  # nor does it write pages, of a state that it does not own
    assert gross(log.new_board()) == 300


async def test_the_last_note_is_kept(log: Log) -> None:
    notes = iter(["first", "second"])
    one = owner_of(log, note=lambda: next(notes))
    for number in (1, 2):
        await checkpoint(one, event(number))
    assert log.new_board().noted == "second"
    await owner_of(log, name="other").acquire(log.read_ids)
    assert log.new_board().noted == "second"
    await checkpoint(owner_of(log, name="without"), event(3))
    assert log.new_board().noted is None


async def test_what_was_taken_in_may_be_committed_once_it_is_durable(log: Log) -> None:
    owner = owner_of(log)
    await checkpoint(owner, event(1))
    owner.begin(await owner.acquire(log.read_ids) or 0)
    add(owner, event(2), event(3))
    assert (owner.next_offset, owner.durable_offset) == (3, 1)
    await owner.release()
    assert owner.durable_offset == 3


async def refused(owner: Owner) -> "asyncio.Future[None]":
    """Takes in one refused record; gives what its dead letter's acknowledgement is."""
    acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    owner.begin(await owner.acquire(log_of(owner).read_ids) or 0)
    rejection = Rejection("not_json", "", "no")
    owner.add([rejection], next_offset=1, end_offset=1, appended_us=0, size=1, acks=[acknowledged])
    return acknowledged


async def test_a_checkpoint_waits_for_the_dead_letters_that_it_covers(log: Log) -> None:
    owner = owner_of(log)
    acknowledged = await refused(owner)
    released = asyncio.create_task(owner.release())
    for _ in range(20):
        await asyncio.sleep(0)
    assert log.keys("h") == []
    acknowledged.set_result(None)
    await released
    assert head_of(owner.stream).outcomes == [0, 0, 0, 1]


async def test_without_its_dead_letter_a_record_does_not_count(log: Log) -> None:
    owner = owner_of(log)
    (await refused(owner)).set_exception(KafkaTimeoutError())
    with pytest.raises(KafkaTimeoutError):
        await owner.release()
    assert log.keys("h") == []
    owner.abandon()
    assert await owner.acquire(log.read_ids) is None, "it is read again from the start"


async def test_a_cancellation_that_comes_together_with_the_release_is_not_lost(log: Log) -> None:
    """Else the task would go on, and claim back what has been given away."""
    owner = owner_of(log)
    owner.begin(await owner.acquire(log.read_ids) or 0)
    running = asyncio.create_task(owner.run())
    for _ in range(10):  # until it waits for records
        await asyncio.sleep(0)
    await owner.release()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert log.keys("h") == []


async def test_of_two_that_acquire_at_once_only_one_is_believed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one's claim stands when the other one, who has not seen it, writes one of the same epoch."""
    one, other = owner_of(log), owner_of(log, name="other")
    append, claimed = log.append, asyncio.Event()

    async def both_at_once(partition: int, key: bytes, value: bytes | None) -> Awaitable[int]:
        if not claimed.is_set():
            claimed.set()
            log.behind.update(log.boards)
            await second
            log.behind.clear()
        return await append(partition, key, value)

    monkeypatch.setattr(log, "append", both_at_once)
    second: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    beginning = [asyncio.create_task(owner.acquire(log.read_ids)) for owner in (one, other)]
    await claimed.wait()
    await asyncio.sleep(0)
    second.set_result(None)
    assert await asyncio.gather(*beginning) == [None, None]
    ends: list[BaseException | None] = []
    for owner in (one, other):
        owner.begin(0)
        add(owner, event(1))
        ends += await asyncio.gather(owner.release(), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["FencedError", "NoneType"]
    assert gross(log.new_board()) == 100


async def test_a_lost_acknowledgement_counts_nothing_twice(log: Log) -> None:
    owner = owner_of(log)
    await checkpoint(owner, event(1))
    owner.begin(await owner.acquire(log.read_ids) or 0)
    add(owner, event(2))
    log.fails = [b"h"]
    with pytest.raises(KafkaTimeoutError):
        await owner.release()
    owner.abandon()
    assert await owner.acquire(log.read_ids) == 2
    assert gross(log.new_board()) == 200
    assert len(log.keys("c")) == 2


async def test_the_board_may_be_read_again_in_the_middle_of_a_checkpoint(log: Log) -> None:
    board = log.new_board()
    owner = owner_of(log, board)
    await checkpoint(owner, event(1))
    owner.begin(await owner.acquire(log.read_ids) or 0)
    add(owner, event(2))
    log.restart(board)
    releasing = asyncio.create_task(owner.release())
    await asyncio.sleep(0)
    log.feed(board)
    assert not releasing.done()
    board.reached_end(0)
    log.behind.add(board)
    log.written.clear()
    await log.written.wait()
    log.restart(board)
    log.feed(board)
    board.reached_end(0)
    log.behind.clear()
    await releasing
    assert (head_of(owner.stream).n, head_of(owner.stream).base, head_of(owner.stream).next_offset) == (2, 1, 2)
    assert gross(log.new_board()) == 200


async def test_duplicates_are_known_to_the_next_owner(log: Log) -> None:
    owner = owner_of(log)
    for number in range(20):
        await checkpoint(owner, event(number))
    assert min(int(key.split("/")[3][1:]) for key in log.keys("p") if "/p/i" in key) == 2
    other = owner_of(log, name="other")
    # Number 20 repeats what was 17 events ago, those after it repeat what was eight ago: the horizon.
    await checkpoint(other, event(3), *(event(number) for number in range(13, 20)))
    assert head_of(other.stream).outcomes == [21, 0, 7, 0]


async def test_another_claim_while_event_hashes_are_read_fences(log: Log) -> None:
    """The hashes read are of another state then: they do not go together with what the stream has become."""
    one, other = owner_of(log), owner_of(log, name="other")
    for number in range(20):
        await checkpoint(other, event(number))
    at_the_time = await log.read_ids("transactions", 0)

    async def read_ids(*_given: object) -> list[tuple[int, bytes]]:
        for number in range(20, 40):
            await checkpoint(other, event(number))
        for _ in range(2):
            await checkpoint(other, Rejection("not_json", "", ""))
        return at_the_time

    with pytest.raises(FencedError):
        await one.acquire(read_ids)
    assert one.stream.claim.owner == "other"
    assert await one.acquire(log.read_ids) == 42


async def test_another_claim_meanwhile_fences_though_nothing_was_written_under_it(log: Log) -> None:
    one, other = owner_of(log), owner_of(log, name="other")
    for number in range(20):
        await checkpoint(other, event(number))

    async def read_ids(family: str, partition: int) -> list[tuple[int, bytes]]:
        await other.acquire(log.read_ids)
        return await log.read_ids(family, partition)

    with pytest.raises(FencedError):
        await one.acquire(read_ids)
    assert not one.active
    assert one.next_offset is None


async def test_event_hashes_of_a_log_that_the_board_is_behind_of_are_no_error(log: Log) -> None:
    """A process is stopped while it reads them, and goes on with the log of that time; its board does not."""
    board = log.new_board()
    one, other = owner_of(log, board), owner_of(log, name="other")
    for number in range(20):
        await checkpoint(other, event(number))

    async def read_ids(family: str, partition: int) -> list[tuple[int, bytes]]:
        log.behind.add(board)
        for number in range(20, 60):
            await checkpoint(other, event(number))
        return await log.read_ids(family, partition)

    for _ in range(2):
        await checkpoint(other, Rejection("not_json", "", ""))
    with pytest.raises(FencedError):
        await one.acquire(read_ids)
    log.behind.clear()
    log.feed(board)
    assert await one.acquire(log.read_ids) == 62


async def test_event_hashes_that_are_missing_for_good_are_an_error(log: Log) -> None:
    owner = owner_of(log)
    for number in range(20):
        await checkpoint(owner, event(number))
    for _ in range(2):
        await checkpoint(owner, Rejection("not_json", "", ""))

    async def nothing(*_: object) -> list[tuple[int, bytes]]:
        return []

    other = owner_of(log, name="other")
    with pytest.raises(FencedError):
        await other.acquire(nothing)
    with pytest.raises(ValueError, match="event ids are missing"):
        await other.acquire(nothing)


async def test_a_lost_page_of_the_oldest_event_hashes_is_no_shorter_horizon(log: Log) -> None:
    owner = owner_of(log)
    for number in range(20):
        await checkpoint(owner, event(number))

    async def without_the_oldest(family: str, partition: int) -> list[tuple[int, bytes]]:
        pieces = await log.read_ids(family, partition)
        return [piece for piece in pieces if piece != min(pieces)]

    for _ in range(2):
        await checkpoint(owner, Rejection("not_json", "", ""))
    other = owner_of(log, name="other")
    with pytest.raises(FencedError):
        await other.acquire(without_the_oldest)
    with pytest.raises(ValueError, match="4 of the last 8 event ids are missing"):
        await other.acquire(without_the_oldest)


async def test_pages_of_a_successor_are_left_alone(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner hands its pages over, is paused, and wakes up when another one has written them anew."""
    board = log.new_board()
    one, other = owner_of(log, board), owner_of(log, name="other")
    await checkpoint(one, event(1))
    one.begin(await one.acquire(log.read_ids) or 0)
    add(one, event(2))
    append, asleep, wake = log.append, asyncio.Event(), asyncio.Event()

    async def paused(partition: int, key: bytes, value: bytes | None) -> Awaitable[int]:
        if not asleep.is_set() and b"/p/t0/" in key:
            asleep.set()
            ack = await append(partition, key, value)
            await wake.wait()
            return ack
        return await append(partition, key, value)

    monkeypatch.setattr(one._log, "append", paused)
    releasing = asyncio.create_task(one.release())
    await asleep.wait()
    for number in range(2, 6):
        await checkpoint(other, event(number))
    wake.set()
    with pytest.raises(FencedError):
        await releasing
    log.kept.compact(0, lambda: True)
    assert gross(log.new_board()) == 500
    await checkpoint(owner_of(log), event(5))
    assert gross(log.new_board()) == 500


async def test_numbers_beyond_64_bits_survive_deltas_and_pages(log: Log) -> None:
    owner = owner_of(log)
    for number in range(0, 60, 20):
        await checkpoint(owner, *(event(each, amount=HUGE) for each in range(number, number + 20)))
    expected = 60 * HUGE
    assert expected > 1 << 64
    before = log.new_board()
    assert gross(before) == expected
    log.kept.compact(0, lambda: True)
    fresh = log.new_board()
    assert gross(fresh) == expected
    fresh.snapshot(NOW_US, 0.0)
    before.snapshot(NOW_US, 0.0)
    assert [one.rolling["30d"] for one in fresh.transactions.view()] == [expected]
    assert fresh.transactions.view() == before.transactions.view()


async def test_what_is_kept_does_not_grow(log: Log) -> None:
    owners = [owner_of(log, name=name) for name in ("one", "other")]
    sizes = []
    for turn in range(12):
        owner = owners[turn % 2]
        for number in range(10):
            await checkpoint(owner, event(10 * turn + number), Rejection("not_json", "", ""))
        sizes.append(len(log.kept.live(0)))
    assert max(sizes[6:]) <= max(sizes[:6])
    assert len(log.keys("c")) == 1
