"""Load for hours with faults at random, on Apache Kafka: ``python -m tests.soak.run --minutes 60 --out FOLDER``.

Two workers share 20,000 events a second. Faults meet the second worker and the broker; the first worker is never
touched, so that its memory over time says something. Every complete scrape must not go back nor be stale; at the end
every total of both workers must equal the sums of the program that made the events. ``tests.soak.report`` draws it.
"""

import argparse
import asyncio
import csv
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.topics import DEAD_LETTERS, INFRASTRUCTURE, SOURCES, SPECS, TRANSACTIONS
from streams.settings import Settings
from streams.transport.clocks import monotonic, wall_us
from streams.transport.topic_admin import STATE_KEPT_SHORT
from tests.faults.cluster import Cluster
from tests.faults.schedule import Fault, Kind, schedule
from tests.faults.stage import Run
from tests.faults.watch import Watch
from tests.soak.judge import Unrecorded, differences
from tests.soak.process import LoadProcess
from tests.soak.samples import FAULTS_FILE, Sampler
from tests.soak.traffic import PARTITIONS

KINDS: frozenset[Kind] = frozenset({"kill", "restart", "pause", "cut", "duplicates", "broker"})
QUIET_S = (15.0, 60.0)
"""Between two faults."""

SMALL = {"retention.bytes": str(128 << 20), "segment.bytes": str(32 << 20)}
"""Of every partition that grows with the load: what the workers have counted long ago may go from the disk."""


FILL = 1.6
"""Horizons of events that come to every partition before time is taken. A memory of identities has two generations; the
second one, too, is as large as it gets after one and a half. What grows after that is not the identities."""

FILL_STEP = 400_000
"""Events after which the workers must have caught up, else retention might take what they have not counted."""


def plan(seed: int) -> Iterator[Fault]:
    """Faults of the second worker and the broker, without end."""
    rng = random.Random(seed)
    while True:
        for fault in schedule(rng.randrange(1 << 30), 9, workers=2, brokers=1):
            if fault.kind in KINDS:
                yield fault._replace(worker=1, after=rng.uniform(*QUIET_S))


async def fill(going: Run, load: LoadProcess, wanted: int) -> None:
    """Has as many records as wanted in each topic that the load publishes to, as fast as the workers take them.

    Args:
        going: begun.
        load: its load.
        wanted: records of a topic.
    """
    started = monotonic()
    for topic in (INFRASTRUCTURE, TRANSACTIONS):
        while (there := sum(end for place, end in going.ledger.ends().items() if place[0] == topic)) < wanted:
            print(f"{monotonic() - started:.0f} s: {there:,} of {wanted:,} in {topic} before time is taken", flush=True)
            await load.fill(topic, min(FILL_STEP, wanted - there))
            await going.recovered()


async def soak(directory: Path, out: Path, *, minutes: float, rate: float, seed: int) -> list[str]:
    """Runs one.

    Args:
        directory: for data and logs; the caller's to remove.
        out: folder of the samples.
        minutes: of load, beside start, filling and end.
        rate: events a second.
        seed: of the faults.

    Returns:
        Everything that was not as it should be.
    """
    ledger = Unrecorded(wall_us())
    async with Cluster(directory, brokers=1, workers=2) as cluster:
        await cluster.configure_state(STATE_KEPT_SHORT)
        for topic in (*SOURCES, DEAD_LETTERS):
            await cluster.configure(topic, SPECS[topic].config | SMALL)
        urls = {worker.name: worker.url for worker in cluster.workers[:2]}
        async with (
            Watch(ledger, urls, random.Random(seed)) as watch,
            LoadProcess(cluster.kafka.bootstrap, rate, ledger) as load,
        ):
            going = Run(cluster, load, ledger, watch, say=lambda line: print(line, flush=True))
            await going.begin([0, 1])
            await fill(going, load, round(FILL * Settings().dedupe_horizon * PARTITIONS))
            async with Sampler(out, going, directory / "kafka") as sampler:
                with (out / FAULTS_FILE).open("w", newline="", buffering=1) as file:
                    await _faults(going, sampler, csv.writer(file), minutes, seed)
                await load.end()
                await going.recovered()
                found = [
                    f"{name}: {line}"
                    for name in urls
                    for line in differences(
                        load.expected,
                        ledger.ends(),
                        await watch.get(name, "/api/v1/totals"),
                        await watch.get(name, "/api/v1/infrastructure"),
                    )
                ]
        print(f"{sum(ledger.ends().values()):,} records; every series, outcome and asset count compared", flush=True)
        return going.differences() + found


async def _faults(going: Run, sampler: Sampler, file: Any, minutes: float, seed: int) -> None:
    file.writerow(("seconds", "kind", "recovery", "incomplete", "differences"))
    ends = monotonic() + 60.0 * minutes
    for fault in plan(seed):
        if monotonic() + fault.after + fault.lasts > ends:
            break
        at = sampler.seconds() + fault.after
        outcome = await going.apply(fault)
        row = (round(at), fault.kind, round(outcome.recovery, 1), round(outcome.incomplete, 1), outcome.differences)
        file.writerow(row)
    await asyncio.sleep(max(0.0, ends - monotonic()))


def main() -> int:
    """The command; 1 when anything differs."""
    parser = argparse.ArgumentParser(description="Load for hours with faults at random, on Apache Kafka.")
    parser.add_argument("--minutes", type=float, default=240.0, help="of load (%(default)s)")
    parser.add_argument("--rate", type=float, default=20_000.0, help="events a second (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path(".cache/soak"), help="folder of the samples (%(default)s)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="citypulse-soak-") as scratch:
        found = asyncio.run(soak(Path(scratch), given.out, minutes=given.minutes, rate=given.rate, seed=given.seed))
    for line in found[:50]:
        print(line[:1000])
    print(f"{len(found)} differences; samples in {given.out}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
