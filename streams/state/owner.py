"""The owner of one stream: takes decoded records in and writes checkpoints to the state log.

A checkpoint is one head record: what was added, and the source offset up to which that is complete. It counts once
this worker has read it back under its own claim; only then does the next one start, and only then is the offset given
to the consumer group, for which it is no more than a hint. What is not durable when the stream is lost is forgotten,
and read again from the source by whoever owns it next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from schemas.batch import Batch
from schemas.events import Event, Rejection
from streams.state import records
from streams.state.board import NOTING, Board
from streams.state.intake import Intake, Visible
from streams.state.pages import Log
from streams.state.records import FORMAT, Head
from streams.state.recovery import FencedError, Held, OwnerOptions, ReadIds, Recovery
from streams.state.stream import Stream

HEARTBEAT = 1.0
"""Seconds between checkpoints of an idle stream: they say that its owner lives."""


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
        self._recovery = Recovery(stream, board, log, options, clock)
        self._log = log
        self._interval = options.interval
        self._clock = clock
        self._wall_us = wall_us
        self._committed = committed
        self._notes = (stream.family, stream.partition) == NOTING
        self._note = options.note
        self._held: Held | None = None
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
        """Where a successor would begin; None when the stream is not this owner's, or has no checkpoint."""
        return self.stream.head.next_offset if self._held is not None and self.stream.head else None

    def add(
        self,
        decoded: Batch | Sequence[Event | Rejection],
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
            read_ids: see ``ReadIds``.

        Returns:
            The source offset to begin at, None for the earliest.

        Raises:
            FencedError: when another worker has claimed the stream meanwhile.
            StateSettingsError: when the state was made with other settings.
        """
        if self._held is None or self.stream.claim != self._held.claim or not self.stream.ready:
            self._held = None
            self._held = await self._recovery.acquire(read_ids)
            self._intake.take()
        return self._held.next_offset

    def begin(self, offset: int) -> None:
        """Opens the stream for records from a source offset on."""
        assert self._held is not None, "a stream is acquired before it is opened"
        self._held.next_offset = offset
        self._open = True

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

    def forget_if_lost(self) -> bool:
        """Frees what is kept of a stream that was let go, once another worker has claimed it. Until then it is kept:
        a stream that comes back unclaimed goes on where it was.

        Returns:
            Whether anything was freed.
        """
        held = self._held
        lost = not self._open and held is not None and self.stream.ready and self.stream.claim != held.claim
        if lost:
            self.abandon()
        return lost

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
                if self._open and self._held is not None:
                    await self._checkpoint(self._held)

    async def _due(self) -> None:
        """Waits until the next checkpoint is due: soon after records came, else for the heartbeat."""
        if not self._intake.records:
            self._moved.clear()
            try:
                # Not wait_for: before Python 3.12 it loses a cancellation that comes together with what it waits for.
                async with asyncio.timeout(max(0.0, self._started + HEARTBEAT - self._clock())):
                    await self._moved.wait()
            except TimeoutError:
                return
        await asyncio.sleep(max(0.0, self._started + self._interval - self._clock()))

    async def _checkpoint(self, held: Held) -> None:
        """Makes durable what has been added."""
        assert held.next_offset is not None
        self._started = self._clock()
        await self.stream.until_ready()
        if self.stream.claim != held.claim:
            raise self._fenced()  # the pages would be of a state that we do not own
        await held.pages.write_if_due()
        taken = held.work.take(self._wall_us())
        visible, acks = self._intake.take()
        head = Head(
            FORMAT, held.claim.nonce, held.n + 1, held.pages.base, held.next_offset, held.end_offset,
            taken.watermark_us, taken.clock_us, taken.outcomes, taken.reasons, taken.first_id, taken.ids, taken.delta,
            held.work.dedupe.oldest, self._note() if self._notes else None,
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
            raise self._fenced()

    def _fenced(self) -> FencedError:
        return FencedError(f"{self.stream.family}/{self.stream.partition} has been claimed by another worker")

    async def _append(self, key: bytes, value: bytes) -> None:
        await (await self._log.append(self.stream.partition, key, value))
