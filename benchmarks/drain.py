"""Workers take in what is in a topic: how fast, for how much CPU time, and whether it was counted exactly."""

import statistics
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from subprocess import Popen

from benchmarks.document import line, put, spread, table
from benchmarks.load import SeriesKey
from benchmarks.machine import circumstances, resident_mib
from benchmarks.peers.job import WARM
from benchmarks.throughput import is_exact, polls
from tests.workers import WorkerProcess

HEADS = ["", "events/s", "pace, of the first", "CPU us an event", "CPU, of the first", "memory MiB", "totals"]


@dataclass(frozen=True, slots=True)
class Drained:
    """One run. CPU time and memory are those of all workers."""

    events_per_second: float
    cpu_us: float
    memory_mib: float
    exact: bool


Results = dict[str, list[Drained]]
"""Case -> each round's figures."""


def drain(workers: Sequence[WorkerProcess], events: int, sums: Counter[SeriesKey], share: float = 1.0) -> Drained:
    """Looks at workers until all is applied. The figures are from a fifth of the events to the last look before all.

    Args:
        workers: that have begun, or are about to.
        events: in the topic.
        sums: what they add up to, by series.
        share: see ``polls``.

    Raises:
        RuntimeError: too few events for two such looks.
    """
    processes = [worker.process for worker in workers if worker.process is not None]
    looks = []
    for look in polls(processes, workers[0].url, share):
        if look[2] == events:
            break
        if look[2] >= events // WARM:
            looks.append(look)
    if len(looks) < 2:
        raise RuntimeError("everything was applied before a second look: take more --events")
    first, last = looks[0], looks[-1]
    counted = last[2] - first[2]
    return Drained(
        counted / (last[0] - first[0]),
        (last[1] - first[1]) / counted * 1e6,
        sum(resident_mib(process.pid) for process in processes),
        all(_all_exact(worker, processes, events, sums) for worker in workers),
    )


def _all_exact(worker: WorkerProcess, processes: Sequence[Popen[str]], events: int, sums: Counter[SeriesKey]) -> bool:
    """Whether a worker's totals are right, once it has seen all: each reads what the others count."""
    next(look for look in polls(processes, worker.url) if look[2] == events)
    return is_exact(worker.url, sums)


def add_arguments(parser: ArgumentParser, rounds: int, events: int = 1_000_000) -> None:
    """Gives a command what ``compare`` needs, with these defaults."""
    parser.add_argument("--events", type=int, default=events, help="of each run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=rounds, help="in each every case runs once (%(default)s)")
    parser.add_argument("--document", action="store_true", help="put the table into docs/benchmarks.md")


def compare(given: Namespace, section: str, broker: str, cases: Mapping[str, Callable[[], Drained]]) -> int:
    """Runs cases in turns, prints them as a table, and puts it into the document when that is wanted.

    Args:
        given: the arguments of ``add_arguments``.
        section: of the document.
        broker: its name.
        cases: the first is what the others are held against.

    Returns:
        The exit code: 1 when totals were wrong.
    """
    facts = circumstances() | {"broker": broker, "load": f"{given.events:,} events, {given.rounds} rounds"}
    results: Results = {case: [] for case in cases}
    for number in range(given.rounds):
        for case, run in cases.items():
            one = run()
            results[case].append(one)
            told = f"{one.events_per_second:,.0f} events/s, {one.cpu_us:.2f} us, {one.memory_mib:.0f} MiB"
            exact = "exact" if one.exact else "WRONG, so void"
            print(f"round {number + 1}: {case}: {told}, totals {exact}", file=sys.stderr, flush=True)
    text = f"{line(facts)}\n\n{table(HEADS, rows(results))}"
    print(text)
    if given.document:
        put(section, text)
    return 0 if all(each.exact for rounds in results.values() for each in rounds) else 1


def rows(results: Results) -> list[list[str]]:
    """A line for each case: medians, and ratios of them against the first case. Wrong totals void a figure."""
    first = next(iter(results.values()))
    return [_row(case, rounds, [each for each in first if each.exact]) for case, rounds in results.items()]


def _row(case: str, rounds: Sequence[Drained], first: Sequence[Drained]) -> list[str]:
    valid = [each for each in rounds if each.exact]
    totals = f"exact in {len(valid)} of {len(rounds)} runs"
    if not valid:
        return [case, "", "", "", "", "", totals]
    pace, cpu = [each.events_per_second for each in valid], [each.cpu_us for each in valid]
    return [
        case,
        spread(pace),
        _ratio(pace, [each.events_per_second for each in first]),
        spread(cpu, 2),
        _ratio(cpu, [each.cpu_us for each in first]),
        spread([each.memory_mib for each in valid]),
        totals,
    ]


def _ratio(values: Sequence[float], others: Sequence[float]) -> str:
    return f"{statistics.median(values) / statistics.median(others):.2f} x" if others else ""
