"""A mapping file: how the columns of somebody's CSV become events. docs/files.md has an example."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from streams.publish.table import ATTRIBUTES, REQUIRED, event_of

DATA = "data."
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+")
TIMES = ("time", f"{DATA}executed_at")


class BadMapping(ValueError):
    """The mapping file cannot be used; one line a problem."""


class ColumnMapping(BaseModel):
    """Which column, or which constant, each field of an event comes from.

    A field is an attribute (``id``) or ``data.`` and a field of data (``data.amount``). Columns that are not named are
    left aside.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, str | list[str]]
    constants: dict[str, str] = {}
    words: dict[str, dict[str, str]] = {}
    offset: Annotated[str, Field(pattern=r"^(Z|[+-]\d\d:\d\d)?$")] = ""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","

    @model_validator(mode="after")
    def _fields_are_known(self) -> Self:
        fields = [field for _, field in self.pairs()] + list(self.constants)
        problems = [f"{field!r} is no field: expected data. and a name, or one of {', '.join(ATTRIBUTES)}"
                    for field in [*fields, *self.words] if not _is_field(field)]  # fmt: skip
        problems += [f"{field} has two origins" for field in sorted({f for f in fields if fields.count(f) > 1})]
        problems += [f"{field} comes from no column and is no constant" for field in REQUIRED if field not in fields]
        problems += [f"words of {field}: no column gives it" for field in self.words if field not in fields]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def pairs(self) -> list[tuple[str, str]]:
        """Column and field, for each field that comes from a column."""
        return [
            (column, field)
            for column, fields in self.columns.items()
            for field in ([fields] if isinstance(fields, str) else fields)
        ]

    def event(self, row: Mapping[str, str]) -> dict[str, Any]:
        """The structured CloudEvent of a row, not yet checked.

        Args:
            row: cell by column.
        """
        cells = dict(self.constants)
        for column, field in self.pairs():
            cell = row.get(column, "").strip()
            cell = self.words.get(field, {}).get(cell, cell)
            cells[field] = self._with_offset(cell) if field in TIMES else cell
        return event_of({field.removeprefix(DATA): cell for field, cell in cells.items()})

    def _with_offset(self, cell: str) -> str:
        """A local time, ``2023-11-24 09:30:00``, as the contract has it; any other text stays what it is."""
        return cell.replace(" ", "T") + self.offset if self.offset and _LOCAL.fullmatch(cell) else cell


def _is_field(name: str) -> bool:
    return name in ATTRIBUTES or (name.startswith(DATA) and name != DATA and name.removeprefix(DATA) not in ATTRIBUTES)


def read_mapping(path: Path) -> ColumnMapping:
    """Reads a mapping file.

    Raises:
        BadMapping: it is no YAML, or says something that makes no sense.
        OSError: it cannot be read.
    """
    try:
        # BaseLoader: yes, 1 and 2023-11-24 stay the text that a cell is compared with.
        return ColumnMapping.model_validate(yaml.load(path.read_text("utf-8"), yaml.BaseLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadMapping(" ".join(str(error).split())) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, part['loc']))}: {part['msg']}".removeprefix(": ") for part in error.errors()]
        raise BadMapping("; ".join(problem.replace("Value error, ", "") for problem in problems)) from error
