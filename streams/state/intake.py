"""What an owner has taken in since its last checkpoint, beside the numbers."""

from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple

MAX_RECORDS = 1 << 16
MAX_BYTES = {"transactions": 32 << 20, "infrastructure": 2 << 20, "indicators": 2 << 20}
"""Of source records in one checkpoint: its head must stay below the state topic's largest message. Transactions
shrink to sums; what the others add is at most as large as the records."""


class Visible(NamedTuple):
    """Records that a checkpoint made readable, and when Kafka had the last of them, microseconds."""

    appended_us: int
    records: int


class Intake:
    """Counts what is taken in, and keeps what the next checkpoint must wait for.

    Args:
        family: of the stream.
    """

    def __init__(self, family: str) -> None:
        self._limit = MAX_BYTES[family]
        self.records = self._bytes = 0
        self._visible: list[Visible] = []
        self._acks: list[Awaitable[Any]] = []

    def add(self, records: int, size: int, appended_us: int, acks: Sequence[Awaitable[Any]]) -> None:
        """Some records of some bytes, and what must be done before a checkpoint may cover them."""
        self.records += records
        self._bytes += size
        self._visible.append(Visible(appended_us, records))
        self._acks += acks

    @property
    def full(self) -> bool:
        """The next checkpoint should not hold more."""
        return self.records >= MAX_RECORDS or self._bytes >= self._limit

    def take(self) -> tuple[list[Visible], list[Awaitable[Any]]]:
        """What became visible and what to wait for since the last call."""
        taken = self._visible, self._acks
        self._visible, self._acks = [], []
        self.records = self._bytes = 0
        return taken
