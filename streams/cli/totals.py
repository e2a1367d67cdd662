"""``citypulse totals``: what the workers hold now."""

import argparse
import asyncio
import json

from streams.cli.api import Answers, fetch
from streams.cli.tables import report, report_console

PLAIN_WIDTH = 150
"""Columns where the output is no terminal: wide enough that no number is cut."""


def run(arguments: argparse.Namespace) -> int:
    """Asks one worker, which answers for all, and prints tables or JSON.

    Raises:
        InputError: the URL is none.
        WorkerUnreachable: no worker answers.
    """
    show(asyncio.run(fetch(arguments.url)), as_json=arguments.json)
    return 0


def show(answers: Answers, *, as_json: bool) -> None:
    """Prints all answers of a worker on stdout."""
    if as_json:
        print(json.dumps(answers, ensure_ascii=False, indent=2))
        return
    console = report_console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(report(answers))
