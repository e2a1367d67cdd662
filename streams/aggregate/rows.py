"""Nets by pane (or local day) and series: what deltas bring and partitions keep."""

from typing import Any

Rows = dict[int, dict[int, int]]
"""pane or day -> series -> net"""


def rows_of(flat: list[Any], numbers: list[int]) -> Rows:
    """The rows of a delta.

    Args:
        flat: pane or day, then series and net in one list, of each row.
        numbers: what a series' number in the delta stands for.
    """
    number = numbers.__getitem__
    return {
        # int is what unpack_int does, without a call for each cell.
        key: dict(zip(map(number, row[::2]), map(int, row[1::2]), strict=True))
        for key, row in zip(flat[::2], flat[1::2], strict=True)
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
