"""A worker's answers as tables for people. Amounts stay exact: they are decimals, never floats."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from streams.cli.api import Answers

Row = Mapping[str, Any]


def report(answers: Answers) -> RenderableType:
    """Everything: whether to trust it, exchanges, infrastructure, indicators, outcomes."""
    parts: list[RenderableType] = [
        completeness(answers["totals"]),
        exchanges(answers["totals"]),
        infrastructure(answers["infrastructure"]),
        indicators(answers["indicators"]),
    ]
    if answers["indicators"]["inconsistencies"]:
        parts.append(inconsistencies(answers["indicators"]))
    return Group(*parts, outcomes(answers["events"]))


def completeness(totals: Row) -> Text:
    """One sentence: at which clock, complete or why not, and how far behind."""
    lag = sum(part["lag"] for part in totals["partitions"])
    if totals["complete"]:
        words = Text("complete", "bold green")
    else:
        words = Text(f"INCOMPLETE: {'; '.join(totals['reasons'])}", "bold red")
    return Text.assemble(words, f"   as of {totals['clock']}   {lag:,} events behind")


@dataclass(slots=True)
class _Volume:
    executed: int = 0
    cancelled: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def add(self, series: Row) -> None:
        self.executed += series["executed"]
        self.cancelled += series["cancelled_count"]
        amounts = {"1h": series["rolling"]["1h"], "24h": series["rolling"]["24h"], "net": series["net"]}
        for name, amount in amounts.items():
            self.amounts[name] = self.amounts.get(name, Decimal(0)) + Decimal(amount)

    def cells(self) -> list[str]:
        return [f"{self.executed:,}", f"{self.cancelled:,}", *(f"{amount:,}" for amount in self.amounts.values())]


def exchanges(totals: Row, top: int | None = None) -> Table:
    """Volume by exchange and product, and for each currency; currencies are never added to each other.

    Args:
        totals: the answer of /api/v1/totals.
        top: only so many products, those with the largest net in the last 24 hours; None shows all.
    """
    products: dict[tuple[str, str, str], _Volume] = {}
    currencies: dict[str, _Volume] = {}
    for series in totals["series"]:
        key = (series["exchange"], series["product_type"], series["currency"])
        products.setdefault(key, _Volume()).add(series)
        currencies.setdefault(series["currency"], _Volume()).add(series)
    table = _table(
        "Exchange volume", ["exchange", "product", "currency"], ["executed", "cancelled", "1h", "24h", "net"]
    )
    shown = sorted(products.items())
    if top is not None:
        shown = sorted(shown, key=lambda item: -item[1].amounts["24h"])[:top]
    for key, volume in shown:
        _row(table, [*key, *volume.cells()])
    table.add_section()
    for currency, volume in sorted(currencies.items()):
        _row(table, ["all", "all", currency, *volume.cells()], "bold")
    return table


def infrastructure(answer: Row) -> Table:
    """Assets in service by type and city, and what authorities report beside them."""
    counts: dict[tuple[str, str], int] = {}
    capacities: dict[tuple[str, str], dict[str, Decimal]] = {}
    for assets in answer["assets"]:
        key = (assets["asset_type"], assets["city"] or assets["area"])
        counts[key] = counts.get(key, 0) + assets["count"]
        units = capacities.setdefault(key, {})
        for unit, capacity in assets["capacity"].items():
            units[unit] = units.get(unit, Decimal(0)) + Decimal(capacity)
    reported = {(row["asset_type"], row["area"]): row for row in answer["reported"]}
    table = _table("Infrastructure", ["type", "area"], ["in service", "capacity", "reported", "reported capacity"])
    for key in sorted({*counts, *reported}):
        capacity = ", ".join(f"{amount:,} {unit}" for unit, amount in sorted(capacities.get(key, {}).items()))
        _row(table, [*key, f"{counts.get(key, 0):,}", capacity, *_reported(reported.get(key))])
    return table


def _reported(row: Row | None) -> list[str]:
    if row is None:
        return ["", ""]
    count = "" if row["count"] is None else f"{row['count']:,}"
    return [count, "" if row["capacity"] is None else f"{_short(row['capacity'])} {row['unit']}"]


def indicators(answer: Row) -> Table:
    """The current figures, as published."""
    table = _table("Indicators", ["indicator", "area", "period", "status", "vintage"], ["published"])
    for figure in answer["current"]:
        cells = [figure[name] for name in ("indicator", "area", "period", "status", "vintage", "printed")]
        _row(table, cells)
    return table


def inconsistencies(answer: Row) -> Table:
    """Figures that break a rule and are not shown as current."""
    table = _table("Inconsistent figures (not shown as current)", ["rule", "indicator", "area", "period"], ["value"])
    table.add_column("expected")
    table.add_column("hint")
    for finding in answer["inconsistencies"]:
        cells = [finding[name] for name in ("rule", "indicator", "area", "period")]
        _row(table, [*cells, _short(finding["value"]), _interval(finding), finding["hint"]], "red")
    return table


def _interval(finding: Row) -> str:
    low, high = finding["expected_low"], finding["expected_high"]
    if low is not None and high is not None:
        return f"{_short(low)} to {_short(high)}"
    if low is not None:
        return f"at least {_short(low)}"
    return "" if high is None else f"at most {_short(high)}"


def _short(number: str) -> str:
    """Without the zeros at the end that say nothing; ``:f`` because a shortened 1000 is 1E+3."""
    return f"{Decimal(number).normalize():,f}"


def outcomes(events: Row) -> Table:
    """What became of every record, by topic, and why some were rejected."""
    names = list(events["topics"][0]["outcomes"])
    table = _table("Events", ["topic"], [*names, "consumed"])
    table.add_column("rejected because of")
    for topic in events["topics"]:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in topic["dead_letters"].items() if count)
        counts = [f"{topic['outcomes'][name]:,}" for name in names]
        _row(table, [topic["topic"], *counts, f"{topic['consumed']:,}", reasons])
    return table


PIPE_WIDTH = 120
"""Characters in a line that nobody's terminal wraps: of a file or a pipe."""


def report_console(*, stderr: bool = False) -> Console:
    """For reports: as wide as the terminal, and wide enough for whole numbers where there is none."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=PIPE_WIDTH)


def _table(title: str, words: Iterable[str], numbers: Iterable[str]) -> Table:
    """Words may be folded where a terminal is narrow, numbers never."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for name in words:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _row(table: Table, cells: Iterable[str], style: str = "") -> None:
    """Cells come from events: what looks like markup in them is text."""
    table.add_row(*map(escape, cells), style=style)


def words_table(names: Iterable[str]) -> tuple[Table, Callable[[Iterable[str]], None]]:
    """A table without a title whose columns are words, and what adds a row to it."""
    table = _table("", names, ())
    return table, lambda cells: _row(table, cells)
