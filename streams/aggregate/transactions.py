"""Transactions of one source partition: events to deltas.

A delta is ``[first series number, new series, totals, cells, late, folded]``:

- new series: [exchange, product_type, currency, cross_border] each, numbered on from the first;
- totals: series, gross, cancelled, executions, cancellations, flat;
- cells: 10 s pane, then series and net, flat, of each pane: what windows and to-date totals are made of;
- late: local day, then the same, of each day: what is too old for any window;
- folded: transactions counted under the exchange ``other``.
"""

from collections.abc import Iterable, Mapping, Sequence
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
        self._cells: dict[int, dict[int, int]] = {}
        self._late: dict[int, dict[int, int]] = {}
        self._folded = 0

    def __len__(self) -> int:
        return len(self._totals)

    def add(self, events: Iterable[Transaction], late_before_us: int) -> int:
        """Counts transactions, the late ones in all-time and to-date totals only.

        Args:
            events: to count.
            late_before_us: those that count at an earlier time are late.

        Returns:
            How many were late.
        """
        numbers, totals, cells, late = self._number, self._totals, self._cells, 0
        for event in events:
            number = numbers.get((event.exchange, event.product_type, event.currency, event.cross_border))
            if number is None:
                number = self._register(event)
            try:
                total = totals[number]
            except KeyError:
                total = totals[number] = [0, 0, 0, 0]
            net = event.amount
            if event.cancelled:
                total[1] += net
                total[3] += 1
                net = -net
            else:
                total[0] += net
                total[2] += 1
            at = event.effective_us
            if at < late_before_us:
                late += 1
                row = self._late.setdefault(self._calendar.day(at), {})
            else:
                pane = at // _PANE
                try:
                    row = cells[pane]
                except KeyError:
                    row = cells[pane] = {}
            row[number] = row.get(number, 0) + net
        return late

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
        delta = [self._first, [list(key) for key in new], totals, _flat(self._cells), _flat(self._late), self._folded]
        self._reset()
        return delta


def _flat(rows: Mapping[int, Mapping[int, int]]) -> list[Any]:
    """Each row's key, then its series and nets in one list."""
    return [
        x
        for key, row in rows.items()
        for x in (key, [y for number, net in row.items() for y in (number, pack_int(net))])
    ]
