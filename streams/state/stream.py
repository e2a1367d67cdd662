"""One stream of the state log as a reader sees it: whose checkpoints count, what is in them, what may be cleaned up.

The rules, the same for every reader and whatever compaction has removed:

- A claim takes effect where it stands in the log, if its epoch is above the present one: the next, as long as no claim
  has been missed.
- A head counts if it carries the nonce of the claim in effect and is the next number. So a worker that was paused and
  wakes up cannot add to what its successor does: its claim has ended.
- Pages are copies of committed state as of a checkpoint; the newest copy of each page and the heads after the base
  give the whole state back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.aggregate.fold import Fold, holds_nothing
from streams.state import records
from streams.state.records import Claim, Head, Page

IDS_PAGE = "i"
"""Pages that start with this hold event hashes. Only an owner reads them."""


class HoleError(Exception):
    """A checkpoint or a claim is missing: the stream has to be read again from the start."""


@dataclass
class _Replay:
    """What has been read of a stream whose end is not reached yet."""

    pages: dict[str, Page] = field(default_factory=dict)
    heads: dict[int, Head] = field(default_factory=dict)


class Stream:
    """One family's source partition.

    Args:
        family: its name.
        partition: of the source topic, and of the state log.
        fold: where its deltas go.
    """

    def __init__(self, family: str, partition: int, fold: Fold) -> None:
        self.family = family
        self.partition = partition
        self._fold = fold
        self._waiters: set[asyncio.Future[None]] = set()
        self.shown: Head | None = None  # the head that the fold's numbers are as of, also while the log is read again
        self.restart()

    def restart(self) -> None:
        """Forgets what was read: the log will be read from its start."""
        self._replay: _Replay | None = _Replay()
        self.claim: Claim | None = None
        self.head: Head | None = None  # the last one that counts; its delta and ids are left out
        self.heard: float | None = None  # when the last head was read live, on the reader's clock
        self.dirty: dict[str, int] = {}  # page -> the last checkpoint that changed it
        self.ids: dict[int, tuple[int, bytes]] = {}  # checkpoint after the base -> its event hashes
        self.foreign = 0  # the last checkpoint that an earlier claim made
        self.head_keys: dict[bytes, int] = {}  # heads still in the log -> n
        self.claim_keys: set[bytes] = set()
        self.page_keys: dict[str, set[bytes]] = {}  # page -> its copies still in the log

    @property
    def ready(self) -> bool:
        """The log has been read to its end once."""
        return self._replay is None

    # -- reading

    def read(self, kind: str, rest: str, key: bytes, value: bytes | None, now: float) -> None:
        """Takes the next record of the stream.

        Args:
            kind: claim, head or page.
            rest: of the key.
            key: the whole key.
            value: None for a tombstone.
            now: the reader's monotonic clock, seconds.

        Raises:
            HoleError: when a checkpoint or a claim was missed.
            records.StateFormatError: when the record cannot be read.
        """
        if value is None:
            self._forget(kind, rest, key)
            return
        record = records.decode(kind, value)
        if isinstance(record, Claim):
            self._read_claim(record, key)
        elif isinstance(record, Head):
            self._read_head(record, key, now)
        else:
            self._read_page(rest.rsplit("/", 1)[0], record, key)
        self.wake()

    def _forget(self, kind: str, rest: str, key: bytes) -> None:
        if kind == "c":
            self.claim_keys.discard(key)
        elif kind == "h":
            n = self.head_keys.pop(key, None)
            head = self._replay.heads.get(n) if self._replay is not None and n is not None else None
            if (
                self._replay is not None
                and head is not None
                and key == records.head_key(self.family, self.partition, head)
            ):
                del self._replay.heads[head.n]  # as if compacted: else a start needs memory for the whole log
        else:
            page = rest.rsplit("/", 1)[0]
            copies = self.page_keys.get(page, set())
            copies.discard(key)
            if not copies:
                self.page_keys.pop(page, None)

    def _read_claim(self, claim: Claim, key: bytes) -> None:
        present = self.claim.epoch if self.claim else 0
        if self.ready and claim.epoch > present + 1:  # compaction was faster: under a missed claim others wrote heads
            raise HoleError(f"claim {present + 1} of {self.family}/{self.partition} is missing")
        self.claim_keys.add(key)  # not before: an owner that has missed a claim would take the new one for spent
        if claim.epoch <= present:
            return
        self.claim = claim
        self.foreign = self.head.n if self.head else 0

    def _read_head(self, head: Head, key: bytes, now: float) -> None:
        self.head_keys[key] = head.n
        if self.claim is None or head.nonce != self.claim.nonce:
            return
        if self._replay is not None:
            self._replay.heads[head.n] = head
            return
        expected = self.head.n + 1 if self.head else 1
        if head.n < expected:
            return
        if head.n > expected:
            raise HoleError(f"checkpoint {expected} of {self.family}/{self.partition} is missing")
        self._apply(head, holds_nothing)
        self.heard = now

    def _read_page(self, page: str, record: Page, key: bytes) -> None:
        self.page_keys.setdefault(page, set()).add(key)
        if self._replay is not None and not page.startswith(IDS_PAGE):
            known = self._replay.pages.get(page)
            if known is None or record.n >= known.n:
                self._replay.pages[page] = record

    def reached_end(self) -> None:
        """Everything that was in the log has been read: builds the state.

        Raises:
            HoleError: when a checkpoint after the base, or the claim that checkpoints were made under, is missing.
        """
        replay = self._replay
        if replay is None:
            return
        if self.claim is None and self.head_keys:
            raise HoleError(f"the claim of {self.family}/{self.partition} is missing")
        last = max(replay.heads, default=0)
        base = replay.heads[last].base if last else 0
        missing = [n for n in range(base + 1, last + 1) if n not in replay.heads]
        if missing:
            raise HoleError(f"checkpoint {missing[0]} of {self.family}/{self.partition} is missing")
        heads = [replay.heads[n] for n in range(base + 1, last + 1)]
        self.foreign = max((head.n for head in heads if self.claim and head.nonce != self.claim.nonce), default=0)
        pages = {page: record.content for page, record in replay.pages.items() if page in self.page_keys}
        as_of = {page: replay.pages[page].n for page in pages}
        self._fold.drop(self.partition)
        self._fold.prepare(self.partition, pages, [head.delta for head in heads])
        for page in sorted(pages):
            self._fold.load(self.partition, page, pages[page])
        self._fold.loaded(self.partition)
        self._replay = None
        for head in heads:
            self._apply(head, lambda page, n=head.n: as_of.get(page, -1) >= n)  # type: ignore[misc]
        self.wake()

    def _apply(self, head: Head, holds: Callable[[str], bool]) -> None:
        self._fold.apply(self.partition, head.delta, head.clock_us, holds)
        for page in self._fold.dirty(self.partition):
            self.dirty[page] = head.n
        self._fold.clean(self.partition)
        self.ids[head.n] = (head.first_id, head.ids)
        if self.head is None or head.base > self.head.base:
            self.dirty = {page: n for page, n in self.dirty.items() if n > head.base}
            self.ids = {n: ids for n, ids in self.ids.items() if n > head.base}
        self.head = self.shown = _summary(head)

    # -- for the owner

    async def changed(self) -> None:
        """Waits for the next record of the stream."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    async def until_ready(self) -> None:
        """Waits until the log has been read to its end."""
        while not self.ready:
            await self.changed()

    def wake(self) -> None:
        """Lets everybody who waits look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def dump(self, page: str) -> Any:
        """A page's content as of the last head, None when nothing is left of it."""
        return self._fold.dump(self.partition, page)

    def superseded(self) -> list[bytes]:
        """Keys that no reader needs any more: heads up to the base, and claims under which no later head was made."""
        if self.head is None or self.claim is None:
            return []
        keys = [key for key, n in self.head_keys.items() if n <= self.head.base]
        if self.foreign <= self.head.base:
            mine = records.claim_key(self.family, self.partition, self.claim)
            keys += [key for key in self.claim_keys if key != mine]
        return keys


def _summary(head: Head) -> Head:
    """The head without what the fold has taken."""
    return Head(
        head.format, head.nonce, head.n, head.base, head.next_offset, head.end_offset, head.watermark_us,
        head.clock_us, head.outcomes, head.reasons, head.first_id + len(head.ids) // 16, b"", None,
        head.oldest_id, head.noted,
    )  # fmt: skip
