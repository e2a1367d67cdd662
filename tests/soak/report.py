"""A chart and a table of a soak: ``python -m tests.soak.report FOLDER [--chart docs/soak.svg]``.

The table, in Markdown, goes to the standard output; the chart is one SVG file.
"""

import argparse
import csv
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.soak.samples import FAULTS_FILE, SAMPLES_FILE

WIDTH, HEIGHT = 860, 120
LEFT, TOP, GAP = 70, 58, 46
COLOURS = ("#0b63c5", "#c2570c")
COLUMNS = (
    "minutes", "events/s", "worker 0: MiB, median", "highest", "worker 1: MiB, median", "highest",
    "CPU, cores", "lag, median", "highest", "worker 0 complete", "faults", "load average",
)  # fmt: skip
SPAN_S = 600.0
"""Of one line of the table."""

Row = dict[str, float]


class Panel(NamedTuple):
    """One of the charts, above each other with the same time axis."""

    title: str
    lines: dict[str, Callable[[Row], float]]  # name -> value


PANELS = (
    Panel("resident memory, MiB", {"worker 0": lambda r: r["rss_0_mib"], "worker 1": lambda r: r["rss_1_mib"]}),
    Panel("events counted per second", {"both workers": lambda r: r["per_second"]}),
    Panel("records published and not yet counted", {"lag": lambda r: r["lag"]}),
    Panel("CPU, cores", {"worker 0": lambda r: r["cpu_0"], "worker 1": lambda r: r["cpu_1"]}),
    Panel("complete (1) or not (0)", {"worker 0": lambda r: r["complete_0"], "worker 1": lambda r: r["complete_1"]}),
    Panel("Kafka's segments on the disk, MiB", {"all topics": lambda r: r["kafka_disk_mib"]}),
)


def read(folder: Path) -> tuple[list[Row], list[tuple[float, str]]]:
    """The samples, with events per second added, and when which fault began."""
    with (folder / SAMPLES_FILE).open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    for before, row in zip([rows[0], *rows], rows, strict=False):
        passed = row["seconds"] - before["seconds"]
        row["per_second"] = (row["counted"] - before["counted"]) / passed if passed else 0.0
    with (folder / FAULTS_FILE).open(newline="") as file:
        faults = [(float(row["seconds"]), row["kind"]) for row in csv.DictReader(file)]
    return rows, faults


def table(rows: Sequence[Row], faults: Sequence[tuple[float, str]]) -> str:
    """A line for every ten minutes."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for start in range(0, int(rows[-1]["seconds"]) + 1, int(SPAN_S)):
        here = [row for row in rows if start <= row["seconds"] < start + SPAN_S and row["seconds"] > 0]
        if not here:
            continue
        count = sum(start <= at < start + SPAN_S for at, _ in faults)
        lines.append(
            f"| {start // 60} to {min(start + SPAN_S, here[-1]['seconds']) / 60:.0f} "
            f"| {statistics.mean(row['per_second'] for row in here):,.0f} "
            f"| {statistics.median(row['rss_0_mib'] for row in here):.0f} "
            f"| {max(row['rss_0_mib'] for row in here):.0f} "
            f"| {statistics.median(row['rss_1_mib'] for row in here):.0f} "
            f"| {max(row['rss_1_mib'] for row in here):.0f} "
            f"| {statistics.mean(row['cpu_0'] + row['cpu_1'] for row in here):.2f} "
            f"| {statistics.median(row['lag'] for row in here):,.0f} "
            f"| {max(row['lag'] for row in here):,.0f} "
            f"| {100 * statistics.mean(row['complete_0'] for row in here):.0f} % "
            f"| {count} | {statistics.mean(row['load_average'] for row in here):.0f} |"
        )
    return "\n".join(lines)


def chart(rows: Sequence[Row], faults: Sequence[tuple[float, str]]) -> str:
    """All panels as SVG; a grey line is the start of a fault."""
    total = TOP + len(PANELS) * (HEIGHT + GAP)
    end = max(row["seconds"] for row in rows) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{total}"',
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{end / 60:.0f} minutes, {len(faults)} faults (vertical lines)</text>',
    ]
    for number, panel in enumerate(PANELS):
        parts += _panel(panel, rows, [at for at, _ in faults], TOP + number * (HEIGHT + GAP), end)
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, rows: Sequence[Row], faults: Sequence[float], top: float, end: float) -> list[str]:
    values = {name: [value(row) for row in rows] for name, value in panel.lines.items()}
    highest = max(max(line) for line in values.values()) or 1.0
    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{panel.title}</text>']
    parts += [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + HEIGHT}" stroke="#d1d5db"/>'
        for x in (_x(at, end) for at in faults)
    ]
    for share in (0.0, 0.5, 1.0):
        y = top + HEIGHT * (1 - share)
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{_short(highest * share)}</text>')
    for minute in range(0, int(end / 60) + 1, max(1, round(end / 600))):
        parts.append(
            f'<text x="{_x(60 * minute, end):.1f}" y="{top + HEIGHT + 14}" text-anchor="middle">{minute} min</text>'
        )
    for number, (name, line) in enumerate(values.items()):
        points = " ".join(
            f"{_x(row['seconds'], end):.1f},{top + HEIGHT * (1 - value / highest):.1f}"
            for row, value in zip(rows, line, strict=True)
        )
        colour = COLOURS[number]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        x = LEFT + WIDTH - 90 * (len(values) - number)
        parts.append(f'<text x="{x}" y="{top - 8}" fill="{colour}">{name}</text>')
    return parts


def _x(seconds: float, end: float) -> float:
    return LEFT + WIDTH * seconds / end


def _short(value: float) -> str:
    return f"{value / 1000:,.0f}k" if value >= 10_000 else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A chart and a table of a soak.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--chart", type=Path, help="the SVG file (FOLDER/soak.svg)")
    given = parser.parse_args()
    rows, faults = read(given.folder)
    (given.chart or given.folder / "soak.svg").write_text(chart(rows, faults))
    print(table(rows, faults))


if __name__ == "__main__":
    main()
