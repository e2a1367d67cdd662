"""Last-writer-wins registers: per source partition and cut into pages, with the winner over all partitions on top.

A row's rank ends in its whole content, so that any order and any duplication of rows give the same registers.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from streams.aggregate.fold import Holds, PageId, holds_nothing


class Row(Protocol):
    """What a register holds: immutable, compared by rank, kept under its key."""

    @property
    def key(self) -> Hashable:
        """Which register it is for."""
        ...

    @property
    def page(self) -> PageId:
        """The page that holds its register, whatever the row says."""
        ...

    @property
    def rank(self) -> tuple[Any, ...]:
        """The higher one stays."""
        ...

    def pack(self) -> list[Any]:
        """The row as msgpack can hold it."""
        ...


R = TypeVar("R", bound=Row)


def put_latest(rows: dict[Hashable, R], row: R) -> bool:
    """Puts the row, unless its register holds one of the same or a higher rank. True when it was put."""
    held = rows.get(row.key)
    if held is not None and held.rank >= row.rank:
        return False
    rows[row.key] = row
    return True


def pack_all(rows: dict[Hashable, R]) -> list[list[Any]]:
    """The rows as msgpack can hold them."""
    return [row.pack() for row in rows.values()]


class Registers(Generic[R]):
    """The registers of one kind of row over all source partitions; a ``Fold`` whose deltas are lists of rows.

    Args:
        unpack: a row from what its ``pack`` gave, lists for tuples.
        changed: told of every change of a winner: the row that was, and the row that is (None when none is).
    """

    def __init__(self, unpack: Callable[[Any], R], changed: Callable[[R | None, R | None], None]) -> None:
        self._unpack = unpack
        self._changed = changed
        self._pages: dict[int, dict[PageId, dict[Hashable, R]]] = {}
        self._winners: dict[Hashable, R] = {}
        self._dirty: dict[int, set[PageId]] = {}

    def apply(
        self,
        partition: int,
        delta: Collection[Any] | None,
        clock_us: int,  # of the protocol: registers do not age
        holds: Holds = holds_nothing,
    ) -> None:
        """Adds a delta: packed rows, or nothing."""
        for packed in delta or ():
            row = self._unpack(packed)
            if not holds(row.page) and self._put(partition, row):
                self._dirty.setdefault(partition, set()).add(row.page)

    def dirty(self, partition: int) -> set[PageId]:
        """Pages changed since the last ``clean``."""
        return set(self._dirty.get(partition, ()))

    def clean(self, partition: int) -> None:
        """All dirty pages have been written."""
        self._dirty.pop(partition, None)

    def dump(self, partition: int, page: PageId) -> list[list[Any]] | None:
        """The page's rows, or None when it has none."""
        return pack_all(self._pages.get(partition, {}).get(page, {})) or None

    def prepare(self, partition: int, pages: Mapping[PageId, Any], deltas: Iterable[Any]) -> None:
        """Nothing to learn: rows name things in full."""

    def load(self, partition: int, page: PageId, content: Collection[Any]) -> None:
        """Puts a page back."""
        for packed in content:
            self._put(partition, self._unpack(packed))

    def loaded(self, partition: int) -> None:
        """Nothing to do: rows count as they are put."""

    def drop(self, partition: int) -> None:
        """Forgets one partition: where it had the winner, the best of the others wins."""
        self.clean(partition)
        for page, rows in self._pages.pop(partition, {}).items():
            for key, row in rows.items():
                if self._winners[key] is row:
                    self._crown(key, page)

    def forget(self, row: R) -> None:
        """Takes a register out of every partition."""
        for partition, pages in self._pages.items():
            if pages.get(row.page, {}).pop(row.key, None) is not None:
                self._dirty.setdefault(partition, set()).add(row.page)
        self._crown(row.key, row.page)

    def _put(self, partition: int, row: R) -> bool:
        rows = self._pages.setdefault(partition, {}).setdefault(row.page, {})
        if not put_latest(rows, row):
            return False
        before = self._winners.get(row.key)
        if put_latest(self._winners, row):
            self._changed(before, row)
        return True

    def _crown(self, key: Hashable, page: PageId) -> None:
        """Chooses a register's winner anew after its row was taken away."""
        before = self._winners.pop(key)
        for pages in self._pages.values():
            if (row := pages.get(page, {}).get(key)) is not None:
                put_latest(self._winners, row)
        self._changed(before, self._winners.get(key))
