"""The pages of one stream: written now and then, so that the state log stays short.

Pages are copies of what is committed already, so they need no protocol of their own: a worker that dies half-way
leaves some newer copies behind, each saying as of which checkpoint it is. A base moves on only after every page that
changed has been written; then heads up to it, and older copies, may go.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from streams.aggregate.dedupe import BLOCK, Dedupe
from streams.state import records
from streams.state.records import FORMAT, Head, Page
from streams.state.stream import IDS_PAGE, Stream

WRITE_EVERY = 5.0
"""Seconds between page writes; together with the next two it bounds what a reader has to replay."""
WRITE_AFTER_BYTES = 2 << 20
WRITE_AFTER_HEADS = 200


class Log(Protocol):
    """The state log, for writing."""

    async def append(self, partition: int, key: bytes, value: bytes | None) -> Awaitable[Any]:
        """Hands a record over; what it gives is done when all in-sync replicas have it."""


class PageWriter:
    """Writes the pages of a stream for its owner.

    Args:
        stream: the owner's.
        log: to write.
        dedupe: the owner's memory of events.
        nonce: of the owner's claim.
        clock: monotonic, seconds.
    """

    def __init__(self, stream: Stream, log: Log, dedupe: Dedupe, nonce: str, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._log = log
        self._dedupe = dedupe
        self._nonce = nonce
        self._clock = clock
        self._written = clock()
        self._bytes = 0
        self.base = stream.head.base if stream.head else 0
        self._ids_written = min((first for first, _ in stream.ids.values()), default=dedupe.count)

    def wrote(self, size: int) -> None:
        """A head of some bytes has been written."""
        self._bytes += size

    async def write_if_due(self) -> None:
        """Writes what has changed, if it is time; the next head then names the base."""
        head, now = self._stream.head, self._clock()
        if head is None or head.n == head.base:
            return
        due = now - self._written >= WRITE_EVERY and (self._stream.dirty or head.n - head.base >= WRITE_AFTER_HEADS)
        if due or self._bytes >= WRITE_AFTER_BYTES:
            await self._write(head)
            self._written, self._bytes, self.base = now, 0, head.n

    async def _write(self, head: Head) -> None:
        stream = self._stream
        pages: dict[str, Any] = {page: stream.dump(page) for page in stream.dirty}
        pages |= self._ids_pages(head.first_id)
        keys = {page: records.page_key(stream.family, stream.partition, page, self._nonce) for page in pages}
        # As of now: while acknowledgements are waited for, a successor may write copies of its own.
        old = [
            key
            for page, content in pages.items()
            for key in stream.page_keys.get(page, ())
            if content is None or key != keys[page]
        ]
        acks = [
            await self._log.append(stream.partition, keys[page], records.encode(Page(FORMAT, head.n, content)))
            for page, content in pages.items()
            if content is not None
        ]
        for ack in acks:
            await ack
        await self._remove(old)
        self._ids_written = head.first_id

    def _ids_pages(self, count: int) -> dict[str, Any]:
        """Pages of event hashes that are new or have grown, and None for those beyond the horizon."""
        needed = self._dedupe.blocks(count)
        pages: dict[str, Any] = {
            f"{IDS_PAGE}{block}": self._dedupe.block(block, count)
            for block in range(max(needed.start, self._ids_written // BLOCK), needed.stop)
        }
        for page in self._stream.page_keys:
            if page.startswith(IDS_PAGE) and int(page[len(IDS_PAGE) :]) < needed.start:
                pages[page] = None
        return pages

    async def clean_up(self) -> None:
        """Takes away what the base has made superfluous."""
        head = self._stream.head
        if head is not None and head.base == self.base > 0:
            await self._remove(self._stream.superseded())

    async def _remove(self, keys: list[bytes]) -> None:
        """Writes tombstones. Nobody needs to know when they arrive, or whether."""
        for key in keys:
            await self._log.append(self._stream.partition, key, None)
