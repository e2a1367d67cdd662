"""A worker's answers as tables for people. Amounts stay exact: they are decimals, never floats."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from streams.cli.api import Answers

Row = Mapping[str, Any]


_ENDLESS = 10_000
"""Characters in a line that nothing is cut for."""


class Fitting:
    """The first of several forms that fits into the terminal without a cut number or a broken line; else the last.

    Args:
        forms: the widest first.
    """

    def __init__(self, *forms: RenderableType) -> None:
        self._forms = forms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """What rich prints."""
        *wider, last = self._forms
        unbound = options.update_width(_ENDLESS)
        fits = (form for form in wider if Measurement.get(console, unbound, form).maximum <= options.max_width)
        yield next(fits, last)


def report(answers: Answers) -> RenderableType:
    """Everything: whether to trust it, breached thresholds, exchanges, infrastructure, indicators, outcomes."""
    parts: list[RenderableType] = [
        completeness(answers["totals"]),
        breaches(answers["thresholds"]),
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

    def cells(self) -> dict[str, str]:
        amounts = {name: f"{amount:,}" for name, amount in self.amounts.items()}
        return {"executed": f"{self.executed:,}", "cancelled": f"{self.cancelled:,}", **amounts}


def breaches(answer: Row) -> RenderableType:
    """Breached thresholds, one line each: severity, what is wrong, where, the value against its limit."""
    states = answer["thresholds"]
    lines = [_breach(state) for state in states if state["breached"]]
    if lines:
        return Group(*lines)
    if not states:
        return Text("no thresholds are set", "dim")
    waiting = sum(state["since"] is not None for state in states)
    unknown = sum(state["value"] is None for state in states)
    told = [f"beyond the limit and waiting: {waiting}"] * bool(waiting) + [f"no value yet: {unknown}"] * bool(unknown)
    aside = f" ({', '.join(told)})" if told else ""
    return Text(f"{'…' if told else '✓'} none of {len(states)} thresholds is breached{aside}", "dim")


def _breach(state: Row) -> Text:
    style = "bold red" if state["severity"] == "critical" else "bold yellow"
    where = ", ".join(state["labels"].values())
    compared = f"{_short(state['value'])} {state['op']} {_short(state['limit'])}"
    said = f" {where}: {compared}{_others(state)}"
    return Text.assemble((f"✕ {state['severity']} ", style), state["summary"], (said, "dim"))


def _others(state: Row) -> str:
    """How many other series are beyond the limit, and which: the labels in which they differ from it, the value."""
    if state["beyond"] < 2:
        return ""
    first = state["labels"]
    names = [
        " ".join([*(label for name, label in other["labels"].items() if label != first[name]), _short(other["value"])])
        for other in state["others"]
    ]
    left = ["…"] if state["beyond"] > 1 + len(names) else []
    return f", and {state['beyond'] - 1:,} more: {', '.join(names + left)}"


_VOLUMES = (("executed", "cancelled", "1h", "24h", "net"), ("1h", "24h", "net"), ("24h", "net"), ("net",))
"""The numbers of an exchange that are shown, the widest first."""


def exchanges(totals: Row, top: int | None = None) -> Fitting:
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
    shown = sorted(products.items())
    if top is not None:
        shown = sorted(shown, key=lambda item: -item[1].amounts["24h"])[:top]

    def form(numbers: tuple[str, ...]) -> Table:
        table = _table("Exchange volume", ["exchange", "product", "in"], numbers)
        for key, volume in shown:
            _row(table, [*key, *(volume.cells()[name] for name in numbers)])
        table.add_section()
        for currency, volume in sorted(currencies.items()):
            _row(table, ["all", "all", currency, *(volume.cells()[name] for name in numbers)], "bold")
        return table

    return Fitting(*map(form, _VOLUMES))


def infrastructure(answer: Row) -> Fitting:
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

    def form(*theirs: str) -> Table:
        table = _table("Infrastructure", ["type", "area"], ["in service", "capacity", *theirs])
        for key in sorted({*counts, *reported}):
            capacity = ", ".join(f"{amount:,} {unit}" for unit, amount in sorted(capacities.get(key, {}).items()))
            told = _reported(reported.get(key))
            cells = told if len(theirs) > 1 else [", ".join(filter(None, told))]
            _row(table, [*key, f"{counts.get(key, 0):,}", capacity, *cells])
        return table

    return Fitting(form("reported", "reported capacity"), form("reported"))


def _reported(row: Row | None) -> list[str]:
    if row is None:
        return ["", ""]
    count = "" if row["count"] is None else f"{row['count']:,}"
    return [count, "" if row["capacity"] is None else f"{_short(row['capacity'])} {row['unit']}"]


def indicators(answer: Row) -> Fitting:
    """The current figures, as published."""

    def form(*words: str) -> Table:
        table = _table("Indicators", words, ["published"])
        for figure in answer["current"]:
            _row(table, [*(figure[name] for name in words), figure["printed"]])
        return table

    return Fitting(form("indicator", "area", "period", "status", "vintage"), form("indicator", "area", "period"))


def inconsistencies(answer: Row) -> Fitting:
    """Figures that break a rule and are not shown as current."""
    table = _table("Inconsistent figures (not shown as current)", ["rule", "indicator", "area", "period"], ["value"])
    table.add_column("expected")
    table.add_column("hint")
    for finding in answer["inconsistencies"]:
        cells = [finding[name] for name in ("rule", "indicator", "area", "period")]
        _row(table, [*cells, _short(finding["value"]), _interval(finding), finding["hint"]], "red")
    lines = [
        Text(
            f"✕ {finding['indicator']} of {finding['area']}, {finding['period']}: {_short(finding['value'])} breaks "
            f"{finding['rule']}; expected {_interval(finding)} {finding['hint']}".rstrip(),
            "red",
        )
        for finding in answer["inconsistencies"]
    ]
    return Fitting(table, Group(Text(str(table.title), "bold"), *lines))


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


def outcomes(events: Row) -> Fitting:
    """What became of every record, by topic, and why some were rejected."""
    names = list(events["topics"][0]["outcomes"])
    whys = [
        ", ".join(f"{reason} {count:,}" for reason, count in topic["dead_letters"].items() if count)
        for topic in events["topics"]
    ]

    def form(*, whole: bool) -> Table:
        table = _table("Events", ["topic"], [*names, "consumed"])
        if whole:
            table.add_column("rejected because of")
        for topic, why in zip(events["topics"], whys, strict=True):
            counts = [f"{topic['outcomes'][name]:,}" for name in names]
            name = topic["topic"] if whole else topic["topic"].removeprefix("citypulse.").removesuffix(".v1")
            _row(table, [name, *counts, f"{topic['consumed']:,}", *([why] if whole else [])])
        return table

    told = ", ".join(filter(None, whys))
    narrow = Group(form(whole=False), Text(f"rejected because of: {told}")) if told else form(whole=False)
    return Fitting(form(whole=True), narrow)


PIPE_WIDTH = 120
"""Characters in a line that nobody's terminal wraps: of a file or a pipe."""


def report_console(*, stderr: bool = False) -> Console:
    """For reports: as wide as the terminal, and wide enough for whole numbers where there is none."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=PIPE_WIDTH)


def _table(title: str, words: Iterable[str], numbers: Iterable[str]) -> Table:
    """Words may be folded where a terminal is narrow, numbers never."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=box.ROUNDED)
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
