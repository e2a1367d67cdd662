"""Laws that every fold of last-writer-wins registers keeps, over batches of events of several source partitions."""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

PARTITIONS = 3

Batches = list[tuple[int, list[Any]]]
"""Source partitions and their events, in the order of their checkpoints."""


def batches(event: st.SearchStrategy[Any]) -> st.SearchStrategy[Batches]:
    """What owners checkpoint."""
    return st.lists(st.tuples(st.integers(0, PARTITIONS - 1), st.lists(event, min_size=1, max_size=6)), max_size=8)


def delta_of(pending: Any, events: list[Any]) -> Any:
    """The delta of some events, as it comes back from the state log."""
    for event in events:
        pending.add(event)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(pending.take()))


def fold_all(fold: Any, pending: Callable[[], Any], some: Batches) -> None:
    """Applies batches."""
    for partition, events in some:
        fold.apply(partition, delta_of(pending(), events), 0)


def replayed(new: Callable[[], Any], pending: Callable[[], Any], some: Batches, data: st.DataObject) -> Any:
    """The fold that a log of deltas and of pages written in between gives back."""
    live: Any = new()
    log: list[tuple[int, Any]] = []
    pages: dict[tuple[int, str], tuple[int, bytes]] = {}
    for at, (partition, events) in enumerate(some):
        delta = delta_of(pending(), events)
        live.apply(partition, delta, 0)
        log.append((partition, delta))
        if data.draw(st.booleans(), label="write pages"):
            for page in live.dirty(partition):
                pages[partition, page] = at, msgspec.msgpack.encode(live.dump(partition, page))
            live.clean(partition)
    again = live if data.draw(st.booleans(), label="same process") else new()
    for partition in range(PARTITIONS):
        again.drop(partition)
        written = {page: content for (of, page), content in pages.items() if of == partition}
        contents = {page: msgspec.msgpack.decode(content) for page, (_, content) in written.items()}
        deltas = [(at, delta) for at, (of, delta) in enumerate(log) if of == partition]
        again.prepare(partition, contents, [delta for _, delta in deltas])
        for page, content in contents.items():
            again.load(partition, page, content)
        again.loaded(partition)
        for at, delta in deltas:
            held = {page for page, (upto, _) in written.items() if upto >= at}
            again.apply(partition, delta, 0, held.__contains__)
    return again


def shuffled(some: Batches, data: st.DataObject) -> Batches:
    """The same events in any order, some twice, over any partitions."""
    events = [event for _, batch in some for event in batch]
    again = data.draw(st.lists(st.sampled_from(events), max_size=5) if events else st.just([]), label="again")
    mixed = data.draw(st.permutations(events + again), label="order")
    return [(data.draw(st.integers(0, PARTITIONS - 1)), [event]) for event in mixed]
