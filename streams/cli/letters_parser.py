"""The options of ``citypulse dead-letters``."""

import argparse
from typing import get_args

from schemas.events import Reason
from schemas.place import Place
from schemas.topics import SOURCES
from streams.cli.moments import moment_us

DEAD_LETTERS_HELP = """\
What the workers refused, from the topic citypulse.dead-letters.v1. A letter's name is the place of the refused record,
topic:partition:offset. See docs/mend.md.

list    the letters, and which of them were replayed
show    one letter: the complaint and the original bytes
export  a line of JSON a letter, to be mended in an editor
replay  sends letters again, as they are or mended; what is still refused is not sent, and said
"""


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Adds list, show, export and replay to the command's parser."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:])
        return made

    listing = action("list", "the letters, and which of them were replayed")
    _add_filters(listing)
    _add_state(listing, default="all")
    listing.add_argument("--json", action="store_true", help="one JSON object")

    show = action("show", "one letter: the complaint and the original bytes")
    show.add_argument("letter", type=_place, metavar="LETTER", help="topic:partition:offset, as list has it")
    form = show.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the letter as JSON, bytes as base64")
    form.add_argument("--raw", action="store_true", help="nothing but the original bytes of the value")

    export = action("export", "a line of JSON a letter, to be mended in an editor and given to replay --from")
    _add_filters(export)
    _add_state(export, default="waiting")

    replay = action("replay", "sends letters again, as they are or mended; one that was replayed is left out")
    replay.add_argument("letters", nargs="*", type=_place, metavar="LETTER", help="topic:partition:offset")
    _add_filters(replay)
    replay.add_argument("--all", action="store_true", help="every letter that waits")
    replay.add_argument("--from", dest="file", metavar="FILE", help="what export wrote, mended; - is standard input")
    replay.add_argument("--dry-run", action="store_true", help="check, and send nothing")
    replay.add_argument("--json", action="store_true", help="the summary with all that is refused, as one JSON object")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    repeat = "; several times: any of them"
    parser.add_argument("--reason", action="append", choices=get_args(Reason), help=f"reason{repeat}")
    parser.add_argument("--topic", action="append", choices=SOURCES, help=f"the refused record's topic{repeat}")
    parser.add_argument("--source", action="append", metavar="SOURCE", help=f"the event's source{repeat}")
    parser.add_argument("--since", type=moment_us, metavar="TIME", help="refused at or after: RFC 3339, or 90s, 6h, 7d")
    parser.add_argument("--until", type=moment_us, metavar="TIME", help="refused before")


def _add_state(parser: argparse.ArgumentParser, default: str) -> None:
    states = ["waiting", "replayed", "all"]
    parser.add_argument("--state", choices=states, default=default, help="whether replayed (%(default)s)")


def _place(text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
