"""The worker's log: one line an entry, whatever stands in it, and nothing that floods it."""

import json
import logging
from collections.abc import Callable

import pytest

from streams.cli.logs import REPEATS, WINDOW_S, EntryFormatter, Repeats, set_up
from streams.settings import Settings

FORGED = "no such topic\n2026-01-01T00:00:00.000Z error   streams.app: all is well\r\x1b[2J\x85\u2028\u202eevil\x00"


def record(message: str, *args: object, level: int = logging.WARNING, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {
            "name": "streams.app",
            "levelno": level,
            "levelname": logging.getLevelName(level),
            "msg": message,
            "args": args,
        }
    )
    made.created = 1_700_000_000.25
    vars(made).update(extra)
    return made


def raised(error: Exception) -> logging.LogRecord:
    made = record("it failed")
    try:
        raise error
    except type(error) as caught:
        made.exc_info = (type(caught), caught, caught.__traceback__)
    return made


def test_an_entry_for_people() -> None:
    line = EntryFormatter("console").format(record("assigned %s", "a partition"))
    assert line == "2023-11-14T22:13:20.250Z warning streams.app: assigned a partition"


def test_an_entry_as_json_has_its_fields() -> None:
    line = EntryFormatter("json").format(record("assigned", change="assigned", partitions=["p 0"]))
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "streams.app",
        "message": "assigned",
        "change": "assigned",
        "partitions": ["p 0"],
    }


def test_no_text_begins_a_line_of_its_own() -> None:
    line = EntryFormatter("console").format(record("refused: %s", FORGED))
    assert line.isprintable()
    assert "\\n2026" in line
    encoded = EntryFormatter("json").format(record("refused: %s", FORGED, field=FORGED))
    assert encoded.isascii()
    assert encoded.isprintable()
    assert json.loads(encoded)["field"] == FORGED


def test_a_traceback_is_marked_line_by_line_or_one_field() -> None:
    lines = EntryFormatter("console").format(raised(ValueError(FORGED))).split("\n")
    assert len(lines) > 3
    assert all(line.startswith("  | ") and line.isprintable() for line in lines[1:])
    assert "ValueError" in json.loads(EntryFormatter("json").format(raised(ValueError("x"))))["traceback"]


def test_what_comes_again_and_again_is_left_out_and_counted() -> None:
    repeats = Repeats()
    entries = [record("stuck at %d", number) for number in range(50)]
    assert [repeats.filter(entry) for entry in entries] == [True] * REPEATS + [False] * 40
    assert repeats.filter(record("something else"))
    later = record("stuck at %d", 50)
    later.created += WINDOW_S
    assert repeats.filter(later)
    assert later.getMessage() == "stuck at 50 (40 alike were left out)"


def test_a_state_change_is_never_left_out() -> None:
    repeats = Repeats()
    assert all(repeats.filter(record("complete", change="complete")) for _ in range(50))


@pytest.fixture
def _own_log() -> object:
    root, own = logging.getLogger(), logging.getLogger("streams")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


@pytest.mark.usefixtures("_own_log")
def test_levels_are_ours_and_libraries_never_log_what_they_send(
    capsys: pytest.CaptureFixture[str], make_settings: Callable[..., Settings]
) -> None:
    set_up(make_settings(log_level="DEBUG", log_format="json"))
    logging.getLogger("streams.app").debug("ours")
    for library in ("aiokafka.conn", "faust", "asyncio", "aiohttp.access"):
        logging.getLogger(library).info("Request: SaslAuthenticate(payload=...)")
    logging.getLogger("aiokafka.conn").warning("theirs")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["ours", "theirs"]
