"""A worker that wakes up while it writes pages leaves those of its successor alone."""

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

from streams.aggregate.dedupe import Dedupe
from streams.state.pages import WRITE_AFTER_BYTES, PageWriter
from streams.state.records import FORMAT, Head, page_key


class Log:
    """Acknowledges when told."""

    def __init__(self) -> None:
        self.written: list[tuple[bytes, bool]] = []
        self.acknowledged = asyncio.Event()

    async def append(self, partition: int, key: bytes, value: bytes | None) -> Awaitable[Any]:
        self.written.append((key, value is None))
        return asyncio.ensure_future(self.acknowledged.wait())


async def test_only_copies_that_were_there_before_are_removed() -> None:
    head = Head(FORMAT, "mine", 7, 3, 70, 70, None, 0, [0, 0, 0, 0], {}, 0, b"", None)
    earlier, later = (page_key("transactions", 0, "a", nonce) for nonce in ("earlier", "later"))
    gone = page_key("transactions", 0, "b", "earlier")
    stream: Any = SimpleNamespace(
        family="transactions",
        partition=0,
        head=head,
        dirty={"a": 7, "b": 7},
        ids={},
        page_keys={"a": {earlier}, "b": {gone}},
        dump=lambda page: "content" if page == "a" else None,
    )
    log = Log()
    pages = PageWriter(stream, log, Dedupe.restore(100, 0, []), "mine", lambda: 0.0)
    pages.wrote(WRITE_AFTER_BYTES)
    writing = asyncio.create_task(pages.write_if_due())
    for _ in range(5):
        await asyncio.sleep(0)
    assert log.written
    stream.page_keys["a"].add(later)  # the worker was stopped here; its successor has gone on
    stream.page_keys["b"].add(page_key("transactions", 0, "b", "later"))
    log.acknowledged.set()
    await writing
    assert sorted(key for key, tombstone in log.written if tombstone) == sorted([earlier, gone])
