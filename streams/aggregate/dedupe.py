"""The last ``horizon`` events of one partition, by the hash of their source and id.

Every event that is not rejected has a number, counted from 0 in its partition. An event is a duplicate when one of the
``horizon`` events before it had the same hash; a duplicate counts as an event too, so a repeat keeps its id alive.

Hashes are 128 bits wide (xxh3): among a million remembered ids two different ones meet with probability below 1e-26.
Lookup is vectorised: an open-addressing table of event numbers beside a ring of hashes. Two generations of the table,
each covering ``horizon`` events, make a rebuild unnecessary when old events drop out.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_digest

HASH_BYTES = 16
BLOCK = 4096
"""Events in one persisted page of hashes."""

MAX_PENDING = 1 << 18
"""Events that may be remembered beyond the horizon: those not yet durable, whose pages are written from the ring."""

_Hashes = npt.NDArray[np.uint64]
_Index = npt.NDArray[np.int64]
_SMALLEST = 1 << 10


def hash_ids(ids: Iterable[tuple[str, str]]) -> bytes:
    """The concatenated hashes of (source, id) pairs. A NUL parts the two: neither can contain one."""
    return b"".join(map(xxh3_128_digest, map(str.encode, map("\0".join, ids))))


def _distinct(rows: _Hashes) -> tuple[_Index, _Index]:
    """The index of each distinct hash's first row, and for each row which distinct one it is."""
    halves = np.sort(rows[:, 0])
    if (halves[1:] != halves[:-1]).all():  # the usual case, at a tenth of the price
        everyone = np.arange(len(rows))
        return everyone, everyone
    _, first, inverse = np.unique(rows[:, 0], return_index=True, return_inverse=True)
    if not np.array_equal(rows[first[inverse], 1], rows[:, 1]):  # half a hash met by chance: compare whole ones
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, inverse.ravel()


class _Table:
    """Event numbers by hash, for numbers from ``first`` on.

    A slot that is taken sends the search on by 1, 2, 3 and so on: that visits every slot, as their number is a power
    of two, and crowds less than going on one by one.
    """

    def __init__(self, first: int, capacity: int) -> None:
        self.first = first
        self.used = 0
        self._mask = np.int64(capacity - 1)
        self._slots = np.zeros(capacity, np.uint32)  # number - first + 1; 0 is empty

    @property
    def capacity(self) -> int:
        return len(self._slots)

    def numbers(self) -> _Index:
        return self._slots[self._slots > 0].astype(np.int64) - 1 + self.first

    def put(self, ring: "_Ring", hashes: _Hashes, numbers: _Index) -> _Index:
        """Sets the numbers of distinct hashes; gives the number each had before, -1 where there was none."""
        before = np.full(len(hashes), -1, np.int64)
        entries = (numbers - self.first + 1).astype(np.uint32)
        todo = np.arange(len(hashes))
        place = (hashes[:, 0] & np.uint64(self._mask)).astype(np.int64)
        step = 0
        while len(todo):
            held = self._slots[place]
            free = np.flatnonzero(held == 0)
            mine = entries[todo[free]]
            self._slots[place[free]] = mine  # several may want one slot: the last one has it
            lost = self._slots[place[free]] != mine
            self.used += len(free) - int(np.count_nonzero(lost))
            full = np.flatnonzero(held)
            known = held[full].astype(np.int64) - 1 + self.first
            same = ring.equal(known, hashes[todo[full]])
            met = full[same]
            before[todo[met]] = known[same]
            self._slots[place[met]] = entries[todo[met]]
            step += 1
            on = np.concatenate([free[lost], full[~same]])
            todo, place = todo[on], (place[on] + step) & self._mask
        return before

    def find(self, ring: "_Ring", hashes: _Hashes) -> _Index:
        """The number of each hash, -1 where there is none."""
        found = np.full(len(hashes), -1, np.int64)
        todo = np.arange(len(hashes))
        place = (hashes[:, 0] & np.uint64(self._mask)).astype(np.int64)
        step = 0
        while len(todo):
            held = self._slots[place]
            full = np.flatnonzero(held)
            known = held[full].astype(np.int64) - 1 + self.first
            same = ring.equal(known, hashes[todo[full]])
            found[todo[full[same]]] = known[same]
            step += 1
            on = full[~same]
            todo, place = todo[on], (place[on] + step) & self._mask
        return found


class _Ring:
    """The hashes of the newest events, by event number."""

    def __init__(self, limit: int, size: int = _SMALLEST) -> None:
        self._limit = limit
        self.end = 0
        self._hashes: _Hashes = np.zeros((min(limit, size), 2), np.uint64)

    @property
    def size(self) -> int:
        return len(self._hashes)

    def extend(self, first: int, hashes: _Hashes) -> None:
        end = first + len(hashes)
        if end > self.size and self.size < self._limit:
            self._grow(end)
        at = first % self.size
        until_wrap = min(len(hashes), self.size - at)
        self._hashes[at : at + until_wrap] = hashes[:until_wrap]
        self._hashes[: len(hashes) - until_wrap] = hashes[until_wrap:]
        self.end = max(self.end, end)

    def _grow(self, end: int) -> None:
        size = self.size
        while size < end and size < self._limit:
            size = min(self._limit, size * 2)
        grown = np.zeros((size, 2), np.uint64)
        kept = np.arange(max(0, self.end - self.size), self.end)
        grown[kept % size] = self._hashes[kept % self.size]
        self._hashes = grown

    def equal(self, numbers: _Index, hashes: _Hashes) -> npt.NDArray[np.bool_]:
        """Which numbers are still in the ring and have that hash."""
        held = self._hashes[numbers % self.size]
        same_hash = (held[:, 0] == hashes[:, 0]) & (held[:, 1] == hashes[:, 1])
        result: npt.NDArray[np.bool_] = (numbers >= self.end - self.size) & same_hash
        return result

    def get(self, numbers: _Index) -> _Hashes:
        return self._hashes[numbers % self.size]


class Dedupe:
    """Remembers the last ``horizon`` events of a partition.

    Args:
        horizon: how many events back a repeat is recognised.
    """

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self._from = 0  # the first event that it has known
        self._ring = _Ring(horizon + MAX_PENDING)
        self._old: _Table | None = None
        self._new = _Table(0, _SMALLEST)

    @property
    def count(self) -> int:
        """Events so far: the next event's number."""
        return self._ring.end

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is remembered."""
        return max(self._from, self.count - self.horizon)

    def add(self, hashes: bytes) -> list[bool]:
        """Numbers the next events and says which are duplicates.

        Args:
            hashes: 16 bytes an event, from ``hash_ids``.
        """
        rows = np.frombuffer(hashes, np.uint64).reshape(-1, 2)
        answer: list[bool] = []
        while len(rows):
            room = self._new.first + self.horizon - self.count
            if room == 0:
                self._old, self._new = self._new, _Table(self.count, _SMALLEST)
                room = self.horizon
            answer += self._add(rows[:room]).tolist()
            rows = rows[room:]
        return answer

    def _add(self, rows: _Hashes) -> npt.NDArray[np.bool_]:
        start = self.count
        first, inverse = _distinct(rows)
        last = np.zeros(len(first), np.int64)
        last[inverse] = np.arange(len(rows))  # of several writes to one place the last one stays
        distinct = rows[first]
        self._ring.extend(start, rows)
        before = self._put(distinct, start + last)
        if self._old is not None:
            missing = np.flatnonzero(before < 0)
            before[missing] = self._old.find(self._ring, distinct[missing])
        duplicate = np.ones(len(rows), np.bool_)  # a second occurrence among these few is within the horizon
        duplicate[first] = (before >= 0) & (start + first - before <= self.horizon)
        return duplicate

    def _put(self, hashes: _Hashes, numbers: _Index) -> _Index:
        need = 2 * (self._new.used + len(hashes))
        if need > self._new.capacity:
            self._regrow(need)
        return self._new.put(self._ring, hashes, numbers)

    def _regrow(self, need: int) -> None:
        table = self._new
        capacity = table.capacity
        while capacity < need:
            capacity *= 2
        held = table.numbers()
        held = held[held >= self._ring.end - self._ring.size]
        self._new = _Table(table.first, capacity)
        self._new.put(self._ring, self._ring.get(held), held)

    def blocks(self, end: int) -> range:
        """The blocks that hold events within the horizon of event number ``end``."""
        return range(max(0, end - self.horizon) // BLOCK, -(-end // BLOCK))

    def block(self, index: int, end: int) -> bytes:
        """The hashes of one block's events with a number below ``end``."""
        first = index * BLOCK
        return self._ring.get(np.arange(first, min(first + BLOCK, end))).tobytes()

    @classmethod
    def restore(
        cls, horizon: int, count: int, pieces: Iterable[tuple[int, bytes]], oldest: int | None = None
    ) -> "Dedupe":
        """Rebuilds the memory from (first event number, hashes) pieces in any order.

        Args:
            horizon: how many events back a repeat is recognised.
            count: events so far.
            pieces: what was kept.
            oldest: the oldest event that was remembered, see ``oldest``. Those before may be missing: the horizon was
                shorter when they were dropped. None when it is not known: then any of the oldest may.

        Raises:
            ValueError: when one is missing that was remembered, or that comes after one that is there.
        """
        dedupe = cls(horizon)
        start = max(0, count - horizon)
        # As large as it comes to be: to grow, it would need both sizes for a moment.
        ring = dedupe._ring = _Ring(horizon + MAX_PENDING, max(_SMALLEST, 1 << (2 * count - 1).bit_length()))
        there = np.zeros(count - start, np.bool_)
        for first, hashes in pieces:
            piece = np.frombuffer(hashes, np.uint64).reshape(-1, 2)
            low, high = max(first, start), min(first + len(piece), count)
            if low < high:
                ring.extend(low, piece[low - first : high - first])
                there[low - start : high - start] = True
        first_there = int(there.argmax()) if there.any() else len(there)
        due = first_there if oldest is None else min(first_there, max(0, oldest - start))
        if not there[due:].all() or (first_there == len(there) > 0):
            raise ValueError(f"{int((~there[due:]).sum())} of the last {count - start} event ids are missing")
        start += first_there
        ring.end = dedupe._from = start
        dedupe._new = _Table(start, max(_SMALLEST, 1 << (2 * (count - start) - 1).bit_length()))
        for at in range(start, count, 1 << 16):
            dedupe.add(ring.get(np.arange(at, min(at + (1 << 16), count))).tobytes())
        return dedupe
