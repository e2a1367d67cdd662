"""One worker against two on the same cores, the broker beside them: events/s and CPU time per event, in one run.

``python -m benchmarks.scaling [--events 1000000] [--rounds 3] [--workers 2] [--apache] [--document]``

Workers start on empty topics and share the partitions. When all of them are complete they are held (SIGSTOP) while
events that were packed into batches before are poured into the broker, so that nobody's loading takes part of the
cores and all begin at once; that takes less than the group's patience, or the run is an error. The time counts from a
fifth of the events until all are applied. One worker and several take turns, each time on a broker of its own. CPU time
is that of all workers. Totals are compared with a plain sum at every worker; a wrong one voids the figure and makes the
exit code 1. Linux only: CPU time comes from /proc.
"""

import argparse
import asyncio
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from aiokafka import AIOKafkaProducer

from benchmarks.brokers import add_choice, broker, chosen
from benchmarks.drain import Drained, add_arguments, compare, drain
from benchmarks.load import BATCH_BYTES, SeriesKey, packed, pour, synthetic, totals
from benchmarks.scraped import Scraper
from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.workers import WorkerProcess

PARTITIONS = 4
_REBALANCES = re.compile(rb"^citypulse_rebalances_total (\S+)", re.MULTILINE)


def shared(workers: Sequence[WorkerProcess]) -> None:
    """Waits until every worker is complete and owns partitions of the transactions."""
    for worker in workers:
        worker.until(
            lambda answer: (
                answer["complete"]
                and len({row["owner"] for row in answer["partitions"] if row["topic"] == TRANSACTIONS}) == len(workers)
            )
        )


@contextmanager
def held(workers: Sequence[subprocess.Popen[str]]) -> Iterator[None]:
    """Stops processes meanwhile."""
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGCONT)


def rebalances(workers: Sequence[WorkerProcess]) -> list[bytes]:
    """How often each worker was given partitions."""
    found = []
    for worker in workers:
        with closing(Scraper(worker.url)) as scraper:
            found += _REBALANCES.findall(scraper.text())
    return found


async def fill(address: str, workers: Sequence[WorkerProcess], events: int) -> None:
    """Pours events into a broker while its workers are held."""
    processes = [worker.process for worker in workers if worker.process is not None]
    async with AIOKafkaProducer(bootstrap_servers=address, max_batch_size=BATCH_BYTES) as producer:
        batches = list(packed(producer, PARTITIONS, events, synthetic))
        with held(processes):
            await pour(producer, TRANSACTIONS, batches)


def run(name: str, count: int, events: int, sums: Counter[SeriesKey]) -> Drained:
    """One run of so many workers on a broker of their own.

    Raises:
        RuntimeError: the group had given up a worker that was held.
    """
    with broker(name) as address, ExitStack() as stack:
        asyncio.run(create_topics(Settings(broker=address, partitions=PARTITIONS)))
        workers = [
            WorkerProcess(address, "--clock", "event", partitions=PARTITIONS, log_level="WARNING") for _ in range(count)
        ]
        for worker in workers:
            stack.enter_context(worker)
        shared(workers)
        before = rebalances(workers)
        asyncio.run(fill(address, workers, events))
        drained = drain(workers, events, sums)
        if rebalances(workers) != before:
            raise RuntimeError("pouring the events in took longer than the group waits: take fewer --events")
        return drained


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="One worker against several on the same cores.")
    parser.add_argument("--workers", type=int, choices=range(2, PARTITIONS + 1), default=2, help="against one")
    add_choice(parser)
    add_arguments(parser, rounds=3)
    given = parser.parse_args()
    name, sums = chosen(given.apache), totals(given.events)
    cases = {
        f"{count} worker{'s' * (count > 1)}": partial(run, name, count, given.events, sums)
        for count in (1, given.workers)
    }
    return compare(given, f"scaling {name}", name, cases)


if __name__ == "__main__":
    raise SystemExit(main())
