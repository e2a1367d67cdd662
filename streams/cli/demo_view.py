"""What the demo shows while it runs: a live table on a terminal, a line every few seconds elsewhere."""

import asyncio

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from streams.cli.api import Answers, fetch
from streams.cli.tables import breaches, completeness, exchanges, outcomes

RESOURCES = ("totals", "events", "thresholds")
MOST, FEWEST = 12, 3
"""Products in the table of the exchanges."""
OTHER_LINES = 26
"""Of a screen: everything but those products, with a few breached thresholds."""
LIVE_INTERVAL_S = 1.0
LINE_INTERVAL_S = 5.0


def consumed(answers: Answers) -> dict[str, int]:
    """Topic -> records that the workers have dealt with."""
    return {topic["topic"]: topic["consumed"] for topic in answers["events"]["topics"]}


class DemoView:
    """Watches one worker until it is cancelled.

    Args:
        console: where to show it.
        url: of the worker.
    """

    def __init__(self, console: Console, url: str) -> None:
        self._console = console
        self._url = url
        self._last: tuple[float, int] | None = None

    async def run(self) -> None:
        """Shows the numbers again and again.

        Raises:
            WorkerUnreachable: the worker no longer answers.
        """
        if not self._console.is_terminal:
            self._pace(await fetch(self._url, RESOURCES))
            while True:
                await asyncio.sleep(LINE_INTERVAL_S)
                answers = await fetch(self._url, RESOURCES)
                self._console.print(self._line(answers), soft_wrap=True)
        with Live(console=self._console, transient=True, auto_refresh=False) as live:
            while True:
                answers = await fetch(self._url, RESOURCES)
                live.update(self._screen(answers), refresh=True)
                await asyncio.sleep(LIVE_INTERVAL_S)

    def _pace(self, answers: Answers) -> float:
        """Events a second since the last look."""
        now, count = asyncio.get_running_loop().time(), sum(consumed(answers).values())
        before, self._last = self._last, (now, count)
        if before is None or now <= before[0]:
            return 0.0
        return (count - before[1]) / (now - before[0])

    def _line(self, answers: Answers) -> str:
        sums: dict[str, int] = {}
        for topic in answers["events"]["topics"]:
            for name, count in topic["outcomes"].items():
                sums[name] = sums.get(name, 0) + count
        counted = ", ".join(f"{name} {count:,}" for name, count in sums.items())
        breached = sum(state["breached"] for state in answers["thresholds"]["thresholds"])
        told = f"{breached} thresholds breached" if breached != 1 else "1 threshold breached"
        return f"{self._pace(answers):,.0f} events/s   {counted}   {told}   {completeness(answers['totals']).plain}"

    def _screen(self, answers: Answers) -> RenderableType:
        return Group(
            Text(f"{self._url}/   {self._pace(answers):,.0f} events/s   Ctrl-C ends it", "bold"),
            completeness(answers["totals"]),
            breaches(answers["thresholds"]),
            outcomes(answers["events"]),
            exchanges(answers["totals"], max(FEWEST, min(MOST, self._console.height - OTHER_LINES))),
        )
