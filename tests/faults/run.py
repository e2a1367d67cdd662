"""Random faults under load: ``python -m tests.faults.run --seed 1 --faults 10 [--brokers 3]``.

Continuous load on Apache Kafka, several workers, compaction at its most aggressive, and a seeded schedule of faults.
Every complete scrape of every worker must equal the reference as of its offsets, during each fault and after it.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.ledger import HarnessError
from tests.faults.report import Line, table
from tests.faults.schedule import schedule
from tests.faults.stage import Outcome, stage

SPAN_S = 180.0
"""Of a fault with its recovery, at most on average: so many records are at hand. A busy machine needs far more than the
20 s of a free one."""


@dataclass(frozen=True)
class Result:
    """Of a run."""

    outcomes: list[Outcome]
    differences: list[str]
    notes: list[str]


async def run(
    directory: Path,
    *,
    seed: int,
    faults: int,
    brokers: int = 1,
    workers: int = 2,
    rate: float = 1_000.0,
    say: Callable[[str], None] = print,
) -> Result:
    """Runs a schedule.

    Args:
        directory: for data and logs; the caller's to remove.
        seed: of all chance but time's.
        faults: how many.
        brokers: 1 or 3.
        workers: how many.
        rate: records a second.
        say: told what happens, a line at a time.
    """
    plan = schedule(seed, faults, workers=workers, brokers=brokers)
    for number, fault in enumerate(plan, 1):
        say(f"{number:3} {fault}")
    records = int(rate * SPAN_S * (faults + 2))
    async with stage(
        directory, seed=seed, records=records, brokers=brokers, workers=workers, rate=rate, say=say
    ) as going:
        await going.begin(range(workers))
        outcomes = [await going.apply(fault) for fault in plan]
        await going.end()
        sights = going.watch.sights.values()
        counted, complete = sum(going.ledger.ends().values()), sum(sight.complete for sight in sights)
        incomplete, slowest = sum(sight.incomplete for sight in sights), max(sight.unanswered for sight in sights)
        notes = [
            f"{counted:,} records; {complete:,} complete answers compared, {incomplete:,} said incomplete",
            f"slowest answer of a running worker {slowest:.1f} s",
            *(f"{worker.name}: at most {worker.peak_mib} MiB resident" for worker in going.cluster.workers),
        ]
        return Result(outcomes, going.differences(), notes)


def main() -> int:
    """The command; 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1_000.0, help="records a second (1000)")
    parser.add_argument("--logs", type=Path, help="keep the logs of brokers and workers in this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="citypulse-faults-") as scratch:
        directory = given.logs or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        try:
            result = asyncio.run(
                run(
                    directory,
                    seed=given.seed,
                    faults=given.faults,
                    brokers=given.brokers,
                    workers=given.workers,
                    rate=given.rate,
                    say=lambda line: print(line, flush=True),
                )
            )
        except HarnessError as error:
            print(f"the harness itself failed, nothing is said about workers: {error}", file=sys.stderr)
            return 2
    print(table(map(Line.of, result.outcomes)), *result.notes, sep="\n")
    for line in result.differences[:50]:
        print(line[:1000])
    print(f"seed {given.seed}: {len(result.differences)} differences")
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
