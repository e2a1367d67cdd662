"""The options of ``citypulse state``."""

import argparse


def add_state_actions(parser: argparse.ArgumentParser) -> None:
    """Adds dump and restore to the command's parser."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    dump = actions.add_parser("dump", help="write the totals to a file", description="Write the totals to a file.")
    dump.add_argument("file", metavar="FILE", help="where no file is yet")
    restore = actions.add_parser(
        "restore", help="put the totals into an empty state topic", description="Put them into an empty state topic."
    )
    restore.add_argument("file", metavar="FILE", help="what dump wrote")
    restore.add_argument("--dry-run", action="store_true", help="look at file and cluster, and write nothing")
    for action in (dump, restore):
        action.add_argument("--json", action="store_true", help="what was done as one JSON object")
