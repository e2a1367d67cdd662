"""How long a worker takes to be complete again after ``kill -9``, with a city's state.

``python -m benchmarks.recovery [--assets 100000] [--rounds 3] [--apache]``

The state: that many assets, and every pane of the last 30 days and of the last day for 56 series in four partitions,
synthetic. One worker takes all of it in, and its state settles for ten seconds. Then it is killed and started again at
once, so that the group still waits for the dead one. Seconds count from the start of the new process; numbers must be
those from before. The broker is the embedded one, or Apache Kafka with ``--apache`` (Java and Maven).
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer

from benchmarks.brokers import add_choice, broker, chosen
from benchmarks.machine import circumstances, resident_mib
from benchmarks.throughput import ask
from schemas.topics import COMMISSIONED, INFRASTRUCTURE
from streams.ports import free_port
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.soak.traffic import AREAS, Message, Traffic

SETTLE_S = 10.0
POLL_S = 0.05
TIMEOUT_S = 600.0
AT_ONCE = 5_000

PHASES = ("it answers", "the state log is read", "complete")


def messages(assets: int) -> Iterator[Message]:
    """What the state is made of."""
    now = datetime.now(UTC)
    yield from Traffic().history(now)
    at = now.isoformat(timespec="milliseconds")
    for number in range(assets):
        value = (
            f'{{"specversion":"1.0","id":"asset-{number}","source":"/synthetic/recovery","type":"{COMMISSIONED}",'
            f'"time":"{at}","datacontenttype":"application/json","data":{{"asset_id":"synthetic-{number}",'
            f'"asset_type":"base_station_5g","area":"{AREAS[number % len(AREAS)]}"}}}}'
        )
        yield Message((INFRASTRUCTURE, number % 4), b"synthetic-%d" % number, value.encode())


async def fill(settings: Settings, wanted: Iterable[Message]) -> int:
    """Creates the topics and publishes; gives the number of records."""
    await create_topics(settings)
    count, rest = 0, iter(wanted)
    async with AIOKafkaProducer(bootstrap_servers=settings.broker, max_batch_size=1 << 18, linger_ms=20) as producer:
        while several := list(islice(rest, AT_ONCE)):
            sent = [await producer.send(place[0], value, key=key, partition=place[1]) for place, key, value in several]
            await asyncio.gather(*sent)
            count += len(several)
    return count


def start(settings: Settings) -> subprocess.Popen[bytes]:
    """A worker."""
    command = [sys.executable, "-m", "streams", "worker", "--port", str(settings.http_port)]
    environment = os.environ | {"CITYPULSE_BROKER": settings.broker}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def until_complete(url: str, records: int) -> tuple[list[float], Any]:
    """Seconds until each phase was seen, and the totals when complete with all records.

    Raises:
        TimeoutError: it takes too long.
    """
    began, seen = time.monotonic(), [0.0, 0.0, 0.0]
    while time.monotonic() - began < TIMEOUT_S:
        totals = ask(f"{url}/api/v1/totals")
        if totals is not None:
            now = time.monotonic() - began
            seen[0] = seen[0] or now
            if not any("state log" in reason for reason in totals["reasons"]):
                seen[1] = seen[1] or now
            if totals["complete"] and sum(row["next_offset"] for row in totals["partitions"]) == records:
                seen[2] = now
                return seen, totals["series"]
        time.sleep(POLL_S)
    raise TimeoutError(f"not complete after {TIMEOUT_S:.0f} s")


def measure(settings: Settings, records: int, rounds: int) -> list[list[float]]:
    """Kills and starts a worker; gives the seconds of each phase, a list a round.

    Raises:
        RuntimeError: the totals are not those from before.
    """
    url = f"http://{settings.http_host}:{settings.http_port}"
    worker = start(settings)
    try:
        _, before = until_complete(url, records)
        found = []
        for number in range(1, rounds + 1):
            time.sleep(SETTLE_S)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            worker = start(settings)
            seen, after = until_complete(url, records)
            if _sums(before) != _sums(after):
                raise RuntimeError("the totals are not those from before")
            told = ", ".join(f"{name} after {at:.1f} s" for name, at in zip(PHASES, seen, strict=True))
            print(f"round {number}: {told}; {resident_mib(worker.pid):.0f} MiB", flush=True)
            found.append(seen)
        return found
    finally:
        worker.terminate()
        worker.wait(60)


def _sums(series: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((row["exchange"], row["product_type"], row["gross"], row["executed"]) for row in series)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Recovery of a worker after kill -9.")
    parser.add_argument("--assets", type=int, default=100_000, help="in service (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="kills (%(default)s)")
    add_choice(parser)
    given = parser.parse_args()
    with broker(chosen(given.apache)) as bootstrap:
        settings = Settings(broker=bootstrap, http_port=free_port())
        records = asyncio.run(fill(settings, messages(given.assets)))
        print(f"{records:,} synthetic records, {given.assets:,} assets; {circumstances()['machine']}", flush=True)
        found = measure(settings, records, given.rounds)
    for name, seconds in zip(PHASES, zip(*found, strict=True), strict=True):
        print(f"{name:<24} {statistics.median(seconds):.1f} s (median of {given.rounds})")


if __name__ == "__main__":
    main()
