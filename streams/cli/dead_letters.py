"""``citypulse dead-letters``: lists, shows, exports and replays what was refused."""

import argparse
import asyncio
import base64
import json
import sys
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from rich.table import Table

from schemas.scalars import format_time
from streams.cli.bytes_shown import key_text, value_lines
from streams.cli.environment import load_settings
from streams.cli.progress import RecordProgress
from streams.cli.replay import replay
from streams.cli.tables import Fitting, report_console, words_table
from streams.decode.wording import printable
from streams.errors import CityPulseError
from streams.settings import Settings
from streams.transport.letters import Entry, Letter, Letters, in_order, list_letters, open_letters

TABLE_WIDTH = 1_000
"""Characters in a line where the output is no terminal: nothing is folded or left out."""

COLUMNS = (
    ("letter", "refused", "reason", "field", "source", "id", "state"),
    ("letter", "refused", "reason", "field", "source", "state"),
    ("letter", "refused", "reason", "field", "state"),
    ("letter", "refused", "reason", "state"),
    ("letter", "reason", "state"),
    ("letter", "reason"),
    ("letter",),
)
"""What a list has of a letter, the widest first. Its name is always whole: ``show`` needs it."""

Filter = Callable[[Entry], bool]


class NoSuchLetter(CityPulseError):
    """The topic does not hold the letter that was asked for."""


def run(arguments: argparse.Namespace) -> int:
    """Runs one of the actions.

    Returns:
        0, or 1 when a letter is still refused or is not there.

    Raises:
        CityPulseError: nobody answers, a topic is missing, a file cannot be used.
    """
    settings = load_settings()
    match arguments.action:
        case "list":
            return _list(asyncio.run(_entries(settings, filter_of(arguments))), arguments.state, arguments.json)
        case "show":
            return asyncio.run(_show(settings, arguments))
        case "export":
            return asyncio.run(_export(settings, filter_of(arguments), arguments.state))
        case _:
            return replay(settings, arguments, filter_of(arguments))


def filter_of(arguments: argparse.Namespace) -> Filter:
    """What the options ask for, as a condition on a letter."""
    asked: list[Filter] = []
    if arguments.action == "show":
        return lambda entry: entry.place == arguments.letter
    if arguments.reason:
        asked.append(lambda entry: entry.reason in arguments.reason)
    if arguments.topic:
        asked.append(lambda entry: entry.place.topic in arguments.topic)
    if arguments.source:
        asked.append(lambda entry: entry.event.source in arguments.source)
    if arguments.since is not None:
        asked.append(lambda entry: entry.refused_ms * 1_000 >= arguments.since)
    if arguments.until is not None:
        asked.append(lambda entry: entry.refused_ms * 1_000 < arguments.until)
    return lambda entry: all(holds(entry) for holds in asked)


async def _entries(settings: Settings, wanted: Filter) -> Letters:
    with RecordProgress() as progress:
        return await list_letters(settings, wanted, progress.advance)


def _in_state(letters: Letters, state: str) -> list[Entry]:
    """The letters of that state, in the order in which they were refused."""
    if state == "waiting":
        return letters.waiting()
    return in_order(entry for place, entry in letters.entries.items() if state == "all" or place in letters.replayed)


def _list(letters: Letters, state: str, as_json: bool) -> int:
    entries = _in_state(letters, state)
    replayed = sum(entry.place in letters.replayed for entry in entries)
    if as_json:
        rows = [letters.row(entry) for entry in entries]
        counts = {"waiting": len(entries) - replayed, "replayed": replayed}
        print(json.dumps({"letters": rows, **counts}, ensure_ascii=False, indent=2))
        return 0
    if entries:
        console = report_console()
        if not console.is_terminal:
            console.width = TABLE_WIDTH
        console.print(letters_table(entries, letters))
    noun = "dead letter" if len(entries) == 1 else "dead letters"
    print(f"{len(entries)} {noun}: {len(entries) - replayed} waiting, {replayed} replayed")
    return 0


def letters_table(entries: list[Entry], letters: Letters) -> Fitting:
    """The letters with as many columns as the terminal has room for.

    Args:
        entries: those to show, in this order.
        letters: the account that knows which were replayed.
    """
    rows = [_cells(entry, letters) for entry in entries]

    def form(names: tuple[str, ...]) -> Table:
        table, row = words_table(names)
        table.columns[0].no_wrap = True
        for cells in rows:
            row([cells[name] for name in names])
        return table

    return Fitting(*map(form, COLUMNS))


def _cells(entry: Entry, letters: Letters) -> dict[str, str]:
    """What a terminal might act on is in none of them: field, source and id are a stranger's."""
    cells = {
        "letter": str(entry.place),
        "refused": format_time(entry.refused_ms // 1_000 * 1_000_000),
        "reason": entry.reason,
        "field": entry.field,
        "source": entry.event.source,
        "id": entry.event.id,
        "state": "replayed" if entry.place in letters.replayed else "waiting",
    }
    return {name: printable(text) for name, text in cells.items()}


async def _show(settings: Settings, arguments: argparse.Namespace) -> int:
    letters = await _entries(settings, filter_of(arguments))
    async with aclosing(open_letters(settings, letters.entries.values())) as opened:
        async for entry, letter in opened:
            if arguments.raw:
                sys.stdout.buffer.write(letter.value_base64 or b"")
                sys.stdout.buffer.flush()
            elif arguments.json:
                print(json.dumps(letters.row(entry) | _record(letter), ensure_ascii=False, indent=2))
            else:
                print(*_shown(entry, letter, letters), sep="\n")
            return 0
    raise NoSuchLetter(f"there is no dead letter {arguments.letter}", "see: citypulse dead-letters list")


def _record(letter: Letter) -> dict[str, Any]:
    return {
        "timestamp": letter.timestamp,
        "key_base64": _base64(letter.key_base64),
        "headers": [[name, _base64(value)] for name, value in letter.headers],
        "value_base64": _base64(letter.value_base64),
        "value_bytes": _size(letter),
    }


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def _size(letter: Letter) -> int:
    return len(letter.value_base64 or b"") if letter.value_bytes is None else letter.value_bytes


def _shown(entry: Entry, letter: Letter, letters: Letters) -> list[str]:
    sent = letters.replayed.get(entry.place)
    lines = {
        "letter": str(entry.place),
        "refused": format_time(entry.refused_ms * 1_000),
        "reason": entry.reason,
        "field": entry.field or "-",
        "message": entry.message,
        "state": "waiting" if sent is None else f"replayed to {sent.place} as {sent.source} {sent.id}",
        "recorded": "-" if letter.timestamp < 0 else format_time(letter.timestamp * 1_000),
        "key": key_text(letter.key_base64),
    }
    shown = [f"{name:<9} {text}" for name, text in lines.items()]
    shown += [f"header    {key_text(name.encode())}: {key_text(value)}" for name, value in letter.headers]
    if letter.value_bytes is not None:
        return [*shown, f"value     {letter.value_bytes} bytes, too large to be kept"]
    if letter.value_base64 is None:
        return [*shown, "value     none"]
    form, value = value_lines(letter.value_base64)
    return [*shown, f"value     {len(letter.value_base64)} bytes, {form}", "", *value]


async def _export(settings: Settings, wanted: Filter, state: str) -> int:
    letters = await _entries(settings, wanted)
    async with aclosing(open_letters(settings, _in_state(letters, state))) as opened:
        async for entry, letter in opened:
            print(json.dumps(_exported(entry, letter), ensure_ascii=False))
    return 0


def _exported(entry: Entry, letter: Letter) -> dict[str, Any]:
    """A line for an editor: ``event`` is what will be sent; where none can be read, the original stands beside it."""
    event = letter.event
    line = {
        "letter": str(entry.place),
        "reason": entry.reason,
        "field": entry.field,
        "message": entry.message,
        "event": event,
    }
    if event is None and letter.value_base64 is not None:
        try:
            line["original"] = letter.value_base64.decode()
        except UnicodeDecodeError:
            line["original_base64"] = _base64(letter.value_base64)
    return line
