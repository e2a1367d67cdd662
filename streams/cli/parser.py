"""Commands and their options, for argparse."""

import argparse
import sys
from typing import NoReturn, Protocol

from schemas.scalars import parse_time
from schemas.thresholds import duration_us
from streams.cli.letters_parser import DEAD_LETTERS_HELP, add_actions
from streams.cli.moments import moment_us
from streams.cli.state_parser import add_state_actions
from streams.errors import CityPulseError

DEMO_RATE = 200
DEMO_RATE_MAX = 5_000
"""Events a second. The embedded broker keeps every event in memory (about 250 bytes each), so the demo stays modest."""
DEMO_PORT = 6066
BROKER_PORT = 9092
DEFAULT_URL = "http://127.0.0.1:6066"
THRESHOLDS = "deploy/thresholds.yaml"
RULES = "deploy/prometheus/rules/thresholds.yml"

PUBLISH_HELP = """\
Checks every line against the contract and publishes those that hold to the topic of their type, keyed by
transaction_id, asset_id (a survey: asset_type:area) or indicator:area. Lines that do not hold are reported by number
on stderr; the rest is published, and the exit code is 1.

ndjson  one structured CloudEvents 1.0 event a line.
csv     UTF-8 with a header row. The columns id, source, type, time (and, if wanted, specversion, subject, dataschema
        and datacontenttype) are the event's attributes; every other column is the field of data of that name. An
        empty cell means that the field is absent. cross_border is true or false. Other names: --mapping, see
        docs/files.md. Example:

        id,source,type,time,transaction_id,exchange,product_type,amount,currency,cross_border
        1,/bidex,citypulse.transaction.executed.v1,2023-11-24T09:30:00+08:00,tx-1,bidex,spatial,2650000.00,CNY,false
"""

BACKFILL_HELP = """\
Reads the source topics from their first record and writes the city's numbers at every step of the past as OpenMetrics,
for `promtool tsdb create-blocks-from openmetrics FILE DIRECTORY`. At each instant stands what a worker would have
shown, had each event come at its own time; a figure stands from the end of its period on. Takes the settings that the
workers have: CITYPULSE_TIME_ZONE, CITYPULSE_DEDUPE_HORIZON, CITYPULSE_SERIES_BUDGET, CITYPULSE_MAX_EVENT_BYTES and
CITYPULSE_OPEN_INDICATORS.
"""

TRACE_HELP = """\
Reads the source topics for the event with this source and id, and says for each record of it whether it was applied,
late, a duplicate, rejected with which reason, or is pending: not counted yet, as far as the workers' group has
committed (about a second behind). Exit code 1 when there is none. --key holds for publishers that choose the partition
as Kafka's Java client does (murmur2), as this one does; librdkafka does not by default.
"""

SCHEMAS_HELP = """\
Makes schemas/json (a JSON Schema for each type of event, asyncapi.json and openapi.json), docs/events.md and
docs/metrics.md from the code. What is in schemas/json is published: a change that breaks it is refused, with what it
breaks.
"""

STATE_HELP = """\
dump     writes the totals to a file, also while workers run: each partition as of its last checkpoint, with the source
         offset that it goes on at, and everything that is needed to go on exactly
restore  puts them into an empty state topic while no worker runs; workers then go on from the file's offsets. The
         source topics must be those that were counted, with the same offsets: that is looked at first

Takes the settings that the workers have: CITYPULSE_APP_ID, CITYPULSE_TIME_ZONE, CITYPULSE_CLOCK. The state topic is
that of CITYPULSE_APP_ID, which need not be the one that was dumped. See docs/operations.md.
"""

TOKEN_HELP = """\
Makes a random token. stdout has its line for the file that CITYPULSE_INGEST_TOKENS_FILE names: the name, and the
token's SHA-256. The token itself is shown once, on stderr. Workers read the file anew when it changes: to change a
token, add a line with the same name, hand the new token over, and take the old line out.

        citypulse token bidex >> tokens
"""

VERIFY_HELP = """\
Reads the source topics up to the offsets that each worker's answer names, recounts everything with a plain reference
implementation, and compares it with what the worker shows: every series and window, counts, figures, outcomes. Exit
code 0 when all is equal, 1 with the differences otherwise. Takes the settings that the workers have: CITYPULSE_CLOCK,
CITYPULSE_TIME_ZONE, CITYPULSE_DEDUPE_HORIZON, CITYPULSE_SERIES_BUDGET, CITYPULSE_MAX_EVENT_BYTES and
CITYPULSE_OPEN_INDICATORS.
"""


class UsageError(CityPulseError):
    """Arguments that make no sense."""

    exit_code = 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see {self.prog} --help")


class _AddCommand(Protocol):
    """Adds a command: its name, what it is in half a sentence, and the description in its own help."""

    def __call__(self, name: str, text: str, description: str = "") -> argparse.ArgumentParser: ...


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands. ``module`` of its result names the module in ``streams.cli`` that runs the command.

    Raises:
        UsageError: from ``parse_args``, when the arguments make no sense.
    """
    parser = _Parser(prog="citypulse", description="Exact, live numbers of a city's digital economy.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, text: str, description: str = "") -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name,
            help=text,
            description=description or text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(module=name.replace("-", "_"))
        return made

    _add_running(command)
    _add_upstream(command)
    _add_numbers(command)
    return parser


def _add_running(command: _AddCommand) -> None:
    demo = command("demo", "broker, topics, worker, a story and synthetic traffic, all in one")
    demo.add_argument("--seconds", type=_seconds, metavar="N", help="end by itself after N seconds of traffic")
    demo.add_argument(
        "--rate", type=_rate, default=DEMO_RATE, help=f"synthetic events a second, 1 to {DEMO_RATE_MAX} (%(default)s)"
    )
    demo.add_argument("--port", type=_port, default=DEMO_PORT, help="HTTP port, 0 takes a free one (%(default)s)")
    demo.add_argument("--json", action="store_true", help="final totals as JSON on stdout, everything else on stderr")

    broker = command("broker", "the embedded broker alone (memory only, for trying out)")
    broker.add_argument("--port", type=_port, default=BROKER_PORT, help="0 takes a free one (%(default)s)")

    topics = command("topics", "create topics, or compare them with the contract")
    topics.add_argument("action", choices=["create", "check"], help="create what is missing, or only compare")
    topics.add_argument(
        "--json", action="store_true", help="the topics, or what is wrong with them, as one JSON object"
    )

    check = command("check", "whether a worker with these settings would find everything as it needs it")
    check.add_argument("--json", action="store_true", help="the findings as one JSON object")

    add_state_actions(command("state", "dump the totals to a file, restore them from one", STATE_HELP))

    worker = command("worker", "one worker; as many as wanted share the work")
    worker.add_argument("--port", type=_port, help="HTTP port, 0 takes a free one (CITYPULSE_HTTP_PORT)")
    worker.add_argument("--clock", choices=["wall", "event"], help="event: the highest event time seen, for replays")


def _add_upstream(command: _AddCommand) -> None:
    publish = command("publish", "check and publish events from a file", PUBLISH_HELP)
    publish.add_argument("file", nargs="?", default="-", metavar="FILE", help="- or nothing: standard input")
    publish.add_argument("--format", choices=["ndjson", "csv"], help="by the file's name, else ndjson")
    publish.add_argument("--mapping", metavar="FILE", help="YAML: which columns of a CSV are which fields")
    publish.add_argument("--from-line", type=_line, default=1, metavar="N", help="leave out what ends before line N")
    publish.add_argument("--dry-run", action="store_true", help="check, and publish nothing; needs no broker")
    publish.add_argument("--json", action="store_true", help="the summary with all bad lines as one JSON object")

    add_actions(command("dead-letters", "what was refused: list, show, export, mend and replay", DEAD_LETTERS_HELP))

    trace = command("trace", "what became of one event", TRACE_HELP)
    trace.add_argument("source", metavar="SOURCE", help="the event's source, such as /bidex/settlement")
    trace.add_argument("id", metavar="ID", help="the event's id")
    trace.add_argument("--since", type=moment_us, metavar="TIME", help="leave out older records: RFC 3339, or 6h, 7d")
    trace.add_argument("--key", help="the record's key, to read one partition of each topic: its transaction_id, ...")
    trace.add_argument("--json", action="store_true", help="the answer as one JSON object")

    token = command("token", "make a token for writing over HTTP", TOKEN_HELP)
    token.add_argument("name", metavar="NAME", help="whose it is: letters, digits, dots, hyphens, underscores")


def _add_numbers(command: _AddCommand) -> None:
    thresholds = command("thresholds", "check a thresholds file, or make Prometheus rules of it")
    thresholds.add_argument("action", choices=["check", "build"], help="say what is in the file, or write the rules")
    thresholds.add_argument("file", nargs="?", default=THRESHOLDS, metavar="FILE", help="(%(default)s)")
    thresholds.add_argument("--output", default=RULES, metavar="FILE", help="of build (%(default)s)")
    thresholds.add_argument("--check", action="store_true", help="build writes nothing: exit 1 when the rules are old")
    thresholds.add_argument("--json", action="store_true", help="of check: what is in the file, or wrong, as JSON")

    backfill = command("backfill", "the history of the numbers from the topics, for Prometheus blocks", BACKFILL_HELP)
    backfill.add_argument(
        "--step", type=_step, default="1h", help="between two instants, such as 10m or 1d (%(default)s)"
    )
    backfill.add_argument("--from", type=_time, dest="first", metavar="TIME", help="RFC 3339; else the first event")
    backfill.add_argument("--until", type=_time, metavar="TIME", help="RFC 3339; else the last transaction or asset")
    backfill.add_argument("--output", default="-", metavar="FILE", help="- or nothing: standard output")

    schemas = command("schemas", "the contract as JSON Schema, AsyncAPI, OpenAPI and reference pages", SCHEMAS_HELP)
    schemas.add_argument("action", choices=["export"], help="write the files")
    schemas.add_argument(
        "--output", default=".", metavar="FOLDER", help="schemas/json and docs are in it (%(default)s)"
    )
    schemas.add_argument("--check", action="store_true", help="write nothing: exit 1 when a file is not fresh")

    totals = command("totals", "what the workers hold now")
    totals.add_argument("--json", action="store_true", help="what the API says, as one JSON object")
    totals.add_argument("--url", default=DEFAULT_URL, help="of any worker (%(default)s)")

    verify = command("verify", "recount everything from the topics and compare it with the live totals", VERIFY_HELP)
    verify.add_argument("--json", action="store_true", help="the result as one JSON object")
    verify.add_argument(
        "--url", action="append", metavar="URL", help=f"of a worker; once for each worker ({DEFAULT_URL})"
    )
    verify.add_argument("--clock", choices=["wall", "event"], help="the workers' clock (CITYPULSE_CLOCK)")


def _port(text: str) -> int:
    return _whole(text, 0, 65_535)


def _line(text: str) -> int:
    return _whole(text, 1, sys.maxsize)


def _rate(text: str) -> int:
    return _whole(text, 1, DEMO_RATE_MAX)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
    return int(text)


def _step(text: str) -> int:
    try:
        step_us = duration_us(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not step_us:
        raise argparse.ArgumentTypeError(f"{text!r} is no step: expected more than 0")
    return step_us


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0 and at most 86400")
    return seconds
