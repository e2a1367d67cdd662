"""Rolling and to-date sums of many series, kept up as deltas come and as the clock moves."""

from collections.abc import Iterable, Mapping
from datetime import date

from streams.aggregate.windows import PANE_LENGTHS, PERIODS, WINDOWS, Window, period_starts

Panes = Mapping[int, Mapping[int, int]]
"""pane (or day) -> series -> net"""


class RollingSums:
    """The sums of one window over all partitions, by series.

    Panes ahead of the clock wait: they enter when the clock reaches them.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self.sums: list[int] = []
        self._head: int | None = None

    def add(self, pane: int, row: Mapping[int, int]) -> None:
        """Adds to one pane, if the window stands there."""
        if self._has(pane):
            sums = self.sums
            for series, net in row.items():
                sums[series] += net

    def remove(self, pane: int, row: Mapping[int, int]) -> None:
        """Takes out a pane that its part drops, if the window stands there: it has not moved for long."""
        if self._has(pane):
            sums = self.sums
            for series, net in row.items():
                sums[series] -= net

    def _has(self, pane: int) -> bool:
        head = self._head
        return head is not None and head - self.window.panes < pane <= head

    def advance(self, clock_us: int, parts: Iterable[Panes]) -> None:
        """Moves the window to a clock (never back), taking panes in and out of the parts' stores."""
        head = clock_us // self.window.pane
        old = self._head
        if old is not None and head <= old:
            return
        width = self.window.panes
        if old is None or head - old >= width:
            self.rebuild(head, parts)
            return
        self._head = head
        sums = self.sums
        for panes in parts:
            for pane in range(old - width + 1, head - width + 1):
                for series, net in panes.get(pane, _NONE).items():
                    sums[series] -= net
            for pane in range(old + 1, head + 1):
                for series, net in panes.get(pane, _NONE).items():
                    sums[series] += net

    def rebuild(self, head: int | None, parts: Iterable[Panes]) -> None:
        """Sums everything anew with the clock in pane ``head`` (None: where it was)."""
        head = self._head if head is None else head
        self._head = head
        sums = self.sums = [0] * len(self.sums)
        if head is None:
            return
        for panes in parts:
            for pane in range(head - self.window.panes + 1, head + 1):
                for series, net in panes.get(pane, _NONE).items():
                    sums[series] += net


_NONE: Mapping[int, int] = {}


class ToDateSums:
    """The sums of the current day, month, quarter and year over all partitions, by series."""

    def __init__(self) -> None:
        self.sums: dict[str, list[int]] = {period: [] for period in PERIODS}
        self._spans: dict[str, tuple[int, int]] = {}
        self._today: int | None = None

    def add(self, day: int, row: Mapping[int, int]) -> None:
        """Adds to one local day, in every current period that holds it."""
        for period, (start, end) in self._spans.items():
            if start <= day < end:
                sums = self.sums[period]
                for series, net in row.items():
                    sums[series] += net

    def advance(self, today: int, parts: Iterable[Panes]) -> None:
        """Moves to a local day (never back)."""
        if self._today is not None and today <= self._today:
            return
        self._today = today
        parts = list(parts)
        for period, start in period_starts(today).items():
            span = (start, _end(period, start))
            if self._spans.get(period) != span:
                self._spans[period] = span
                self._sum(period, parts)

    def rebuild(self, parts: Iterable[Panes]) -> None:
        """Sums everything anew where the clock is."""
        parts = list(parts)
        for period in PERIODS:
            self.sums[period] = [0] * len(self.sums[period])
            if period in self._spans:
                self._sum(period, parts)

    def _sum(self, period: str, parts: Iterable[Panes]) -> None:
        start, end = self._spans[period]
        sums = self.sums[period] = [0] * len(self.sums[period])
        for days in parts:
            for day in [day for day in days if start <= day < end]:
                for series, net in days[day].items():
                    sums[series] += net


def _end(period: str, start: int) -> int:
    """The day after a period that starts on a day (ordinals)."""
    if period == "day":
        return start + 1
    first = date.fromordinal(start)
    month = first.month - 1 + {"month": 1, "quarter": 3, "year": 12}[period]
    return date(first.year + month // 12, month % 12 + 1, 1).toordinal()


def all_windows() -> list[RollingSums]:
    """One for each window."""
    return [RollingSums(window) for window in WINDOWS]


def pane_kind(window: Window) -> int:
    """Which of the pane lengths a window is made of."""
    return PANE_LENGTHS.index(window.pane)
