"""The tables of the side-by-side run."""

import statistics
from collections.abc import Callable

from benchmarks.document import line, table
from benchmarks.peers.lineup import PEERS
from benchmarks.peers.run import Figures

Results = dict[str, dict[str, list[Figures | str]]]
"""Broker -> who -> each round's figures, or why there are none."""

HEADS = [
    "",
    "events/s: median (least - most)",
    "CPU us an event",
    "memory MiB",
    "we do so many times its pace",
    "totals",
]


def markdown(results: Results, us: str, facts: dict[str, str]) -> str:
    """A table for each broker, and what each peer leaves out."""
    parts = [line(facts)]
    for broker, runs in results.items():
        ours = _median(runs.get(us, []), lambda each: each.events_per_second)
        rows = [_row(who, rounds, ours) for who, rounds in runs.items()]
        parts += [f"### {broker}", table(HEADS, rows)]
    parts += ["What each leaves out of the job, or does otherwise:"]
    parts += ["\n".join(f"- **{peer.name}**: {peer.lacks}" for peer in PEERS)]
    return "\n\n".join(parts)


def _row(who: str, rounds: list[Figures | str], ours: float | None) -> list[str]:
    valid = [each for each in rounds if isinstance(each, Figures) and each.exact is not False]
    if not valid:
        reason = next((each for each in rounds if isinstance(each, str)), "wrong totals in every run: no figure")
        return [who, reason.replace("|", "/"), "", "", "", ""]
    pace = [each.events_per_second for each in valid]
    middle = statistics.median(pace)
    ratio = "" if ours is None else f"{ours / middle:,.2f}"
    wrong = len(rounds) - len(valid)
    totals = "none" if valid[0].exact is None else f"exact in {len(valid)} of {len(rounds)} runs"
    return [
        who,
        f"{middle:,.0f} ({min(pace):,.0f} - {max(pace):,.0f})",
        f"{statistics.median(each.cpu_us_per_event for each in valid):.2f}",
        f"{statistics.median(each.memory_mib for each in valid):.0f}",
        ratio,
        totals + (f"; {wrong} void" if wrong else ""),
    ]


def _median(rounds: list[Figures | str], of: Callable[[Figures], float]) -> float | None:
    values = [of(each) for each in rounds if isinstance(each, Figures) and each.exact is not False]
    return statistics.median(values) if values else None
