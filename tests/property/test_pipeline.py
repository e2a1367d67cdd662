"""Raw records of every kind through decoder, owners, state log and board to the API's answers: the reference's, to the
letter, wherever batches and checkpoints end and whatever a worker that comes later reads of the log. No broker.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.topics import FAMILY, SOURCES
from streams.aggregate.dedupe import Dedupe
from streams.aggregate.indicators import IndicatorPending
from streams.aggregate.infrastructure import InfrastructurePending
from streams.aggregate.partition import PartitionAggregate
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.views import Snapshot
from streams.aggregate.windows import Calendar
from streams.decode import Decoder
from streams.exposition import answers
from streams.state import records
from streams.state.board import Board, StateSettings
from streams.state.records import FORMAT, Claim, Head, Page
from tests.compare import differences
from tests.reference.decode import EPOCH, Record
from tests.reference.totals import ReferenceTotals, compute
from tests.traffic import mixed

Clock = Literal["wall", "event"]

PARTITIONS = 2
ENDS = (
    datetime(2024, 5, 15, 4, 34, 56, 789_012, tzinfo=UTC),
    datetime(2023, 12, 31, 16, 0, 20, tzinfo=UTC),  # twenty seconds into the year in Shanghai
)
RECORDS = 700
HORIZON = 60
"""Events of a partition that are remembered: short, so that repeats beyond it come up."""


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@cache
def traffic(seed: int, end: datetime) -> list[Record]:
    return list(mixed(seed, RECORDS, end=end, partitions=PARTITIONS))


@cache
def reference(seed: int, end: datetime, clock: Clock) -> ReferenceTotals:
    wall_us = microseconds(end)
    now_us = wall_us if clock == "wall" else None
    return compute(traffic(seed, end), wall_us=wall_us, now_us=now_us, horizon=HORIZON)


class Log:
    """A state log in memory: keys, values, and what compaction would leave."""

    def __init__(self) -> None:
        self._records: list[tuple[bytes, bytes | None]] = []

    def write(self, board: Board, key: bytes, value: bytes | None) -> None:
        board.read(key, value, len(self._records), 0.0)
        self._records.append((key, value))

    def read_into(self, board: Board, compacted: bool) -> None:
        """A worker that comes later reads the log from the start."""
        last = {key: at for at, (key, _) in enumerate(self._records)}
        for at, (key, value) in enumerate(self._records):
            if not compacted or last[key] == at:
                board.read(key, value, at, 0.0)
        reach_ends(board)


def reach_ends(board: Board) -> None:
    for partition in range(board.log_partitions):
        board.reached_end(partition)
        board.read_until(partition, 0.0)


def new_board(clock: Clock) -> Board:
    return Board(StateSettings("Asia/Shanghai", clock), dict.fromkeys(FAMILY.values(), PARTITIONS))


class Owner:
    """One source partition: takes records in and writes checkpoints and pages."""

    def __init__(self, topic: str, partition: int, board: Board, log: Log, wall_us: int) -> None:
        self._board = board
        self._log = log
        self._wall_us = wall_us
        self._stream = board.streams[FAMILY[topic], partition]
        self._decode = Decoder(topic)
        self._base = self._offset = 0
        self._pending: list[Record] = []
        self._ids = b""
        self._epoch = 0
        self.acquire()

    def acquire(self) -> None:
        """Claims the stream and goes on from its last checkpoint; what is not durable is read again."""
        stream, head = self._stream, self._stream.head
        self._epoch += 1
        self._claim = Claim(FORMAT, self._epoch, f"nonce{self._epoch}", "worker", str(self._board.settings))
        self._log.write(
            self._board, records.claim_key(stream.family, stream.partition, self._claim), records.encode(self._claim)
        )
        dedupe = Dedupe.restore(HORIZON, head.first_id if head else 0, [(0, self._ids)])
        clock = self._board.settings.clock
        pending = self._new_pending()
        if head is None:
            self._work = PartitionAggregate(pending, dedupe, clock)
        else:
            self._work = PartitionAggregate(
                pending, dedupe, clock,
                watermark_us=head.watermark_us, clock_us=head.clock_us, outcomes=head.outcomes, reasons=head.reasons,
            )  # fmt: skip
        lost, self._pending = self._pending, []
        self.add(lost)

    def _new_pending(self) -> Any:
        stream = self._stream
        if stream.family == "transactions":
            series = self._board.transactions.series_of(stream.partition)
            return TransactionsPending(series, 5_000, Calendar("Asia/Shanghai"))
        return InfrastructurePending() if stream.family == "infrastructure" else IndicatorPending()

    def add(self, some: Sequence[Record]) -> None:
        self._pending += some
        decoded = [self._decode(record.value, record.headers, self._wall_us) for record in some]
        self._work.add(decoded, self._wall_us)

    def checkpoint(self) -> None:
        stream, last = self._stream, self._stream.head
        taken = self._work.take(self._wall_us)
        self._offset += len(self._pending)
        self._pending = []
        head = Head(
            FORMAT, self._claim.nonce, last.n + 1 if last else 1, self._base, self._offset, self._offset,
            taken.watermark_us, taken.clock_us, taken.outcomes, taken.reasons, taken.first_id, taken.ids, taken.delta,
        )  # fmt: skip
        self._ids += taken.ids
        self._log.write(self._board, records.head_key(stream.family, stream.partition, head), records.encode(head))

    def write_pages(self, torn: bool) -> None:
        """Pages of what has changed; then heads up to the base go. Of a torn writing some pages are missing."""
        stream, head = self._stream, self._stream.head
        if head is None:
            return
        todo = sorted(stream.dirty)
        for page in todo[head.n % 2 :: 2] if torn else todo:
            content = stream.dump(page)
            key = records.page_key(stream.family, stream.partition, page, self._claim.nonce)
            for old in sorted(stream.page_keys.get(page, set()) - ({key} if content is not None else set())):
                self._log.write(self._board, old, None)
            if content is not None:
                self._log.write(self._board, key, records.encode(Page(FORMAT, head.n, content)))
        if not torn:
            self._base = head.n
            self.checkpoint()
            for key in stream.superseded():
                self._log.write(self._board, key, None)


def rows(views: Iterable[Any], row: Any) -> list[dict[str, Any]]:
    return [row(view) for view in views]


def compared(wanted: ReferenceTotals, snapshot: Snapshot) -> list[str]:
    """What differs between the reference and the answers of a worker that shows the snapshot."""
    frame = answers.frame(snapshot)
    totals = frame | {
        "series": rows(snapshot.series, answers.series_row),
        "events": answers.outcomes(snapshot),
        "dead_letters": answers.dead_letters(snapshot),
        "folded": snapshot.folded,
    }
    infrastructure = frame | {
        "assets": rows(snapshot.assets, answers.assets_row),
        "reported": rows(snapshot.reported, answers.reported_row),
    }
    indicators = frame | {
        "current": rows([one for one in snapshot.observations if one.current], answers.figure_row),
        "figures": rows(snapshot.observations, answers.figure_row),
        "inconsistencies": rows(snapshot.inconsistencies, answers.finding_row),
        "warnings": rows(snapshot.warnings, answers.finding_row),
    }
    return differences(wanted, totals, infrastructure, indicators)


ACTIONS = ("checkpoint", "checkpoint", "checkpoint", "pages", "torn pages", "kill", "look", "nothing")


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 4),
    st.sampled_from(ENDS),
    st.sampled_from(["wall", "event"]),
    st.lists(st.tuples(st.integers(1, 120), st.lists(st.sampled_from(ACTIONS), max_size=3)), min_size=1, max_size=12),
    st.booleans(),
)
def test_the_answers_are_the_references(
    seed: int, end: datetime, clock: Clock, plan: list[tuple[int, list[str]]], compacted: bool
) -> None:
    wall_us, log, board = microseconds(end), Log(), new_board(clock)
    reach_ends(board)
    owners = {
        (topic, partition): Owner(topic, partition, board, log, wall_us)
        for topic in SOURCES
        for partition in range(PARTITIONS)
    }
    left = traffic(seed, end)
    turn = 0
    while left:
        size, whats = plan[turn % len(plan)]
        some, left = left[:size], left[size:]
        for place, owner in owners.items():
            owner.add([record for record in some if (record.topic, record.partition) == place])
        for what in whats:
            turn += 1
            owner = list(owners.values())[turn % len(owners)]
            if what == "checkpoint":
                owner.checkpoint()
            elif what in ("pages", "torn pages"):
                owner.write_pages(torn=what == "torn pages")
            elif what == "kill":
                owner.acquire()
            elif what == "look":
                board.snapshot(wall_us, 0.0)
        turn += 1
    for owner in owners.values():
        owner.checkpoint()
    wanted = reference(seed, end, clock)
    snapshot = board.snapshot(wall_us, 0.0)
    assert snapshot.complete
    assert compared(wanted, snapshot) == []
    assert sum(snapshot.events.values()) == RECORDS == sum(part.next_offset for part in snapshot.partitions)
    assert {part.lag for part in snapshot.partitions} == {0}
    again = new_board(clock)
    log.read_into(again, compacted)
    assert compared(wanted, again.snapshot(wall_us, 0.0)) == []


def test_the_traffic_has_every_outcome() -> None:
    """Or the law above would say little."""
    for end in ENDS:
        events = [outcome for seed in range(5) for (_, outcome), n in reference(seed, end, "wall").events.items() if n]
        assert set(events) == set(records.OUTCOMES)
    reasons = {reason for seed in range(5) for _, reason in reference(seed, ENDS[0], "wall").dead_letters}
    assert len(reasons) >= 5
