"""From Kafka append to readable in /metrics: p50 and p99 at a steady pace, seen from outside and by the worker itself.

``python -m benchmarks.latency [--rates 1000 20000 50000] [--seconds 20] [--rounds 3] [--apache] [--document]``

A publisher in a process of its own sends synthetic transactions of now every 20 ms, a batch for each of four
partitions. The last of a batch is a mark: a transaction of the partition's own exchange. An observer scrapes /metrics
on one connection and reads how many marks of each partition are counted there. Partitions are counted in order, so the
first scrape that shows a batch's mark shows the whole batch.

- *Observed*: from the mark's Kafka time stamp, which it gets just before the batch is sent, until the answer that shows
  it has been read. In it are the produce request, the scrape itself, and half a scrape interval on average, since what
  becomes readable between two scrapes is seen by the second.
- *Histogram*: the worker's own ``citypulse_event_visible_seconds`` of all events in the same time, linear within
  a bucket. It begins at the same time stamps and knows nothing of scrapes.

A figure is void (exit code 1) when the publisher did not hold the pace: less than 99 % of it, or a tick in a hundred
late by more than 50 ms. It is void, too, when not every event sent is counted once. Left out: what Prometheus adds, its
scrape interval above all. Publisher, broker, worker and observer share the cores. Linux only.
"""

import argparse
import asyncio
import re
import statistics
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass

from benchmarks.brokers import add_choice, broker, chosen
from benchmarks.document import line, put, spread, table
from benchmarks.machine import circumstances, cpu_seconds
from benchmarks.pacing import MARK, Sent, publishing
from benchmarks.scraped import Buckets, Scraper, between, quantile, visible
from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.workers import WorkerProcess

PARTITIONS = 4
INTERVAL_S = 0.037
"""Between two scrapes. Not a divisor of the checkpoint interval: else the two could go in step."""
WARM_UP_S = 5.0
"""Of the publishing, before what counts."""
PATIENCE_S = 30.0
HELD = 0.99
LATE_S = 0.05

_MARKS = re.compile(
    rb'citypulse_exchange_transactions_total\{exchange="%s(\d+)".*?kind="executed"\} (\d+)' % MARK.encode()
)


@dataclass(frozen=True, slots=True)
class Look:
    """One scrape: when it was answered, marks counted by partition, the histogram, CPU seconds of the worker so far."""

    at: float
    marks: dict[int, int]
    visible: Buckets
    cpu: float


@dataclass(frozen=True, slots=True)
class Result:
    """One run. Times in seconds; ``void`` says why the figures do not count, or is empty."""

    pace: float
    late: float
    observed: tuple[float, float]
    histogram: tuple[float, float]
    cpu: float
    void: str


def watch(worker: WorkerProcess, sent: Future[Sent]) -> list[Look]:
    """Scrapes until every mark is counted.

    Raises:
        TimeoutError: they are not, long after the publisher's end.
    """
    assert worker.process is not None
    looks: list[Look] = []
    ended = 0.0
    with closing(Scraper(worker.url)) as scraper:
        while True:
            asked = time.monotonic()
            text = scraper.text()
            at = time.monotonic()
            marks = {int(partition): int(count) for partition, count in _MARKS.findall(text)}
            looks.append(Look(at, marks, visible(text), cpu_seconds(worker.process.pid)))
            if sent.done():
                ended = ended or at
                if all(marks.get(number, 0) >= len(each) for number, each in enumerate(sent.result().marks)):
                    return looks
                if at > ended + PATIENCE_S:
                    raise TimeoutError(f"not all marks were readable {PATIENCE_S:.0f} s after the last was sent")
            time.sleep(max(0.0, asked + INTERVAL_S - time.monotonic()))


def judge(rate: int, sent: Sent, looks: Sequence[Look], counted: int) -> Result:
    """Figures of one run, what the warm-up sent left out.

    Args:
        rate: events a second that were wanted.
        sent: by the publisher.
        looks: in order; the last has all marks.
        counted: events that the worker has applied.
    """
    begin = min(each[0] for each in sent.marks if each) + WARM_UP_S
    waits = []
    for partition, stamps in enumerate(sent.marks):
        counts = [look.marks.get(partition, 0) for look in looks]
        waits += [looks[bisect_left(counts, n)].at - at for n, at in enumerate(stamps, 1) if at >= begin]
    first = next(look for look in looks if look.at >= begin)
    buckets = between(first.visible, looks[-1].visible)
    late = statistics.quantiles(sent.late, n=100)[98]
    pace = sent.events / sent.seconds
    void = ""
    if counted != sent.events:
        void = f"{counted:,} of {sent.events:,} events were counted"
    elif pace < HELD * rate or late > LATE_S:
        void = f"the pace was not held: {pace:,.0f} events/s, a tick in a hundred over {late * 1000:.0f} ms late"
    cuts = statistics.quantiles(waits, n=100)
    cpu = (looks[-1].cpu - first.cpu) / (looks[-1].at - first.at)
    return Result(pace, late, (cuts[49], cuts[98]), (quantile(buckets, 0.5), quantile(buckets, 0.99)), cpu, void)


def measure(name: str, rate: int, seconds: float) -> Result:
    """One run on a broker of its own."""
    with broker(name) as address:
        asyncio.run(create_topics(Settings(broker=address, partitions=PARTITIONS)))
        with WorkerProcess(address, partitions=PARTITIONS, log_level="WARNING") as worker:
            worker.until(lambda answer: answer["complete"])
            with publishing(address, PARTITIONS, rate, WARM_UP_S + seconds) as sent:
                looks = watch(worker, sent)
                applied = worker.get("/api/v1/totals")["events"][TRANSACTIONS].get("applied", 0)
                return judge(rate, sent.result(), looks, applied)


HEADS = ["events/s", "observed p50, ms", "p99", "histogram p50, ms", "p99", "worker, % of a core", "void"]


def row(rate: int, results: Sequence[Result]) -> list[str]:
    """A line of the table: medians of the rounds that count, least and most."""
    valid = [each for each in results if not each.void]
    void = "; ".join(dict.fromkeys(each.void for each in results if each.void)) or f"none of {len(results)}"
    if not valid:
        return [f"{rate:,}", "", "", "", "", "", void]
    columns: list[Callable[[Result], float]] = [
        lambda each: 1_000 * each.observed[0],
        lambda each: 1_000 * each.observed[1],
        lambda each: 1_000 * each.histogram[0],
        lambda each: 1_000 * each.histogram[1],
        lambda each: 100 * each.cpu,
    ]
    return [f"{rate:,}", *(spread([column(each) for each in valid]) for column in columns), void]


def told(result: Result) -> str:
    """One run in a line, also a void one."""
    pairs = (result.observed, result.histogram)
    observed, histogram = (" and ".join(f"{1_000 * each:.0f}" for each in pair) for pair in pairs)
    verdict = f"VOID: {result.void}" if result.void else "it counts"
    return (
        f"observed p50 and p99 {observed} ms, histogram {histogram} ms; sent at {result.pace:,.0f} events/s, a tick in "
        f"a hundred {1_000 * result.late:.0f} ms late or more; {verdict}"
    )


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="From Kafka append to readable in /metrics.")
    parser.add_argument("--rates", type=int, nargs="+", default=[1_000, 20_000, 50_000], help="events a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run, after the warm-up (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each rate (%(default)s)")
    add_choice(parser)
    parser.add_argument("--document", action="store_true", help="put the table into docs/benchmarks.md")
    given = parser.parse_args()
    name = chosen(given.apache)
    facts = circumstances() | {"broker": name, "rounds": f"{given.rounds} of {given.seconds:.0f} s"}
    results: dict[int, list[Result]] = {rate: [] for rate in given.rates}
    for number in range(given.rounds):
        for rate, rounds in results.items():
            rounds.append(measure(name, rate, given.seconds))
            print(f"round {number + 1}: {rate:,} events/s: {told(rounds[-1])}", file=sys.stderr)
    text = f"{line(facts)}\n\n{table(HEADS, [row(rate, rounds) for rate, rounds in results.items()])}"
    print(text)
    if given.document:
        put(f"latency {name}", text)
    return 1 if any(each.void for rounds in results.values() for each in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
