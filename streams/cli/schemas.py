"""``citypulse schemas export``."""

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from schemas.export import FOLDER, event_schemas, files, json_text
from schemas.export.compatibility import breaks
from streams.errors import CityPulseError, InputError
from streams.exposition.openapi import openapi

OPENAPI: Final = f"{FOLDER}/openapi.json"
NOT_EVENTS: Final = frozenset({"asyncapi", "openapi"})
HOW: Final = (
    "a published type keeps its promise: add a new one with .v2 in its name beside it, "
    "as docs/contract.md#versions says"
)


class PublishedSchemaBroken(CityPulseError):
    """A change that breaks published schemas, with what it breaks, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems), HOW)
        self.problems = problems

    def lines(self) -> tuple[str, ...]:
        """One line for what breaks, and what to do instead."""
        return (*self.problems, HOW)


def run(arguments: argparse.Namespace) -> int:
    """Writes the contract's artefacts, or says whether those that are there are fresh.

    Raises:
        PublishedSchemaBroken: what is published in the folder would no longer hold. Nothing is written then.
        CityPulseError: with ``--check``, a file is not fresh; or a file cannot be read or written.
    """
    folder = Path(arguments.output)
    made = files(version("citypulse")) | {OPENAPI: json_text(openapi(version("citypulse")))}
    try:
        published = {
            path.stem: json.loads(path.read_text("utf-8")) for path in sorted((folder / FOLDER).glob("*.json"))
        }
        problems = broken(published)
        if problems:
            raise PublishedSchemaBroken(problems)
        return _check(folder, made) if arguments.check else _write(folder, made)
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"a file in {folder / FOLDER} is no JSON in UTF-8: {error}") from error


def broken(published: dict[str, Any]) -> list[str]:
    """What the code breaks of published schemas, one line each.

    Args:
        published: event type -> its schema as published; other documents are passed over.
    """
    taken, written = event_schemas()
    problems = []
    for type_ in sorted(published.keys() - NOT_EVENTS):
        now = taken.get(type_) or written.get(type_)
        if now is None:
            problems.append(f"{type_}: the type is gone")
        else:
            lost = breaks(published[type_], now, written=type_ in written)
            problems += [f"{type_}: {what}" for what in lost]
    return problems


def _check(folder: Path, made: dict[str, str]) -> int:
    stale = [name for name, text in made.items() if not _is(folder / name, text)]
    if stale:
        raise CityPulseError(f"not what the code makes: {', '.join(stale)}", "run: make schemas")
    print(f"{len(made)} files are fresh, and what is published still holds")
    return 0


def _write(folder: Path, made: dict[str, str]) -> int:
    changed = {name: text for name, text in made.items() if not _is(folder / name, text)}
    for name, text in changed.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        print(f"{folder / name}: written")
    print(f"{len(made) - len(changed)} files were fresh already")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
