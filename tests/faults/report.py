"""The table of several runs: ``python -m tests.faults.report LOG...``, of what ``make faults`` has printed.

Markdown, as docs/guarantees.md shows it. Logs of runs that were not finished count as far as they go.
"""

import re
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.faults.schedule import WHAT
from tests.faults.stage import Outcome

_OUTCOME = re.compile(
    r"^after +[\d.]+ s: (?P<kind>kill all|\w+).*: recovered in (?P<recovery>[\d.]+) s, "
    r"incomplete for at most (?P<incomplete>[\d.]+) s, (?P<differences>\d+) differences$",
    re.MULTILINE,
)


class Line(NamedTuple):
    """What a log says of one fault. Seconds."""

    kind: str
    recovery: float
    incomplete: float
    differences: int

    @classmethod
    def of(cls, outcome: Outcome) -> "Line":
        """The same, of a run in this process."""
        return cls(outcome.fault.kind, outcome.recovery, outcome.incomplete, outcome.differences)


def read(log: str) -> list[Line]:
    """The faults of a log."""
    return [
        Line(found["kind"], float(found["recovery"]), float(found["incomplete"]), int(found["differences"]))
        for found in _OUTCOME.finditer(log)
    ]


def table(lines: Iterable[Line]) -> str:
    """A line for each kind of fault, in Markdown."""
    lines = list(lines)
    rows = [
        "| fault | count | recovery p50, s | p95, s | differences | longest incomplete, s |",
        "|---|---|---|---|---|---|",
    ]
    groups = [(what, [line for line in lines if line.kind == kind]) for kind, what in WHAT.items()]
    for what, group in [*groups, ("all", lines)]:
        if group:
            times = [line.recovery for line in group]
            p95 = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
            rows.append(
                f"| {what} | {len(group)} | {statistics.median(times):.1f} | {p95:.1f} | "
                f"{sum(line.differences for line in group)} | {max(line.incomplete for line in group):.1f} |"
            )
    return "\n".join(rows)


if __name__ == "__main__":
    print(table(line for log in sys.argv[1:] for line in read(Path(log).read_text())))
