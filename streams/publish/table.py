"""Cells of a table to the event that they describe."""

from collections.abc import Mapping
from typing import Any

ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype")
"""CSV columns that are attributes of the CloudEvent; every other column is a field of ``data``."""
REQUIRED = ("id", "source", "type", "time")
INTEGERS = frozenset({"count", "unit_multiplier"})
BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


def event_of(row: Mapping[str, str]) -> dict[str, Any]:
    """The structured CloudEvent of a row, not yet checked; an empty cell means that the field is absent.

    Args:
        row: cell by name: an attribute, or a field of ``data``.
    """
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
