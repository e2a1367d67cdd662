"""Transactions of one source partition: events to deltas.

A delta is ``[first series number, new series, totals, cells, late, folded]``:

- new series: [exchange, product_type, currency, cross_border] each, numbered on from the first;
- totals: series, gross, cancelled, executions, cancellations, flat;
- cells: series, 10 s pane, net, flat: what windows and to-date totals are made of;
- late: series, local day, net, flat: what is too old for any window;
- folded: transactions counted under the exchange ``other``.
"""

from collections.abc import Sequence
from typing import Any

from schemas.events import Transaction
from streams.aggregate.numbers import pack_int
from streams.aggregate.windows import PANE_LENGTHS, Calendar

SeriesKey = tuple[str, str, str, bool]
"""exchange, product_type, currency, cross_border"""

OTHER = "other"

_PANE = PANE_LENGTHS[0]


class TransactionsPending:
    """What the owner of a partition has aggregated since its last checkpoint.

    Args:
        series: the partition's series so far, in the order of their numbers.
        budget: series beyond this many fold into the exchange ``other``.
        calendar: the days of to-date totals.
    """

    def __init__(self, series: Sequence[SeriesKey], budget: int, calendar: Calendar) -> None:
        self._number = {key: number for number, key in enumerate(series)}
        self._budget = budget
        self._calendar = calendar
        self._reset()

    def _reset(self) -> None:
        self._first = len(self._number)
        self._totals: dict[int, list[int]] = {}
        self._cells: dict[tuple[int, int], int] = {}
        self._late: dict[tuple[int, int], int] = {}
        self._folded = 0

    def __len__(self) -> int:
        return len(self._totals)

    def add(self, event: Transaction, late: bool) -> None:
        """Counts one transaction; ``late``: in all-time and to-date totals only."""
        number = self._number.get((event.exchange, event.product_type, event.currency, event.cross_border))
        if number is None:
            number = self._register(event)
        totals = self._totals.get(number)
        if totals is None:
            totals = self._totals[number] = [0, 0, 0, 0]
        net = event.amount
        if event.cancelled:
            totals[1] += net
            totals[3] += 1
            net = -net
        else:
            totals[0] += net
            totals[2] += 1
        if late:
            day = (number, self._calendar.day(event.effective_us))
            self._late[day] = self._late.get(day, 0) + net
        else:
            cell = (number, event.effective_us // _PANE)
            self._cells[cell] = self._cells.get(cell, 0) + net

    def _register(self, event: Transaction) -> int:
        """The number of a series not met before: its own, or that of ``other`` when the budget is spent.

        Folded series are not remembered: there may be any number of them.
        """
        key = (event.exchange, event.product_type, event.currency, event.cross_border)
        if len(self._number) >= self._budget:
            self._folded += 1
            key = (OTHER, *key[1:])
        return self._number.setdefault(key, len(self._number))

    def take(self) -> list[Any] | None:
        """The delta since the last call, None when nothing was added."""
        if not self._totals:
            return None
        new = list(self._number)[self._first :]
        totals = [x for n, row in self._totals.items() for x in (n, *map(pack_int, row))]
        cells = [x for (n, pane), net in self._cells.items() for x in (n, pane, pack_int(net))]
        late = [x for (n, day), net in self._late.items() for x in (n, day, pack_int(net))]
        delta = [self._first, [list(key) for key in new], totals, cells, late, self._folded]
        self._reset()
        return delta
