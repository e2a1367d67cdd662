"""The terminal transcript in docs/mend.md: runs its commands on the embedded broker and writes what they say.

``python -m tests.transcript`` (``make transcript``) writes it anew; a test runs it and compares. Times of the run are
replaced by letters, everything else is what the commands printed.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.trace import committed
from tests.hostile import event
from tests.workers import ROOT, WorkerProcess

DOCUMENT = ROOT / "docs" / "mend.md"
BEGIN, END = "<!-- written by make transcript -->\n", "<!-- end of the transcript -->\n"


def _events() -> dict[str, list[dict[str, object]]]:
    """The lines of each file; synthetic, of now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    number_for_text = json.loads(json.dumps(event(3, time=now)).replace('"12.50"', "1200.5"))
    return {
        "events": [event(1, time=now), event(2, time=now)],
        "broken": [number_for_text, event(4, time=now, type="citypulse.transaction.imagined.v1")],
    }


PRODUCE = f"""\
import asyncio, os, sys
from aiokafka import AIOKafkaProducer

async def main():
    async with AIOKafkaProducer(bootstrap_servers=os.environ["CITYPULSE_BROKER"]) as producer:
        for line in sys.stdin.buffer:
            await producer.send_and_wait("{TRANSACTIONS}", line.strip(), key=b"bidex")

asyncio.run(main())
"""

LETTER = f"{TRANSACTIONS}:0:2"
STEPS: list[tuple[str, int]] = [
    ("citypulse publish events.ndjson", 2),
    ("citypulse publish broken.ndjson", 2),
    ("python produce.py < broken.ndjson    # a client that checks nothing", 4),
    ("citypulse dead-letters list", 4),
    (f"citypulse dead-letters show {LETTER}", 4),
    ("citypulse dead-letters export > letters.ndjson", 4),
    ("""sed -i 's/"amount": 1200.5,/"amount": "1200.50",/' letters.ndjson""", 4),
    ("citypulse dead-letters replay --from letters.ndjson", 5),
    ("citypulse dead-letters replay --from letters.ndjson", 5),
    ("citypulse trace /synthetic hostile-3", 5),
    ("citypulse dead-letters list", 5),
    ("citypulse totals --url $WORKER", 5),
]
"""Commands, and how many records the worker has counted after each."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_SHAPE = str.maketrans("0123456789", "0" * 10)


def run() -> str:
    """Runs the commands, and gives the transcript as Markdown."""
    started = datetime.now(UTC) - timedelta(days=1)
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, events in _events().items():
            (place / f"{name}.ndjson").write_text("".join(json.dumps(one) + "\n" for one in events))
        (place / "produce.py").write_text(PRODUCE)
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CITYPULSE_")},
            "CITYPULSE_BROKER": broker.bootstrap,
            "CITYPULSE_PARTITIONS": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        _said("citypulse topics create", place, env)
        lines: list[str] = []
        with WorkerProcess(broker.bootstrap) as worker:
            env["WORKER"] = worker.url
            for command, counted in STEPS:
                lines += [f"$ {command}", *_said(command, place, env).splitlines()]
                worker.until(partial(_has_counted, counted), "/api/v1/events")
                _until_committed(broker.bootstrap, counted)
    return "\n".join(["```text", *(_without_times(line, started).rstrip() for line in lines), "```", ""])


def _until_committed(bootstrap: str, records: int) -> None:
    """Trace judges by the group's offsets, which follow what is counted."""
    settings = Settings(broker=bootstrap)
    while sum(asyncio.run(committed(settings)).values()) < records:
        time.sleep(0.1)


def _has_counted(records: int, answer: dict[str, list[dict[str, int]]]) -> bool:
    return sum(topic["consumed"] for topic in answer["topics"]) >= records


def _said(command: str, folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def _without_times(line: str, started: datetime) -> str:
    """The line with the times of this run as zeros: they differ each time."""
    return _TIME.sub(
        lambda found: found[0].translate(_SHAPE) if datetime.fromisoformat(found[0]) > started else found[0], line
    )


def written(text: str, transcript: str) -> str:
    """The document with the transcript in its place."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{transcript}{END}{tail}"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(), run()))
    print(f"{DOCUMENT.relative_to(ROOT)}: written")
