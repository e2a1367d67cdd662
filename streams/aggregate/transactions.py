"""Transactions of one source partition: events to deltas.

A delta is ``[first series number, new series, totals, cells, late, folded]``:

- new series: [exchange, product_type, currency, cross_border] each, numbered on from the first;
- totals: series, gross, cancelled, executions, cancellations, flat;
- cells: 10 s pane, then series and net, flat, of each pane: what windows and to-date totals are made of;
- late: local day, then the same, of each day: what is too old for any window;
- folded: transactions counted under the exchange ``other``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.batch import Bools, Int64s, SeriesKey, Transactions
from streams.aggregate.numbers import pack_int
from streams.aggregate.windows import PANE_LENGTHS, Calendar

__all__ = ["OTHER", "SeriesKey", "TransactionsPending"]

OTHER = "other"

_PANE = PANE_LENGTHS[0]
_MAX_INT64 = (1 << 63) - 1

_Integers = npt.NDArray[Any]
"""int64, or Python's integers (dtype object) where sums might not fit."""


class TransactionsPending:
    """What the owner of a partition has aggregated since its last checkpoint.

    Transactions are kept as columns and summed when a checkpoint takes them: once for all, in a few calls of numpy.

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
        self._columns: list[tuple[Int64s, _Integers, Bools, Int64s, Bools]] = []
        self._folded = 0

    def add(self, events: Transactions, late: Bools) -> None:
        """Counts transactions, the late ones in all-time and to-date totals only.

        Args:
            events: to count.
            late: which of them are late.
        """
        if len(events):
            numbers = self._numbers(events)
            self._columns.append((numbers, events.amounts, events.cancelled, events.effective_us, late))

    def _numbers(self, events: Transactions) -> Int64s:
        """The number of each one's series."""
        numbers = [self._number.get(key, -1) for key in events.series]
        if -1 in numbers:
            each = np.bincount(events.codes, minlength=len(numbers)).tolist()
            for code in dict.fromkeys(events.codes.tolist()):  # in the order of their first transactions
                if numbers[code] == -1:
                    numbers[code] = self._register(events.series[code], each[code])
        return np.array(numbers, np.int64)[events.codes]

    def _register(self, key: SeriesKey, transactions: int) -> int:
        """The number of a series not met before: its own, or that of ``other`` when the budget is spent.

        Folded series are not remembered: there may be any number of them.
        """
        if len(self._number) >= self._budget and key not in self._number:
            self._folded += 1 if key[0] == OTHER else transactions  # the first ``other`` makes room for the next ones
            key = (OTHER, *key[1:])
        return self._number.setdefault(key, len(self._number))

    def take(self) -> list[Any] | None:
        """The delta since the last call, None when nothing was added."""
        if not self._columns:
            return None
        numbers, amounts, cancelled, effective_us, late = map(np.concatenate, zip(*self._columns, strict=True))
        if amounts.dtype != object and int(amounts.max()) * len(amounts) > _MAX_INT64:
            amounts = amounts.astype(object)
        new = [list(key) for key in list(self._number)[self._first :]]
        nets = np.where(cancelled, -amounts, amounts)
        panes = effective_us // _PANE
        cells = _by_row(panes, numbers, nets)
        days: list[Any] = []
        if late.any():
            cells = _by_row(panes[~late], numbers[~late], nets[~late])
            late_days = np.array([self._calendar.day(time_us) for time_us in effective_us[late].tolist()], np.int64)
            days = _by_row(late_days, numbers[late], nets[late])
        delta = [self._first, new, _totals(numbers, amounts, cancelled), cells, days, self._folded]
        self._reset()
        return delta


def _totals(numbers: Int64s, amounts: _Integers, cancelled: Bools) -> list[Any]:
    """Series, gross, cancelled, executions, cancellations, flat."""
    columns = []
    for which in (~cancelled, cancelled):
        sums = np.zeros(int(numbers.max()) + 1, amounts.dtype)
        np.add.at(sums, numbers[which], amounts[which])
        columns.append((sums.tolist(), np.bincount(numbers[which], minlength=len(sums)).tolist()))
    (gross, executions), (back, cancellations) = columns
    return [
        x
        for number in np.unique(numbers).tolist()
        for x in (number, *map(pack_int, (gross[number], back[number], executions[number], cancellations[number])))
    ]


def _by_row(rows: Int64s, numbers: Int64s, nets: _Integers) -> list[Any]:
    """The nets summed: each row's key (a pane or a day), then its series and nets in one list."""
    if not len(rows):
        return []
    # One integer for both, which sorts fast. Panes fit 35 bits, so that there is room for 2^28 series.
    keys = rows * (int(numbers.max()) + 1) + numbers
    order = np.argsort(keys, kind="stable")
    starts = _starts(keys[order])
    sums = np.add.reduceat(nets[order], starts)
    first = order[starts]
    flat = np.empty(2 * len(first), sums.dtype)
    flat[0::2], flat[1::2] = numbers[first], sums
    in_row = rows[first]
    row_starts = _starts(in_row)
    bounds = [*(2 * row_starts).tolist(), len(flat)]
    values = [pack_int(x) for x in flat.tolist()] if flat.dtype == object else flat.tolist()
    return [x for i, row in enumerate(in_row[row_starts].tolist()) for x in (row, values[bounds[i] : bounds[i + 1]])]


def _starts(keys: Int64s) -> Int64s:
    """Where runs of equal keys begin."""
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
