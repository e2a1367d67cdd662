"""The command line. Each command is a module here with ``run(arguments) -> exit code``, imported when it is used."""

import importlib
import logging
import sys
from collections.abc import Sequence

from streams.cli.parser import build_parser
from streams.errors import CityPulseError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 + SIGINT."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the arguments without the program's name; None takes those of this process.

    Returns:
        0, or the exit code of what went wrong: 1, or 2 for wrong usage and settings. What a person can mend is one
        line a problem on stderr; anything else is a bug and keeps its traceback.
    """
    # What aiokafka logs on the way to an error is in our own words then; commands that go on for long set up a log.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        arguments = build_parser().parse_args(argv)
        command = importlib.import_module(f"streams.cli.{arguments.module}")
        code: int = command.run(arguments)
        sys.stdout.flush()
        return code
    except CityPulseError as error:
        for line in error.lines():
            print(f"citypulse: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("citypulse: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`citypulse totals | head`): nobody is left to tell.
        sys.stderr.close()
        return 1
