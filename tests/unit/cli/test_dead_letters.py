from io import StringIO

import pytest
from rich.console import Console

from schemas.place import Place
from schemas.topics import INFRASTRUCTURE, TRANSACTIONS
from streams.cli.dead_letters import letters_table
from streams.decode.identity import Identity
from streams.transport.letters import Entry, Letters

PLACES = [Place(TRANSACTIONS, 2, 245), Place(INFRASTRUCTURE, 11, 1_000_000)]


BIDEX = Identity("/bidex/settlement", "bidex-20231124-000017", "")


def lines(width: int, identity: Identity = BIDEX) -> list[str]:
    entries = [
        Entry(place, 1_700_000_000_000, "invalid_field", "data.amount", "wrong", identity, 0, 0) for place in PLACES
    ]
    out = StringIO()
    Console(width=width, file=out).print(letters_table(entries, Letters()))
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (160, ["letter", "refused", "reason", "field", "source", "id", "state"]),
        (130, ["letter", "refused", "reason", "field", "source", "state"]),
        (80, ["letter", "reason", "state"]),
        (60, ["letter", "reason"]),
        (44, ["letter"]),
    ],
)
def test_a_letter_is_one_line_with_its_whole_name(width: int, columns: list[str]) -> None:
    _, head, _, *rows, _ = lines(width)
    assert [cell.strip() for cell in head.strip("│").split("│")] == columns
    assert [row.strip("│").split("│")[0].strip() for row in rows] == [str(place) for place in PLACES]
    assert max(map(len, [head, *rows])) <= width


def test_nothing_that_a_terminal_acts_on() -> None:
    shown = "\n".join(lines(160, Identity("/a\u202eb", "c\x1b[31m\u2066", "")))
    assert "/a?b" in shown
    assert "c?[31m?" in shown
    assert not {"\u202e", "\u2066", "\x1b"} & set(shown)
