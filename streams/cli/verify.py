"""``citypulse verify``: everything recounted from the topics, against what the workers show."""

import argparse
import asyncio
import json
from dataclasses import dataclass
from typing import Any

from streams.cli.environment import load_settings
from streams.cli.parser import DEFAULT_URL
from streams.cli.progress import RecordProgress
from streams.cli.recount import recount, rules_of
from streams.cli.worker_answers import WorkerAnswers, ask
from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.verify.compare import aged_transactions, differences
from streams.verify.reference.decode import microseconds
from streams.verify.reference.totals import Recount

DIFFERS = 1
"""Exit code."""

FUTURE = "from_the_future"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One worker against the recount. ``notes`` say what could not be compared exactly."""

    worker: WorkerAnswers
    differences: list[str]
    notes: list[str]

    def compared(self) -> dict[str, int]:
        """What was laid side by side, and how much of it."""
        answers = self.worker.answers
        return {
            "records": sum(n for counts in self.worker.totals["events"].values() for n in counts.values()),
            "series": len(self.worker.totals["series"]),
            "assets": len(answers["infrastructure"]["assets"]),
            "reported": len(answers["infrastructure"]["reported"]),
            "figures": len(answers["indicators"]["figures"]),
            "inconsistencies": len(answers["indicators"]["inconsistencies"]),
        }

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        offsets = [
            {"topic": topic, "partition": partition, "next_offset": offset}
            for (topic, partition), offset in self.worker.offsets.items()
        ]
        return {
            "url": self.worker.url,
            "equal": not self.differences,
            "clock": self.worker.totals["clock"],
            "offsets": offsets,
            "compared": self.compared(),
            "differences": self.differences,
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """For people."""
        said = f"DIFFERENCES: {len(self.differences)}" if self.differences else "equal"
        compared = ", ".join(f"{count:,} {what}" for what, count in self.compared().items())
        return [
            f"{self.worker.url}  {said}  as of {self.worker.totals['clock']}: {compared}",
            *(f"  {difference}" for difference in self.differences),
            *(f"  note: {note}" for note in self.notes),
        ]


def run(arguments: argparse.Namespace) -> int:
    """Verifies every worker that is named.

    Raises:
        CityPulseError: settings, broker or workers are not as needed, or the records are not all there any more.
    """
    settings = load_settings(clock=arguments.clock)
    verdicts = asyncio.run(verify(settings, list(dict.fromkeys(arguments.url or [DEFAULT_URL]))))
    equal = not any(verdict.differences for verdict in verdicts)
    if arguments.json:
        result = {"equal": equal, "workers": [verdict.as_json() for verdict in verdicts]}
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print("\n".join(line for verdict in verdicts for line in verdict.lines()))
    return 0 if equal else DIFFERS


async def verify(settings: Settings, urls: list[str]) -> list[Verdict]:
    """Asks all workers first; those that are equally far share one pass over the topics."""
    workers = await asyncio.gather(*(ask(url) for url in urls))
    groups: list[list[WorkerAnswers]] = []
    for worker in workers:
        alike = next((group for group in groups if group[0].offsets == worker.offsets), None)
        if alike is None:
            groups.append([worker])
        else:
            alike.append(worker)
    verdicts: dict[str, Verdict] = {}
    with RecordProgress(sum(sum(group[0].offsets.values()) for group in groups)) as progress:
        for group in groups:
            future = any(_refused(worker, FUTURE) for worker in group)
            counted = Recount(wall_us(), settings.clock == "event", rules_of(settings))
            await recount(settings, counted, group[0].offsets, future=future, taken=progress.advance)
            verdicts |= {worker.url: judge(settings, counted, worker) for worker in group}
    return [verdicts[url] for url in urls]


def judge(settings: Settings, counted: Recount, worker: WorkerAnswers) -> Verdict:
    """One worker's answers against the recount of the records before its offsets."""
    wall = settings.clock == "wall"
    reference = counted.at(microseconds(worker.totals["clock"]) if wall else None)
    notes = []
    if wall and (aged := aged_transactions(reference, worker.totals)):
        notes.append(
            f"{aged:,} transactions were counted as applied and would be late now: when each came is not known, so"
            " only the sum of applied and late is compared; amounts are compared exactly"
        )
    answers = worker.answers
    found = differences(
        reference, answers["totals"], answers["infrastructure"], answers["indicators"], judged_earlier=wall
    )
    return Verdict(worker, found, notes)


def _refused(worker: WorkerAnswers, reason: str) -> int:
    return sum(counts.get(reason, 0) for counts in worker.totals["dead_letters"].values())
