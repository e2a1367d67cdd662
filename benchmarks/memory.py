"""What a worker's memory is made of: bytes for each remembered event id and for each series. Figures of docs/deploy.md.

``python benchmarks/memory.py [--ids 1000000] [--series 50] [--json]``

No broker, no network: the parts of a worker that grow are filled and what they hold is counted (tracemalloc), so a busy
machine changes nothing. A series is measured at its most: a transaction in every minute of the last day and in every
hour of the last thirty, which are all the panes that its windows can have.
"""

import argparse
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable

import numpy as np

from schemas.batch import Transactions
from schemas.currencies import exponent
from streams.aggregate.dedupe import HASH_BYTES, Dedupe
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.windows import DAY, HOUR, MINUTE, Calendar

NOW = 20_000 * DAY
AMOUNT = 2_650_000_00
IDS_AT_ONCE = 4096


def held(fill: Callable[[], object]) -> int:
    """Bytes that what ``fill`` makes holds."""
    gc.collect()
    tracemalloc.start()
    kept = fill()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return size


def ids(count: int) -> Dedupe:
    """A full memory of ids: twice as many events have come as it remembers, each with another id."""
    dedupe = Dedupe(count)
    for _ in range(0, 2 * count, IDS_AT_ONCE):
        dedupe.add(os.urandom(IDS_AT_ONCE * HASH_BYTES))
    return dedupe


def totals(series: int) -> TransactionsFold:
    """Totals and windows of one partition in which each series has a transaction in every pane."""
    calendar = Calendar("Asia/Shanghai")
    fold = TransactionsFold(calendar, exponent)
    pending = TransactionsPending([], series, calendar)
    keys = [(f"exchange-{number}", "dataset", "CNY", False) for number in range(series)]
    times = [NOW - hour * HOUR for hour in range(30 * 24, 24, -1)] + [NOW - at * MINUTE for at in range(24 * 60, 0, -1)]
    for time_us in times:
        moments = np.full(series, time_us, np.int64)
        nothing = np.zeros(series, np.bool_)
        amounts = np.full(series, AMOUNT, np.int64)
        names = [""] * series
        pending.add(Transactions(names, names, moments, moments, nothing, keys, np.arange(series), amounts), nothing)
        fold.apply(0, pending.take(), time_us)
        fold.advance(time_us)
    return fold


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Bytes for each remembered id and for each series.")
    parser.add_argument("--ids", type=int, default=1_000_000, help="remembered in one partition (%(default)s)")
    parser.add_argument("--series", type=int, default=50, help="of one partition (%(default)s)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = {
        "bytes_per_id": round(held(lambda: ids(arguments.ids)) / arguments.ids, 1),
        "kib_per_series": round(held(lambda: totals(arguments.series)) / arguments.series / 1024, 1),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        print(f"an id that is remembered   {result['bytes_per_id']} bytes")
        print(f"a series with every pane   {result['kib_per_series']} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
