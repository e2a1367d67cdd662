"""Nets by pane (or local day) and series: what deltas bring and partitions keep."""

from typing import Any

from streams.aggregate.numbers import unpack_int

Rows = dict[int, dict[int, int]]
"""pane or day -> series -> net"""


def rows_of(flat: list[Any], numbers: list[int]) -> Rows:
    """The rows of a delta.

    Args:
        flat: pane or day, then series and net in one list, of each row.
        numbers: what a series' number in the delta stands for.
    """
    return {
        flat[at]: {numbers[row[i]]: unpack_int(row[i + 1]) for i in range(0, len(row), 2)}
        for at in range(0, len(flat), 2)
        for row in (flat[at + 1],)
    }


def coarser(rows: Rows, panes: int) -> Rows:
    """The same in panes that are so many times as long."""
    merged: Rows = {}
    for pane, row in rows.items():
        add(merged.setdefault(pane // panes, {}), row)
    return merged


def add(target: dict[int, int], row: dict[int, int]) -> None:
    """Adds one row to another."""
    if not target:
        target.update(row)
        return
    get = target.get
    for series, net in row.items():
        target[series] = get(series, 0) + net
