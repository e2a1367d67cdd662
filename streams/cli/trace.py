"""``citypulse trace``: what became of one event."""

import argparse
import asyncio
import json

from streams.cli.environment import load_settings
from streams.cli.progress import RecordProgress
from streams.settings import Settings
from streams.transport.trace import Bounds, Row, committed, trace

UNKNOWN = 1
"""Exit code."""


def run(arguments: argparse.Namespace) -> int:
    """Finds an event in the topics and says what became of it.

    Returns:
        0, or 1 when it is not there.

    Raises:
        CityPulseError: settings, broker or topics are not as needed.
    """
    key = None if arguments.key is None else arguments.key.encode()
    bounds = Bounds(since_us=arguments.since, key=key)
    answer = asyncio.run(_trace(load_settings(), arguments.source, arguments.id, bounds))
    print(json.dumps(answer, ensure_ascii=False, indent=2) if arguments.json else "\n".join(_lines(answer)))
    return UNKNOWN if answer["outcome"] == "unknown" else 0


async def _trace(settings: Settings, source: str, id_: str, bounds: Bounds) -> Row:
    with RecordProgress() as progress:
        return await trace(
            settings, source, id_, bounds=bounds, consumed=lambda: committed(settings), taken=progress.advance
        )


def _lines(answer: Row) -> list[str]:
    lines = [f"{answer['outcome']}: {answer['source']} {answer['id']}"]
    lines += [f"  {row['place']}  {row['time'] or '-'}  {row['outcome']}{_detail(row)}" for row in answer["records"]]
    scanned = answer["scanned"]
    since = "" if scanned["since"] is None else f" since {scanned['since']}"
    lines.append(f"  {scanned['records']:,} records of {scanned['partitions']} partitions read{since}")
    return [*lines, *(f"  note: {note}" for note in answer["notes"])]


def _detail(row: Row) -> str:
    if row["outcome"] == "duplicate":
        return f" of {row['duplicate_of']}"
    if row["outcome"] != "rejected":
        return ""
    replayed = "" if row["replayed_to"] is None else f" (replayed to {row['replayed_to']})"
    return f" {' '.join(filter(None, (row['reason'], row['field'])))}: {row['message']}{replayed}"
