"""What a board shows, and when it says that this is everything."""

import pytest

from schemas.topics import INFRASTRUCTURE, TRANSACTIONS
from streams.state import records
from streams.state.board import Board, StateSettings
from streams.state.records import FORMAT, Claim, Head

SETTINGS = StateSettings("Asia/Shanghai", "event")
CLAIM = Claim(FORMAT, 1, "a", "worker", str(SETTINGS))


def head(n: int, *, watermark_us: int | None = None, next_offset: int = 0) -> bytes:
    end, outcomes, reasons = next_offset + 5, [n, 0, 0, n], {"not_json": n}
    return records.encode(Head(FORMAT, "a", n, 0, next_offset, end, watermark_us, 0, outcomes, reasons, 0, b"", None))


class Reader:
    """Feeds a board of two streams, both in partition 0 of the state log, and keeps what it fed."""

    def __init__(self, settings: StateSettings = SETTINGS) -> None:
        self.board = Board(settings, {"transactions": 1, "infrastructure": 1})
        self.log: list[tuple[bytes, bytes]] = []
        for family in ("transactions", "infrastructure"):
            self.write(records.claim_key(family, 0, CLAIM), records.encode(CLAIM))

    def write(self, key: bytes, value: bytes, now: float = 0.0) -> None:
        self.log.append((key, value))
        self.board.read(key, value, len(self.log) - 1, now)

    def heads(self, n: int, now: float, watermark_us: int | None = None, next_offset: int = 0) -> None:
        for family in ("transactions", "infrastructure"):
            value = head(n, watermark_us=watermark_us, next_offset=next_offset)
            self.write(f"{family}/0/h/{n}.a".encode(), value, now)

    def again(self) -> None:
        """Reads the log from its start to its end."""
        self.board.restart(0)
        for offset, (key, value) in enumerate(self.log):
            self.board.read(key, value, offset, 0.0)
        self.board.reached_end(0)


@pytest.fixture
def live() -> Reader:
    """Complete at second 100."""
    reader = Reader()
    reader.board.reached_end(0)
    reader.heads(1, now=100.0)
    reader.board.read_until(0, 100.0)
    return reader


def test_a_board_that_has_read_nothing_is_not_complete() -> None:
    reasons = Board(SETTINGS, {"transactions": 1, "infrastructure": 2}).reasons(0.0)
    assert len([reason for reason in reasons if "state log" in reason]) == 2
    assert len([reason for reason in reasons if "no live owner" in reason]) == 3


def test_a_log_just_read_with_owners_just_heard_is_complete(live: Reader) -> None:
    assert live.board.reasons(100.0) == ()
    assert live.board.snapshot(0, 100.0).complete


def test_three_seconds_behind_the_log_is_not_complete(live: Reader) -> None:
    assert live.board.reasons(103.0) == ()
    (reason,) = live.board.reasons(103.001)
    assert reason.startswith("partition 0 of the state log")
    assert not live.board.snapshot(0, 103.001).complete
    live.board.read_until(0, 103.5)
    assert live.board.reasons(103.6) == ()


@pytest.mark.parametrize("other", [StateSettings("Europe/Berlin", "event"), StateSettings("Asia/Shanghai", "wall")])
def test_a_state_that_was_made_with_other_settings_is_not_complete(other: StateSettings) -> None:
    """A worker that owns nothing takes no state over, and would show days or windows that nobody else does."""
    reader = Reader(other)
    reader.board.reached_end(0)
    reader.heads(1, now=100.0)
    reader.board.read_until(0, 100.0)
    assert len(reader.board.reasons(100.0)) == 2
    assert str(SETTINGS) in reader.board.reasons(100.0)[0]
    assert str(other) in reader.board.reasons(100.0)[0]


def test_an_owner_not_heard_for_fifteen_seconds_is_told(live: Reader) -> None:
    live.write(b"infrastructure/0/h/2.a", head(2), now=110.0)
    live.board.read_until(0, 116.0)
    assert live.board.reasons(115.0) == ()
    assert live.board.reasons(115.001) == (f"{TRANSACTIONS} partition 0 has no live owner",)
    live.board.read_until(0, 126.0)
    assert live.board.reasons(126.0) == tuple(
        f"{topic} partition 0 has no live owner" for topic in (TRANSACTIONS, INFRASTRUCTURE)
    )


def test_a_log_read_from_its_start_has_no_live_owner_until_a_head_comes(live: Reader) -> None:
    live.again()
    live.board.read_until(0, 100.0)
    assert len(live.board.reasons(100.0)) == 2
    live.heads(2, now=101.0)
    assert live.board.reasons(101.0) == ()


def test_a_fetch_proves_nothing_of_a_log_that_is_being_read_again(live: Reader) -> None:
    live.board.restart(0)
    live.board.read_until(0, 100.0)
    assert any("state log" in reason for reason in live.board.reasons(100.0))


def test_while_the_log_is_read_again_no_number_falls(live: Reader) -> None:
    live.heads(2, now=101.0, watermark_us=5_000_000, next_offset=7)
    before = live.board.snapshot(0, 101.0)
    assert before.events[TRANSACTIONS, "rejected"] == 2
    live.board.restart(0)
    during = live.board.snapshot(0, 101.0)
    assert not during.complete
    assert (during.events, during.dead_letters, during.clock_us) == (
        before.events, before.dead_letters, before.clock_us,
    )  # fmt: skip
    assert [part.next_offset for part in during.partitions] == [7, 7]
    assert [part.owner_live for part in during.partitions] == [False, False]
    live.again()
    assert live.board.snapshot(0, 101.0).events == before.events


def test_partitions_are_shown_as_their_owner_described_them(live: Reader) -> None:
    live.heads(2, now=101.0, watermark_us=9, next_offset=40)
    part = live.board.snapshot(0, 101.0).partitions[0]
    assert (part.topic, part.next_offset, part.lag, part.watermark_us) == (TRANSACTIONS, 40, 5, 9)
    assert (part.owner, part.owner_live) == ("worker", True)


def test_a_checkpoint_is_dated_by_when_it_was_read_live(live: Reader) -> None:
    live.write(b"infrastructure/0/h/2.a", head(2), now=110.0)
    dated = [part.checkpoint_us for part in live.board.snapshot(1_000_000_000, 110.5).partitions]
    assert dated == [989_500_000, 999_500_000]
    live.again()  # what a reader that starts finds in the log may be old: it has no date
    assert [part.checkpoint_us for part in live.board.snapshot(1_000_000_000, 111.0).partitions] == [None, None]


def test_the_wall_clock_never_goes_back() -> None:
    board = Board(StateSettings("Asia/Shanghai", "wall"), {"transactions": 1})
    assert [board.clock_us(at) for at in (10, 30, 20, 31)] == [10, 30, 30, 31]


def test_the_event_clock_is_the_highest_transaction_time_and_never_goes_back() -> None:
    reader = Reader()
    reader.board.reached_end(0)
    assert reader.board.clock_us(10**15) == 0
    reader.write(b"transactions/0/h/1.a", head(1, watermark_us=500))
    reader.write(b"infrastructure/0/h/1.a", head(1, watermark_us=900))
    assert reader.board.clock_us(10**15) == 500
    reader.board.restart(0)
    assert reader.board.clock_us(10**15) == 500


def test_streams_of_partitions_that_are_no_more_are_passed_over(live: Reader) -> None:
    live.write(b"transactions/7/h/1.a", b"whatever it is")
    live.write(b"weather/0/h/1.a", b"whatever it is")
    assert live.board.reasons(100.0) == ()


def test_a_foreign_record_stops_the_reader(live: Reader) -> None:
    with pytest.raises(records.StateFormatError):
        live.write(b"not ours", b"")
    with pytest.raises(records.StateFormatError):
        live.write(b"transactions/0/h/9.a", b"")
