"""Events per second and CPU time per event of one worker doing its whole job, and whether its totals are exact.

``python benchmarks/throughput.py [--events 1000000] [--partitions 4] [--json]``

Synthetic transactions (structured CloudEvents) are loaded into an embedded broker first. Then one worker starts, and
the time counts from the first events that its API says are applied until the last. Broker and worker share the
machine's cores, as in the small set-ups that this is for. The totals are compared with a plain sum; a difference
makes the exit code 1. Linux only: CPU time and memory come from /proc.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from benchmarks.load import SERIES, SeriesKey, preload, synthetic, totals
from benchmarks.machine import circumstances, cpu_seconds, resident_mib
from schemas.topics import TRANSACTIONS
from streams.ports import free_port
from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics

POLL_S = 0.05
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Result:
    """One run. Rates are over the time from the first to the last applied event that a poll saw."""

    events: int
    bytes_per_event: float
    seconds: float
    events_per_second: float
    cpu_us_per_event: float
    worker_rss_mib: float
    start_seconds: float  # from the start of the process until the first applied event
    exact: bool


def ask(url: str) -> Any:
    """The JSON answer, or None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)
    except OSError:
        return None


def polls(workers: Sequence[subprocess.Popen[Any]], url: str, share: float = 1.0) -> Iterator[tuple[float, float, int]]:
    """Moments of workers: monotonic seconds, CPU seconds of all, events applied by what the one at the URL says.

    Args:
        workers: whose CPU time it is.
        url: of the one that is asked.
        share: of the time, at most, that answers may take: each costs the worker the more, the more series it has.

    Raises:
        RuntimeError: a worker has ended.
        TimeoutError: after TIMEOUT_S.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        for worker in workers:
            if worker.poll() is not None:
                raise RuntimeError(f"a worker ended with exit code {worker.returncode}")
        asked = time.monotonic()
        answer = ask(f"{url}/api/v1/events")
        took = time.monotonic() - asked
        if answer is not None:
            outcomes = [each["outcomes"] for each in answer["topics"] if each["topic"] == TRANSACTIONS]
            applied = outcomes[0].get("applied", 0) if outcomes else 0
            yield time.monotonic(), sum(cpu_seconds(worker.pid) for worker in workers), applied
        time.sleep(max(POLL_S, took / share))
    raise TimeoutError(f"not all events were applied after {TIMEOUT_S:.0f} s")


def is_exact(url: str, sums: Counter[SeriesKey]) -> bool:
    """Whether the API's gross totals are the plain sums, series by series."""
    shown = {
        (each["exchange"], each["product_type"], each["currency"], each["cross_border"]): Decimal(each["gross"])
        for each in ask(f"{url}/api/v1/totals")["series"]
    }
    return shown == {series: Decimal(amount).scaleb(-2) for series, amount in sums.items()}


def measure(settings: Settings, events: int, sums: Counter[SeriesKey], size: int) -> Result:
    """Runs one worker over what was loaded."""
    url = f"http://{settings.http_host}:{settings.http_port}"
    environment = os.environ | {
        "CITYPULSE_BROKER": settings.broker,
        "CITYPULSE_HTTP_HOST": settings.http_host,
        "CITYPULSE_PARTITIONS": str(settings.partitions),
    }
    command = [sys.executable, "-m", "streams", "worker", "--clock", "event", "--port", str(settings.http_port)]
    started = time.monotonic()
    worker = subprocess.Popen(command, env=environment)
    try:
        moments = polls([worker], url)
        first = next(moment for moment in moments if moment[2] > 0)
        last = first if first[2] == events else next(moment for moment in moments if moment[2] == events)
        if last is first:
            raise RuntimeError("everything was applied at the first look: take more --events")
        counted, seconds = events - first[2], last[0] - first[0]
        return Result(
            events=events,
            bytes_per_event=size / events,
            seconds=seconds,
            events_per_second=counted / seconds,
            cpu_us_per_event=(last[1] - first[1]) / counted * 1e6,
            worker_rss_mib=resident_mib(worker.pid),
            start_seconds=first[0] - started,
            exact=is_exact(url, sums),
        )
    finally:
        worker.terminate()
        worker.wait(30)


async def _load(settings: Settings, events: int) -> tuple[Counter[SeriesKey], int]:
    await create_topics(settings)
    size = await preload(settings.broker, TRANSACTIONS, settings.partitions, events, synthetic)
    return totals(events), size


def main() -> int:
    parser = argparse.ArgumentParser(description="Throughput of one worker, its whole job, against an embedded broker.")
    parser.add_argument("--events", type=int, default=1_000_000, help="transactions to load (%(default)s)")
    parser.add_argument("--partitions", type=int, default=4, help="of each topic (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    arguments = parser.parse_args()
    with EmbeddedBroker() as broker:
        settings = Settings(broker=broker.bootstrap, partitions=arguments.partitions, http_port=free_port())
        print(f"loading {arguments.events:,} synthetic transactions", file=sys.stderr)
        sums, size = asyncio.run(_load(settings, arguments.events))
        print("running the worker", file=sys.stderr)
        result = measure(settings, arguments.events, sums, size)
    if arguments.json:
        print(json.dumps(circumstances() | vars(result), indent=2))
    else:
        rows: dict[str, str] = circumstances() | {
            "events": f"{result.events:,} of {result.bytes_per_event:.0f} bytes in {SERIES} series",
            "events/s": f"{result.events_per_second:,.0f} over {result.seconds:.2f} s",
            "CPU per event": f"{result.cpu_us_per_event:.2f} us",
            "worker memory": f"{result.worker_rss_mib:.0f} MiB",
            "first applied after": f"{result.start_seconds:.2f} s",
            "totals": "equal to the plain sum" if result.exact else "NOT equal to the plain sum",
        }
        for name, value in rows.items():
            print(f"{name:<20} {value}")
    return 0 if result.exact else 1


if __name__ == "__main__":
    sys.exit(main())
