"""What scrapes do to a worker that takes in events as fast as it can: nobody scrapes, every 5 s, every 1 s.

``python -m benchmarks.scrape_effect [--series 5000] [--events 2000000] [--rounds 3] [--document]``

An embedded broker is loaded with synthetic trades of so many exchanges, products and currencies that the exchange
metrics have at least the wanted number of series, in four partitions. Workers, one after the other and each with state
of its own, take all of it in while /metrics is scraped as Prometheus does it, gzip and one connection. The first
scrape comes with the first event. Ratios are against the worker that nobody scrapes. Totals are compared with a plain
sum; a wrong one voids the figure and makes the exit code 1. Linux only: CPU time comes from /proc.
"""

import argparse
import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from functools import partial
from itertools import count

from benchmarks.brokers import broker
from benchmarks.drain import Drained, add_arguments, compare, drain
from benchmarks.load import SeriesKey, preload, record_of, totals, wide
from benchmarks.scraped import SERIES_OF_A_TRADE, Scraper
from benchmarks.threads import meanwhile
from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.workers import WorkerProcess

PARTITIONS = 4
GZIP = {"Accept-Encoding": "gzip"}


def scrape(url: str, every: float, stop: threading.Event) -> None:
    """Scrapes again and again."""
    with closing(Scraper(url)) as scraper:
        scraper.text(GZIP)
        while not stop.wait(every):
            scraper.text(GZIP)


def run(address: str, numbers: Iterator[int], every: float | None, events: int, sums: Counter[SeriesKey]) -> Drained:
    """One worker takes everything in, scraped or not."""
    settings = Settings(broker=address, partitions=PARTITIONS, app_id=f"run-{next(numbers)}")
    asyncio.run(create_topics(settings))
    with (
        WorkerProcess(
            address, "--clock", "event", partitions=PARTITIONS, app_id=settings.app_id, log_level="WARNING"
        ) as worker,
        meanwhile(partial(scrape, worker.url, every)) if every else nullcontext(),
    ):
        return drain([worker], events, sums)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What scrapes do to a worker at full pace.")
    parser.add_argument("--series", type=int, default=5_000, help="of the exchange metrics, at least (%(default)s)")
    add_arguments(parser, rounds=3, events=2_000_000)
    given = parser.parse_args()
    trade = partial(wide, series=-(-given.series // SERIES_OF_A_TRADE), partitions=PARTITIONS)
    with broker("embedded") as address:
        asyncio.run(create_topics(Settings(broker=address, partitions=PARTITIONS)))
        asyncio.run(preload(address, TRANSACTIONS, PARTITIONS, given.events, record_of(trade)))
        sums, numbers = totals(given.events, trade), count(1)
        ways = {"nobody scrapes": None, "a scrape every 5 s": 5.0, "a scrape every 1 s": 1.0}
        cases = {name: partial(run, address, numbers, every, given.events, sums) for name, every in ways.items()}
        return compare(given, "scrape effect", "embedded", cases)


if __name__ == "__main__":
    raise SystemExit(main())
