"""The commands of docs/mend.md still say what it shows."""

from tests.transcript import DOCUMENT, run, written


def test_the_transcript_is_what_the_commands_say() -> None:
    text = DOCUMENT.read_text()
    assert text == written(text, run()), "run: make transcript"
