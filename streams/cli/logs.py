"""The log of a command that goes on for long: one line an entry on stderr, for people or as JSON.

What stands in an entry may have come from outside, in the text of an error say. Control characters are escaped, so
that no text can begin a line of its own or speak to a terminal. An entry that comes again and again is left out after a
while, and counted.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from streams.settings import Settings

REPEATS: Final = 10
"""Entries alike (from one place in the code) that pass in a window; state changes always do."""

WINDOW_S: Final = 60.0

_SUBCLASSES = ("streams.transport.agents", "streams.transport.consumer")
"""Modules with subclasses of faust's: it logs its own steps under their names."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Control characters, line ends of every script, and what turns the direction of text."""

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; everything else was given with ``extra`` and is a field of the entry."""


def set_up(settings: Settings) -> None:
    """Has this process log to stderr. Libraries only warn, whatever the level: their debug logs hold what they send."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EntryFormatter(settings.log_format))
    handler.addFilter(Repeats())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("streams").setLevel(settings.log_level)
    for module in _SUBCLASSES:
        logging.getLogger(module).setLevel(logging.WARNING)


def escaped(text: str) -> str:
    """The text with what could forge a line, or steer a terminal, spelt out."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class EntryFormatter(logging.Formatter):
    r"""Entries as text or as JSON objects.

    JSON: ``time`` (UTC), ``level``, ``logger``, ``message``, fields such as ``change`` and ``reasons``, ``traceback``.
    Text: time, level, logger, message; the lines of a traceback begin with ``  | ``, which no entry does.

    Args:
        form: which of them.
    """

    def __init__(self, form: Literal["console", "json"]) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """The entry, without a line end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        level = record.levelname.lower()
        if self._form == "json":
            fields = {name: value for name, value in vars(record).items() if name not in _OWN}
            entry = {"time": time, "level": level, "logger": record.name, "message": record.getMessage(), **fields}
            # ASCII: everything unsafe is escaped by JSON itself.
            return json.dumps(entry | ({"traceback": traceback} if traceback else {}), default=str)
        line = f"{time} {level:<7} {record.name}: {escaped(record.getMessage())}"
        return "\n  | ".join([line, *map(escaped, traceback.split("\n") if traceback else ())])


class Repeats(logging.Filter):
    """Lets so many entries alike through in a window, then one that says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}  # since when, how many

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the entry is shown."""
        if hasattr(record, "change"):
            return True
        key = (record.name, record.levelno, str(record.msg))
        since, count = self._seen.get(key, (record.created, 0))
        if record.created - since >= WINDOW_S:
            if count > REPEATS:
                record.msg, record.args = f"{record.getMessage()} ({count - REPEATS} alike were left out)", None
            since, count = record.created, 0
        self._seen[key] = (since, count + 1)
        return count < REPEATS
