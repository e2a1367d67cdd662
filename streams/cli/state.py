"""``citypulse state dump`` and ``restore``: the totals of an application as a file."""

import argparse
import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.cli.environment import load_settings
from streams.cli.progress import RecordProgress
from streams.settings import Settings
from streams.state.board import TOPIC_OF
from streams.state.dump_file import DumpWriter, StreamLine
from streams.transport.dumping import dump
from streams.transport.restoring import Contents, examine, look_into, restore


@dataclass(frozen=True, slots=True)
class Done:
    """What was dumped, or restored.

    Attributes:
        said: in a sentence.
        streams: what the file holds.
        notes: what could not be checked.
    """

    said: str
    streams: list[StreamLine]
    notes: list[str]

    def as_json(self, path: Path, topic: str) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "file": str(path),
            "bytes": path.stat().st_size,
            "state_topic": topic,
            "counted": sum(line.counted for line in self.streams),
            "streams": [
                {
                    "topic": TOPIC_OF[line.family],
                    "partition": line.partition,
                    "next_offset": line.next_offset,
                    "counted": line.counted,
                    "checkpoint": line.checkpoint,
                }
                for line in self.streams
            ],
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """For people."""
        width = max(len(TOPIC_OF[line.family]) for line in self.streams)
        return [
            *(
                f"{TOPIC_OF[line.family]:<{width}}  {line.partition:>4}  {line.counted:>13,} records counted,"
                f" goes on at offset {line.next_offset}"
                for line in self.streams
            ),
            *(f"note: {note}" for note in self.notes),
            self.said,
        ]


def run(arguments: argparse.Namespace) -> int:
    """Dumps the state to a file, or restores it from one.

    Raises:
        CityPulseError: settings, broker, topics or file are not as needed.
    """
    settings = load_settings()
    path = Path(arguments.file)
    if arguments.action == "dump":
        done = asyncio.run(_dump(settings, path))
    else:
        done = asyncio.run(_restore(settings, path, dry=arguments.dry_run))
    if arguments.json:
        print(json.dumps(done.as_json(path, settings.state_topic), indent=2))
    else:
        print("\n".join(done.lines()))
    return 0


async def _dump(settings: Settings, path: Path) -> Done:
    with RecordProgress() as progress, DumpWriter(path) as file:
        streams = await dump(settings, file, progress.advance)
    return Done(f"dumped {settings.state_topic} to {path}", streams, [])


async def _restore(settings: Settings, path: Path, *, dry: bool) -> Done:
    contents: Contents = look_into(path)
    with RecordProgress(len(contents.streams)) as progress:
        notes = await examine(settings, contents, lambda: progress.advance(1))
    if dry:
        return Done(f"{path} can be restored to {settings.state_topic}; nothing was written", contents.streams, notes)
    with RecordProgress(contents.records) as progress:
        await restore(settings, contents, path, progress.advance)
    return Done(f"restored {path} to {settings.state_topic}: start the workers", contents.streams, notes)
