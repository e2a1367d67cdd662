"""State logs as earlier versions wrote them, byte by byte: every later version shows the same totals from them.

``format-N.json`` is what a worker of that format had in its state topic after the story of 2023 and one broken record,
and what it showed then. Such a file is written once and never changed.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import FAMILY
from streams.aggregate.views import Snapshot
from streams.exposition import answers
from streams.state import records
from streams.state.board import Board, StateSettings
from streams.state.records import FORMAT, StateFormatError

LOGS = sorted(Path(__file__).parent.glob("format-*.json"))


def read(path: Path) -> tuple[list[tuple[bytes, bytes]], dict[str, Any]]:
    golden = json.loads(path.read_text())
    return [(key.encode(), base64.b64decode(value)) for key, value in golden["records"]], golden["shown"]


def board_of(log: list[tuple[bytes, bytes]]) -> Board:
    board = Board(StateSettings("Asia/Shanghai", "event"), dict.fromkeys(FAMILY.values(), 1))
    for offset, (key, value) in enumerate(log):
        board.read(key, value, offset, now=0.0)
    board.reached_end(0)
    return board


def shown(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "series": [answers.series_row(series) for series in snapshot.series],
        "events": answers.outcomes(snapshot),
        "dead_letters": answers.dead_letters(snapshot),
        "assets": [answers.assets_row(assets) for assets in snapshot.assets],
        "reported": [answers.reported_row(reported) for reported in snapshot.reported],
    }


def test_there_is_a_log_of_every_format() -> None:
    assert [path.name for path in LOGS] == [f"format-{number}.json" for number in range(1, FORMAT + 1)]


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_an_earlier_log_shows_the_same_totals(path: Path) -> None:
    log, wanted = read(path)
    assert {records.parse_key(key)[2] for key, _ in log} >= {"c", "h"}
    assert sum(wanted["events"]["citypulse.transactions.v1"].values()) > 1
    found = shown(board_of(log).snapshot(0, 0.0))
    assert found == {name: wanted[name] for name in found}


def test_one_record_of_a_later_format_stops_an_earlier_worker() -> None:
    log, _ = read(LOGS[-1])
    key, value = log[-1]
    later = value[:1] + bytes([FORMAT + 1]) + value[2:]
    with pytest.raises(StateFormatError, match=f"has format {FORMAT + 1}") as refused:
        board_of([*log, (key, later)])
    (line,) = refused.value.lines()
    assert "CITYPULSE_APP_ID" in line
