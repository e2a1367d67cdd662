"""What the three families have in common: how committed deltas become merged state.

A *delta* is what one checkpoint adds for one source partition; it is msgpack-able (lists, ints, strings; no int
beyond 64 bits, see ``streams.aggregate.numbers``). A *page* is a piece of one source partition's materialised state,
written to the state log now and then so that old deltas can go. Replaying pages and then the deltas that they do not
hold yet gives the state back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

PageId = str
Holds = Callable[[PageId], bool]
"""True when the page already contains the delta being applied (only while replaying)."""


def holds_nothing(_: PageId) -> bool:
    """The answer outside a replay: no page holds the new delta yet."""
    return False


class Fold(Protocol):
    """The merged state of one family over all of its source partitions."""

    def apply(self, partition: int, delta: Any, clock_us: int, holds: Holds = holds_nothing) -> None:
        """Adds a committed delta.

        Args:
            partition: the source partition.
            delta: what ``Pending.take`` gave.
            clock_us: the partition's clock after the delta, microseconds; never falls from one delta to the next.
            holds: which pages have the delta already.
        """

    def dirty(self, partition: int) -> set[PageId]:
        """Pages changed by ``apply`` (or emptied by the clock) since the last ``clean``."""

    def clean(self, partition: int) -> None:
        """All dirty pages have been written."""

    def dump(self, partition: int, page: PageId) -> Any:
        """The page's msgpack-able content, or None when nothing of it is left (its record may go)."""

    def prepare(self, partition: int, pages: Mapping[PageId, Any], deltas: Iterable[Any]) -> None:
        """Shows a replay before it begins, so that names which pages refer to by number can be learnt first."""

    def load(self, partition: int, page: PageId, content: Any) -> None:
        """Puts a page back; only in a replay, before any delta, each page once."""

    def loaded(self, partition: int) -> None:
        """All pages of a replay are in; deltas follow."""

    def drop(self, partition: int) -> None:
        """Forgets all of one partition (before a replay)."""


class Pending(Protocol):
    """What the owner of one source partition has aggregated since its last checkpoint."""

    def take(self) -> Any:
        """The delta, msgpack-able; empties what is pending."""


class PlainReplay:
    """The answer of a fold whose pages stand on their own."""

    def prepare(self, partition: int, pages: Mapping[PageId, Any], deltas: Iterable[Any]) -> None:
        """See ``Fold.prepare``: nothing has to be learnt first."""

    def loaded(self, partition: int) -> None:
        """See ``Fold.loaded``: each page was merged as it came."""
