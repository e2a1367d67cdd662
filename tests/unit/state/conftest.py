"""What the tests of the state share: a log that is written by hand and read record by record."""

from typing import Any

from schemas.events import Asset
from streams.aggregate.infrastructure import InfrastructureFold, InfrastructurePending
from streams.state import records
from streams.state.records import FORMAT, Claim, Head, Page
from streams.state.stream import Stream

FAMILY = "infrastructure"


def delta_of(*assets: str) -> Any:
    """What a checkpoint adds that puts these assets in service."""
    pending = InfrastructurePending()
    for name in assets:
        pending.add(Asset("/s", name, 0, name, "rack", "110108", "110000", True, None, ""))
    return pending.take()


class Written:
    """A state log of one stream, and a reader of it.

    Every checkpoint n puts the asset ``n`` in service and takes one record in, unless told otherwise.
    """

    def __init__(self) -> None:
        self.log: list[tuple[bytes, bytes | None]] = []
        self.fold = InfrastructureFold()
        self.stream = Stream(FAMILY, 0, self.fold)

    def claim(self, epoch: int, nonce: str) -> bytes:
        claim = Claim(FORMAT, epoch, nonce, f"worker of {nonce}", "settings")
        return self._write(records.claim_key(FAMILY, 0, claim), records.encode(claim))

    def head(self, n: int, nonce: str, *, base: int = 0, delta: Any = None, ids: bytes = b"") -> bytes:
        head = Head(
            FORMAT, nonce, n, base, n, n, None, 0, [n, 0, 0, 0], {}, n - 1, ids, delta or delta_of(f"{n}")
        )  # fmt: skip
        return self._write(records.head_key(FAMILY, 0, head), records.encode(head))

    def page(self, page: str, nonce: str, n: int, content: Any) -> bytes:
        return self._write(records.page_key(FAMILY, 0, page, nonce), records.encode(Page(FORMAT, n, content)))

    def tombstone(self, key: bytes) -> None:
        self._write(key, None)

    def _write(self, key: bytes, value: bytes | None) -> bytes:
        self.log.append((key, value))
        return key

    def compacted(self, *gone: bytes) -> None:
        """Takes records away as compaction does."""
        self.log = [(key, value) for key, value in self.log if key not in gone]

    def read(self, first: int = 0, last: int | None = None, now: float = 0.0) -> None:
        """Some of the log goes to the reader."""
        for key, value in self.log[first:last]:
            _, _, kind, rest = records.parse_key(key)
            self.stream.read(kind, rest, key, value, now)

    def replay(self) -> None:
        """The reader reads the log from its start to its end."""
        self.stream.restart()
        self.read()
        self.stream.reached_end()

    def fold_pages(self) -> set[str]:
        """The pages that hold what was read."""
        return {page for page in (f"a{shard}" for shard in range(64)) if self.fold.dump(0, page) is not None}

    @property
    def in_service(self) -> int:
        return sum(group.count for group in self.fold.assets())
