"""Events from a file: one structured CloudEvent a line (NDJSON), or a table (CSV)."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from streams.publish.mapping import ColumnMapping
from streams.publish.table import REQUIRED, event_of

Format = Literal["ndjson", "csv"]


class BadTable(ValueError):
    """The CSV cannot be read: its header, or a cell without end."""


def read_events(
    lines: Iterable[bytes], form: Format, mapping: ColumnMapping | None = None
) -> Iterator[tuple[int, bytes]]:
    """Events with the number of the line they end on, counted from 1; blank lines are left out.

    Args:
        lines: of the file, with or without line ends.
        form: how to read them.
        mapping: of a CSV whose columns have other names than the fields.

    Yields:
        The line's number and a structured CloudEvent as JSON, not yet checked.

    Raises:
        BadTable: a CSV without the columns that every event needs.
    """
    return _read_csv(lines, mapping) if form == "csv" else _read_ndjson(lines)


def _read_ndjson(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        if value := line.strip():
            yield number, value


def _read_csv(lines: Iterable[bytes], mapping: ColumnMapping | None) -> Iterator[tuple[int, bytes]]:
    # A byte that is no UTF-8 becomes U+FFFD, which the contract then refuses where it matters.
    texts = (line.decode("utf-8-sig" if first else "utf-8", "replace") for first, line in _firsts(lines))
    reader = csv.reader(texts, delimiter=mapping.delimiter if mapping else ",")
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, [column for column, _ in mapping.pairs()] if mapping else REQUIRED)
        for row in reader:
            if row:
                # Cells beyond the header have no name: they become a field that no event has.
                names = [*header, *(f"column_{index}" for index in range(len(header) + 1, len(row) + 1))]
                cells = dict(zip(names, row, strict=False))
                yield reader.line_num, msgspec.json.encode(mapping.event(cells) if mapping else event_of(cells))
    except csv.Error as error:
        raise BadTable(f"line {reader.line_num}: {error}") from error


def _check_header(header: Sequence[str], needed: Iterable[str]) -> None:
    if missing := [name for name in needed if name not in header]:
        raise BadTable(f"the header row lacks {', '.join(missing)}")
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise BadTable(f"the header row has {', '.join(repeated)} twice")


def _firsts(lines: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    return ((index == 0, line) for index, line in enumerate(lines))
