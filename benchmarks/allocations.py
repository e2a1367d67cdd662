"""What an event allocates on the hot path: objects and bytes kept, and bytes at most, by stage. Counted, not timed.

``python benchmarks/allocations.py``

One slice of the synthetic transactions of ``hot_path.py`` goes through decode and aggregation once to fill all caches,
and then again, stage by stage, with the garbage collector off. *Kept* is what the stage's result holds, *at most* what
was held at any moment meanwhile. The same code gives the same figures on a busy machine, too:
tests/unit/test_allocations.py keeps them within a band.
"""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.hot_path import NOW_US, SLICE, Way, as_columns, slices
from schemas.currencies import exponent
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.windows import Calendar


class Allocated(NamedTuple):
    """Per event: objects kept, bytes kept, bytes at most."""

    objects: float
    kept: float
    most: float


def allocated() -> dict[str, Allocated]:
    """Stage -> what it allocates."""
    (records,) = slices(SLICE, odd=False)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        _stages(records, _bytes)
        objects, sizes = _stages(records, _objects), _stages(records, _bytes)
    finally:
        if collecting:
            gc.enable()
    return {stage: Allocated(objects[stage][0], *sizes[stage]) for stage in objects}


def _stages(records: Any, counted: Callable[[Callable[[], Any]], tuple[tuple[float, ...], Any]]) -> dict[str, Any]:
    """The way of one slice, each stage counted."""
    way, fold = Way(), TransactionsFold(Calendar("UTC"), exponent)
    found: dict[str, Any] = {}
    found["decode"], batch = counted(lambda: as_columns(way.decoder, records))
    found["add"], _ = counted(lambda: way.work.add(batch, NOW_US))
    found["take"], taken = counted(lambda: way.work.take(NOW_US))
    found["fold"], _ = counted(lambda: fold.apply(0, taken.delta, taken.clock_us))
    return found


def _objects(stage: Callable[[], Any]) -> tuple[tuple[float, ...], Any]:
    before = sys.getallocatedblocks()
    result = stage()
    return ((sys.getallocatedblocks() - before) / SLICE,), result


def _bytes(stage: Callable[[], Any]) -> tuple[tuple[float, ...], Any]:
    tracemalloc.start()
    try:
        result = stage()
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (kept / SLICE, most / SLICE), result


def main() -> int:
    """Counts and prints."""
    print(f"{'per event':<10}{'objects kept':>14}{'bytes kept':>14}{'bytes at most':>16}")
    for stage, counted in allocated().items():
        print(f"{stage:<10}{counted.objects:>14.2f}{counted.kept:>14.1f}{counted.most:>16.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
