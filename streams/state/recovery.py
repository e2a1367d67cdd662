"""How an owner comes by its stream: claims it in the log, and takes over what the log holds."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from streams.aggregate.dedupe import Dedupe
from streams.aggregate.indicators import IndicatorPending
from streams.aggregate.infrastructure import InfrastructurePending
from streams.aggregate.partition import PartitionAggregate
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.windows import Calendar
from streams.errors import CityPulseError
from streams.state import records
from streams.state.board import Board, StateSettings
from streams.state.pages import Log, PageWriter
from streams.state.records import FORMAT, Claim
from streams.state.stream import Stream

ReadIds = Callable[[str, int], Awaitable[list[tuple[int, bytes]]]]
"""Reads the event hashes of a family in one partition of the state log: pieces of (first event number, hashes)."""


class FencedError(Exception):
    """Another worker has claimed the stream."""


class StateSettingsError(CityPulseError):
    """The state was made with other settings."""


UNFINISHED = "a restore that is not finished"
"""Stands in a claim instead of settings while a restore writes: whoever may claim the stream then ends."""


def check_settings(made_with: str, mine: StateSettings) -> None:
    """Checks that a state may be gone on with.

    Args:
        made_with: the settings that the state's claims name.
        mine: those of this process.

    Raises:
        StateSettingsError: they differ, or a restore has not come to its end.
    """
    if made_with == UNFINISHED:
        raise StateSettingsError(
            "the state of this application is that of a restore which has not come to its end",
            "wait for it; or, when it was broken off, delete the state topic, make it anew, and restore again",
        )
    if made_with != str(mine):
        raise StateSettingsError(
            f"the state of this application was made with {made_with}, this worker has {mine}",
            "set CITYPULSE_TIME_ZONE and CITYPULSE_CLOCK as they were, or begin anew with another CITYPULSE_APP_ID",
        )


@dataclass(frozen=True, slots=True)
class OwnerOptions:
    """What all owners of a worker share."""

    worker: str
    interval: float  # seconds between checkpoints
    dedupe_horizon: int
    series_budget: int
    note: Callable[[], Any] = lambda: None  # what to keep beside the state of ``NOTING``: short, plain data


@dataclass(slots=True)
class Held:
    """What an owner has from its claim on."""

    claim: Claim
    work: PartitionAggregate
    pages: PageWriter
    n: int  # the last checkpoint
    next_offset: int | None  # of the source; None until it is known where that begins
    end_offset: int


class Recovery:
    """Claims and recovers one stream.

    Args:
        stream: on the board.
        board: that reads the log.
        log: to write.
        options: shared by the worker's owners.
        clock: monotonic, seconds.
    """

    def __init__(
        self, stream: Stream, board: Board, log: Log, options: OwnerOptions, clock: Callable[[], float]
    ) -> None:
        self._stream = stream
        self._board = board
        self._log = log
        self._options = options
        self._clock = clock
        self._ids_missing = False

    async def acquire(self, read_ids: ReadIds) -> Held:
        """Claims the stream until the claim stands, and takes over its state.

        Args:
            read_ids: see ``ReadIds``.

        Raises:
            FencedError: when another worker has claimed it meanwhile.
            StateSettingsError: when the state was made with other settings.
            KafkaError: when the log cannot be written or read.
            ValueError: when event hashes are missing in the log.
        """
        stream = self._stream
        while True:
            await stream.until_ready()
            if stream.claim is not None:
                check_settings(stream.claim.settings, self._board.settings)
            claim = await self._write_claim()
            while stream.claim is None or stream.claim.epoch < claim.epoch or not stream.ready:
                await stream.changed()
            if stream.claim == claim:
                held = await self._recover(claim, read_ids)
                if held is None:
                    raise FencedError(f"{stream.family}/{stream.partition} has been claimed by another worker")
                return held

    async def _write_claim(self) -> Claim:
        stream = self._stream
        epoch = stream.claim.epoch + 1 if stream.claim else 1
        claim = Claim(FORMAT, epoch, secrets.token_hex(6), self._options.worker, str(self._board.settings))
        key = records.claim_key(stream.family, stream.partition, claim)
        await (await self._log.append(stream.partition, key, records.encode(claim)))
        return claim

    async def _recover(self, claim: Claim, read_ids: ReadIds) -> Held | None:
        """Takes over what the stream holds; while the claim stands it cannot change any more except by this owner.

        Returns:
            None when another worker has claimed the stream meanwhile.
        """
        stream = self._stream
        pieces: list[tuple[int, bytes]] = []
        if stream.head and stream.head.first_id and min((first for first, _ in stream.ids.values()), default=1):
            pieces = await read_ids(stream.family, stream.partition)
            await stream.until_ready()
        if stream.claim != claim:
            return None
        head = stream.head
        count = head.first_id if head else 0
        try:
            oldest = head.oldest_id if head else None
            dedupe = Dedupe.restore(self._options.dedupe_horizon, count, [*pieces, *stream.ids.values()], oldest)
        except ValueError:
            # A process that was stopped reads hashes of a log that its board is behind of. Next time it is not.
            if self._ids_missing:
                raise
            self._ids_missing = True
            return None
        self._ids_missing = False
        so_far: dict[str, Any] = {}
        if head is not None:
            so_far = {
                "watermark_us": head.watermark_us,
                "clock_us": head.clock_us,
                "outcomes": head.outcomes,
                "reasons": head.reasons,
            }
        return Held(
            claim=claim,
            work=PartitionAggregate(self._pending(), dedupe, self._board.settings.clock, **so_far),
            pages=PageWriter(stream, self._log, dedupe, claim.nonce, self._clock),
            n=head.n if head else 0,
            next_offset=head.next_offset if head else None,
            end_offset=head.end_offset if head else 0,
        )

    def _pending(self) -> Any:
        stream = self._stream
        if stream.family == "transactions":
            series = self._board.transactions.series_of(stream.partition)
            return TransactionsPending(series, self._options.series_budget, Calendar(self._board.settings.time_zone))
        return InfrastructurePending() if stream.family == "infrastructure" else IndicatorPending()
