"""What an event costs as the state grows: CPU time, events/s and memory of one worker by the number of series.

``python -m benchmarks.growth [--series 10 100 1000 10000 100000] [--events 1000000] [--rounds 1] [--document]``

A series is a combination of exchange, product, currency and direction. Each is in each of four partitions, and they
take turns: every event is of another series than the many before it, the worst case. The series budget is raised to
the number of series for this; the last line is the most series under the default budget, beyond which they are counted
as ``other``. The events are loaded into an embedded broker first, then one worker takes them all in, under the event
clock, a day in all. It is asked how far it is, for at most a tenth of the time: each answer costs it time that grows
with the series, as a scrape does. Memory is what is resident at the end. Totals are compared with a plain sum; a wrong
one voids the figure and makes the exit code 1. Linux only.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

from benchmarks.brokers import broker
from benchmarks.drain import Drained, add_arguments, compare, drain
from benchmarks.load import SeriesKey, Trade, preload, record_of, totals, wide
from schemas.topics import TRANSACTIONS
from streams.aggregate.transactions import OTHER
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.workers import WorkerProcess

PARTITIONS = 4
LOOKS = 0.1
"""Of the time, at most, for answering how far it is."""


def folded(sums: Counter[SeriesKey], kept: Sequence[SeriesKey]) -> Counter[SeriesKey]:
    """Sums by series when only some are kept and all others go to the exchange ``other``."""
    known, found = set(kept), Counter[SeriesKey]()
    for key, amount in sums.items():
        found[key if key in known else (OTHER, *key[1:])] += amount
    return found


def first_series(trade: Callable[[int], Trade], series: int, budget: int) -> list[SeriesKey]:
    """The series that fit the budget: those that came first, in every partition the same."""
    turns = (trade(index).series for index in range(0, series * PARTITIONS, PARTITIONS))
    return list(islice(dict.fromkeys(turns), budget))


def run(series: int, budget: int, events: int) -> Drained:
    """One worker takes everything in."""
    trade = partial(wide, series=series, partitions=PARTITIONS)
    sums = folded(totals(events, trade), first_series(trade, series, budget))
    with broker("embedded") as address:
        asyncio.run(create_topics(Settings(broker=address, partitions=PARTITIONS)))
        asyncio.run(preload(address, TRANSACTIONS, PARTITIONS, events, record_of(trade)))
        with WorkerProcess(
            address, "--clock", "event", partitions=PARTITIONS, series_budget=budget, log_level="WARNING"
        ) as worker:
            return drain([worker], events, sums, LOOKS)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What an event costs as the state grows.")
    parser.add_argument("--series", type=int, nargs="+", default=[10, 100, 1_000, 10_000, 100_000])
    add_arguments(parser, rounds=1)
    given = parser.parse_args()
    default = Settings().series_budget
    sizes = [(series, max(series, default)) for series in given.series] + [(max(given.series), default)]
    cases = {
        f"{series:,} series, budget {budget:,}": partial(run, series, budget, given.events) for series, budget in sizes
    }
    return compare(given, "growth", "embedded", cases)


if __name__ == "__main__":
    raise SystemExit(main())
