"""The owner of one stream: takes decoded records in and writes checkpoints to the state log.

A checkpoint is one head record: what was added, and the source offset up to which that is complete. It counts once
this worker has read it back under its own claim; only then does the next one start, and only then is the offset given
to the consumer group, for which it is no more than a hint. What is not durable when the stream is lost is forgotten,
and read again from the source by whoever owns it next.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.events import Event, Rejection
from streams.aggregate.dedupe import Dedupe
from streams.aggregate.indicators import IndicatorPending
from streams.aggregate.infrastructure import InfrastructurePending
from streams.aggregate.partition import PartitionAggregate
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.windows import Calendar
from streams.errors import CityPulseError
from streams.state import records
from streams.state.board import Board
from streams.state.intake import Intake, Visible
from streams.state.pages import Log, PageWriter
from streams.state.records import FORMAT, Claim, Head
from streams.state.stream import Stream

ReadIds = Callable[[int], Awaitable[dict[str, list[tuple[int, bytes]]]]]
"""Reads the event hashes in one partition of the state log: family to pieces of (first event number, hashes)."""

HEARTBEAT = 1.0
"""Seconds between checkpoints of an idle stream: they say that its owner lives."""


class FencedError(Exception):
    """Another worker has claimed the stream."""


class StateSettingsError(CityPulseError):
    """The state was made with other settings."""


@dataclass(frozen=True, slots=True)
class OwnerOptions:
    """What all owners of a worker share."""

    worker: str
    interval: float  # seconds between checkpoints
    dedupe_horizon: int
    series_budget: int


@dataclass(slots=True)
class _Held:
    """What an owner has from its claim on."""

    claim: Claim
    work: PartitionAggregate
    pages: PageWriter
    n: int  # the last checkpoint
    next_offset: int | None  # of the source; None until it is known where that begins
    end_offset: int


class Owner:
    """Owns a stream, from ``acquire`` to ``release``.

    Args:
        stream: on the board.
        board: that reads the log.
        log: to write.
        options: shared by the worker's owners.
        clock: monotonic, seconds.
        wall_us: wall clock, microseconds.
        committed: told what each checkpoint made readable.
    """

    def __init__(
        self,
        stream: Stream,
        board: Board,
        log: Log,
        options: OwnerOptions,
        *,
        clock: Callable[[], float],
        wall_us: Callable[[], int],
        committed: Callable[[Stream, Sequence[Visible]], None],
    ) -> None:
        self.stream = stream
        self._board = board
        self._log = log
        self._options = options
        self._clock = clock
        self._wall_us = wall_us
        self._committed = committed
        self._held: _Held | None = None
        self._open = False
        self._moved = asyncio.Event()
        self._writing = asyncio.Lock()
        self._intake = Intake(stream.family)
        self._started = clock()

    # -- taking records in

    @property
    def active(self) -> bool:
        """Records may be added."""
        return self._open and self._held is not None

    @property
    def next_offset(self) -> int | None:
        """Of the record to add next, None when that is not known."""
        return self._held.next_offset if self._held else None

    def expects(self, offset: int) -> bool:
        """The record to add next is the one at an offset."""
        return self.active and self.next_offset == offset

    @property
    def durable_offset(self) -> int | None:
        """Where a successor would begin."""
        return self.stream.head.next_offset if self.stream.head else None

    def add(
        self,
        decoded: Sequence[Event | Rejection],
        *,
        next_offset: int,
        end_offset: int,
        appended_us: int,
        size: int,
        acks: Sequence[Awaitable[Any]],
    ) -> None:
        """Takes the next records in.

        Args:
            decoded: all records from ``self.next_offset`` up to ``next_offset``.
            next_offset: what follows them.
            end_offset: of the source partition, as last fetched.
            appended_us: when Kafka had the last of them.
            size: of their values, bytes.
            acks: what must be done before a checkpoint may cover them: their dead letters.
        """
        held = self._held
        assert held is not None, "only an active owner takes records in"
        held.work.add(decoded, self._wall_us())
        held.next_offset = next_offset
        held.end_offset = max(end_offset, next_offset)
        self._intake.add(len(decoded), size, appended_us, acks)
        self._moved.set()

    async def room(self) -> None:
        """Waits until more records may be added, or the stream is lost."""
        while self.active and self._intake.full:
            await self.stream.changed()

    # -- owning

    async def acquire(self, read_ids: ReadIds) -> int | None:
        """Claims the stream and recovers it; then ``begin`` opens it.

        A worker that gets back a stream which nobody else has claimed meanwhile goes on where it was.

        Args:
            read_ids: reads the event hashes in one partition of the state log.

        Returns:
            The source offset to begin at, None for the earliest.

        Raises:
            StateSettingsError: when the state was made with other settings.
        """
        stream = self.stream
        await stream.until_ready()
        self._check_settings()
        while self._held is None or stream.claim != self._held.claim:
            self._held = None
            claim = await self._write_claim()
            while stream.claim is None or stream.claim.epoch < claim.epoch or not stream.ready:
                await stream.changed()
            if stream.claim == claim:
                self._held = await self._recover(claim, read_ids)
        return self._held.next_offset

    def begin(self, offset: int) -> None:
        """Opens the stream for records from a source offset on."""
        assert self._held is not None, "a stream is acquired before it is opened"
        self._held.next_offset = offset
        self._open = True

    def _check_settings(self) -> None:
        claim, mine = self.stream.claim, str(self._board.settings)
        if claim is not None and claim.settings != mine:
            raise StateSettingsError(
                f"the state of this application was made with {claim.settings}, this worker has {mine}",
                "set CITYPULSE_TIME_ZONE and --clock as they were, or begin anew under another CITYPULSE_APP_ID",
            )

    async def _write_claim(self) -> Claim:
        stream = self.stream
        epoch = stream.claim.epoch + 1 if stream.claim else 1
        claim = Claim(FORMAT, epoch, secrets.token_hex(6), self._options.worker, str(self._board.settings))
        await self._append(records.claim_key(stream.family, stream.partition, claim), records.encode(claim))
        return claim

    async def _recover(self, claim: Claim, read_ids: ReadIds) -> _Held:
        """Takes over what the stream holds; its state cannot change any more except by this owner."""
        stream = self.stream
        pieces: list[tuple[int, bytes]] = []
        if stream.head and stream.head.first_id and min((first for first, _ in stream.ids.values()), default=1):
            pieces = (await read_ids(stream.partition)).get(stream.family, [])
            await stream.until_ready()
        head = stream.head
        count = head.first_id if head else 0
        dedupe = Dedupe.restore(self._options.dedupe_horizon, count, [*pieces, *stream.ids.values()])
        so_far: dict[str, Any] = {}
        if head is not None:
            so_far = {
                "watermark_us": head.watermark_us,
                "clock_us": head.clock_us,
                "outcomes": head.outcomes,
                "reasons": head.reasons,
            }
        self._intake.take()
        return _Held(
            claim=claim,
            work=PartitionAggregate(self._pending(), dedupe, self._board.settings.clock, **so_far),
            pages=PageWriter(stream, self._log, dedupe, claim.nonce, self._clock),
            n=head.n if head else 0,
            next_offset=head.next_offset if head else None,
            end_offset=head.end_offset if head else 0,
        )

    def _pending(self) -> Any:
        stream = self.stream
        if stream.family == "transactions":
            series = self._board.transactions.series_of(stream.partition)
            return TransactionsPending(series, self._options.series_budget, Calendar(self._board.settings.time_zone))
        return InfrastructurePending() if stream.family == "infrastructure" else IndicatorPending()

    async def release(self) -> None:
        """Closes the stream and makes durable what has been added.

        Raises:
            FencedError: when another worker has claimed the stream.
        """
        self._open = False
        self._wake()
        async with self._writing:
            if self._held is not None and self._intake.records:
                await self._checkpoint(self._held)

    def abandon(self) -> None:
        """Closes the stream and forgets all that is not durable."""
        self._open = False
        self._held = None
        self._intake.take()
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self.stream.wake()

    # -- checkpoints

    async def run(self) -> None:
        """Writes checkpoints while the stream is owned.

        Raises:
            FencedError: when another worker has claimed the stream.
        """
        while self.active:
            await self._due()
            async with self._writing:
                if self._held is not None:
                    await self._checkpoint(self._held)

    async def _due(self) -> None:
        """Waits until the next checkpoint is due: soon after records came, else for the heartbeat."""
        if not self._intake.records:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), max(0.0, self._started + HEARTBEAT - self._clock()))
            except TimeoutError:
                return
        await asyncio.sleep(max(0.0, self._started + self._options.interval - self._clock()))

    async def _checkpoint(self, held: _Held) -> None:
        """Makes durable what has been added."""
        assert held.next_offset is not None
        self._started = self._clock()
        await self.stream.until_ready()
        await held.pages.write_if_due()
        taken = held.work.take(self._wall_us())
        visible, acks = self._intake.take()
        head = Head(
            FORMAT, held.claim.nonce, held.n + 1, held.pages.base, held.next_offset, held.end_offset,
            taken.watermark_us, taken.clock_us, taken.outcomes, taken.reasons, taken.first_id, taken.ids, taken.delta,
        )  # fmt: skip
        for ack in acks:
            await ack
        value = records.encode(head)
        held.pages.wrote(len(value))
        await self._append(records.head_key(self.stream.family, self.stream.partition, head), value)
        await self._read_back(head)
        held.n = head.n
        self._committed(self.stream, visible)
        await held.pages.clean_up()

    async def _read_back(self, head: Head) -> None:
        stream = self.stream
        while stream.head is None or stream.head.n < head.n or not stream.ready:
            if stream.ready and (stream.claim is None or stream.claim.nonce != head.nonce):
                break
            await stream.changed()
        if stream.head is None or stream.head.n < head.n or stream.head.nonce != head.nonce:
            raise FencedError(f"{stream.family}/{stream.partition} has been claimed by another worker")

    async def _append(self, key: bytes, value: bytes) -> None:
        await (await self._log.append(self.stream.partition, key, value))
