"""Events from a file: one structured CloudEvent a line (NDJSON), or a table (CSV)."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

Format = Literal["ndjson", "csv"]

ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype")
"""CSV columns that are attributes of the CloudEvent; every other column is a field of ``data``."""
REQUIRED = ("id", "source", "type", "time")
INTEGERS = frozenset({"count", "unit_multiplier"})
BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


class BadTable(ValueError):
    """The CSV's header cannot be used."""


def read_events(lines: Iterable[bytes], form: Format) -> Iterator[tuple[int, bytes]]:
    """Events with the number of the line they end on, counted from 1; blank lines are left out.

    Args:
        lines: of the file, with or without line ends.
        form: how to read them.

    Yields:
        The line's number and a structured CloudEvent as JSON, not yet checked.

    Raises:
        BadTable: a CSV without the columns that every event needs.
    """
    return _read_csv(lines) if form == "csv" else _read_ndjson(lines)


def _read_ndjson(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        if value := line.strip():
            yield number, value


def _read_csv(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    # A byte that is no UTF-8 becomes U+FFFD, which the contract then refuses where it matters.
    reader = csv.reader(line.decode("utf-8-sig" if first else "utf-8", "replace") for first, line in _firsts(lines))
    header = [name.strip() for name in next(reader, [])]
    if missing := [name for name in REQUIRED if name not in header]:
        raise BadTable(f"the header row lacks {', '.join(missing)}")
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise BadTable(f"the header row has {', '.join(repeated)} twice")
    for row in reader:
        if row:
            # Cells beyond the header have no name: they become a field that no event has.
            names = [*header, *(f"column_{index}" for index in range(len(header) + 1, len(row) + 1))]
            yield reader.line_num, msgspec.json.encode(_event(dict(zip(names, row, strict=False))))


def _firsts(lines: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    return ((index == 0, line) for index, line in enumerate(lines))


def _event(row: Mapping[str, str]) -> dict[str, Any]:
    given = {name: cell for name, cell in row.items() if cell != ""}
    event: dict[str, Any] = {"specversion": "1.0"}
    event.update({name: given[name] for name in ATTRIBUTES if name in given})
    event["data"] = {name: _value(name, cell) for name, cell in given.items() if name not in ATTRIBUTES}
    return event


def _value(name: str, cell: str) -> str | int | bool:
    """The cell as JSON has it; one that does not fit stays text, so that the contract names it."""
    if name == "cross_border":
        return BOOLEANS.get(cell, cell)
    # JSON has no numbers beyond 64 bits for most readers; a longer one stays text.
    if name in INTEGERS and cell.removeprefix("-").isdecimal() and cell.isascii() and len(cell) <= 18:
        return int(cell)
    return cell
