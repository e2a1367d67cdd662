"""What a scrape costs a worker, and what our rules cost Prometheus, with thousands of series of the city.

``python -m benchmarks.scrape [--series 5000] [--rate 1000] [--seconds 30]`` (needs Debian's prometheus)

One worker on an embedded broker holds synthetic trades of so many exchanges and products that its exchange metrics have
at least the wanted number of series, and takes events in steadily all the while. It is scraped over HTTP on one
connection, one scrape after the other; the time is from the request to the last byte. Then a real Prometheus with the
configuration and rules that we ship scrapes it under two names, as it would two workers, and says itself how long its
rules took. What becomes readable how soon is counted with and without Prometheus: a scrape that held the stream up
would show there. Linux only: CPU time comes from /proc.
"""

import argparse
import asyncio
import re
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.machine import cpu_seconds
from benchmarks.scraped import SERIES_OF_A_TRADE, Buckets, Scraper, between, visible
from benchmarks.threads import meanwhile
from schemas.envelope import encode
from schemas.times import time_text
from schemas.topics import EXECUTED
from streams.cli.publisher import open_publisher
from streams.publish.pace import paced
from streams.publish.routing import Message, route
from streams.settings import Settings
from streams.shipped import THRESHOLDS, shipped
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics
from tests.e2e.watching import prometheus, query, until
from tests.workers import WorkerProcess

PRODUCTS = ("dataset", "api", "report", "model", "computing", "service", "spatial")
SCRAPES = 60
FORMATS = {
    "Prometheus text": {},
    "Prometheus text, gzip": {"Accept-Encoding": "gzip"},
    "OpenMetrics, gzip": {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"},
}
GROUP = re.compile(r'prometheus_rule_group_last_duration_seconds\{rule_group="[^;]*;([^"]+)"\} (\S+)')


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What a scrape and the rules cost.")
    parser.add_argument("--series", type=int, default=5_000, help="of the city's exchange metrics, at least")
    parser.add_argument("--rate", type=int, default=1_000, help="events a second beside it")
    parser.add_argument("--seconds", type=int, default=30, help="with Prometheus, and as long without it")
    arguments = parser.parse_args()
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
        settings = Settings(broker=broker.bootstrap)
        asyncio.run(create_topics(settings))
        with (
            Path(folder, "worker.log").open("wb") as log,
            WorkerProcess(broker.bootstrap, stderr=log, thresholds_file=shipped(THRESHOLDS)) as worker,
        ):
            trades = list(_trades(-(-arguments.series // SERIES_OF_A_TRADE)))
            with meanwhile(partial(_publish, settings, trades, arguments.rate)):
                worker.until(lambda answer: answer["complete"] and len(answer["series"]) >= len(trades))
                with closing(Scraper(worker.url)) as scraper:
                    _scrapes(worker, scraper)
                _rules(worker, Path(folder), arguments.seconds)


def _trades(count: int) -> Iterator[Message]:
    """One trade each for so many exchanges and products."""
    now = time_text(time.time_ns() // 1_000)
    for number in range(count):
        exchange, product = f"bench-{number // len(PRODUCTS)}-synthetic", PRODUCTS[number % len(PRODUCTS)]
        data = {
            "transaction_id": f"tx-{number}", "exchange": exchange, "product_type": product,
            "amount": f"{1_000 + number}.25", "currency": "CNY", "cross_border": False,
        }  # fmt: skip
        yield route(encode(f"/synthetic/{exchange}", f"bench-{number}", EXECUTED, now, data))


def _publish(settings: Settings, trades: list[Message], rate: int, stop: threading.Event) -> None:
    """Publishes the trades, then goes on with synthetic traffic."""

    async def publish() -> None:
        async with open_publisher(settings) as publisher:
            for message in trades:
                await publisher.send_unchecked(message)
            async for messages in paced(rate):
                for message in messages:
                    await publisher.send_unchecked(message)
                if stop.is_set():
                    return

    asyncio.run(publish())


def _scrapes(worker: WorkerProcess, scraper: Scraper) -> None:
    """Time and CPU of one scrape, by format."""
    text = scraper.text().decode()
    exchange = sum(line.startswith("citypulse_exchange_") for line in text.splitlines())
    print(f"{exchange:,} series of exchange metrics, {len(text):,} bytes as text")
    print(f"{'format':<24}{'bytes':>9}{'p50':>9}{'p99':>9}{'worst':>9}   CPU of the worker")
    pid = worker.process.pid if worker.process else 0
    idle = cpu_seconds(pid), time.monotonic()
    time.sleep(5)
    rest = (cpu_seconds(pid) - idle[0]) / (time.monotonic() - idle[1])
    for name, headers in FORMATS.items():
        before, began, took, size = cpu_seconds(pid), time.monotonic(), [], 0
        for _ in range(SCRAPES):
            start = time.perf_counter()
            size = len(scraper.text(headers))
            took.append(1_000 * (time.perf_counter() - start))
        cpu = 1_000 * (cpu_seconds(pid) - before - rest * (time.monotonic() - began)) / SCRAPES
        p99 = statistics.quantiles(took, n=100)[98]
        print(
            f"{name:<24}{size:>9,}{statistics.median(took):>6.1f} ms{p99:>6.1f} ms{max(took):>6.1f} ms   {cpu:.1f} ms"
        )


def _rules(worker: WorkerProcess, folder: Path, seconds: int) -> None:
    """How long Prometheus takes for scrapes and rules, and what it does to the stream."""
    port = worker.url.rsplit(":", 1)[1]
    before = _visible(worker)
    time.sleep(seconds)
    without = _visible(worker)
    groups: dict[str, list[float]] = {}
    with prometheus(folder, [f"127.0.0.1:{port}", f"localhost:{port}"], "127.0.0.1:9", hasty=False) as address:
        until("both are scraped", lambda: query(address, "count(citypulse_complete) == 2") or None)
        start = _visible(worker)
        for _ in range(seconds):
            time.sleep(1)
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
                for group, took in GROUP.findall(answer.read().decode()):
                    groups.setdefault(group, []).append(1_000 * float(took))
        (scrape,) = query(address, f"max(avg_over_time(scrape_duration_seconds[{seconds}s]))")
        (samples,) = query(address, "max(scrape_samples_scraped)")
        end = _visible(worker)
    print(f"Prometheus, 2 targets of {int(samples['value'][1]):,} samples each 5 s:")
    print(f"  a scrape takes it {1_000 * float(scrape['value'][1]):.0f} ms on average")
    for group, times in sorted(groups.items()):
        print(f"  rules of {group:<22}{statistics.median(times):>7.1f} ms, worst {max(times):.1f} ms")
    print(f"readable within 0.4 s: {_within(between(before, without)):.2%} of the events without Prometheus, "
          f"{_within(between(start, end)):.2%} with it")  # fmt: skip


def _visible(worker: WorkerProcess) -> Buckets:
    with closing(Scraper(worker.url)) as scraper:
        return visible(scraper.text())


def _within(buckets: Buckets) -> float:
    return buckets[0.4] / buckets[float("inf")]


if __name__ == "__main__":
    main()
