"""``citypulse token``: a new token for writing over HTTP."""

import argparse
import sys

from streams.cli.parser import UsageError
from streams.exposition.tokens import make_token, token_line


def run(arguments: argparse.Namespace) -> int:
    """Prints the line for the tokens file on stdout, and the token itself on stderr: it is kept nowhere.

    Raises:
        UsageError: the name cannot be one.
    """
    token = make_token()
    try:
        line = token_line(arguments.name, token)
    except ValueError as error:
        raise UsageError(str(error), "see citypulse token --help") from error
    print(f"token: {token} (it is not shown again)", file=sys.stderr)
    print(line)
    return 0
