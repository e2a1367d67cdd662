"""What a soak looks like from outside, every ten seconds, as a CSV file."""

import asyncio
import csv
from pathlib import Path
from typing import Any, Self

from streams.transport.clocks import monotonic
from tests.faults.stage import Run
from tests.processes import cpu_seconds, resident_mib

EVERY_S = 10.0
SAMPLES_FILE = "samples.csv"
FAULTS_FILE = "faults.csv"
COLUMNS = (
    "seconds", "published", "counted", "lag", "rss_0_mib", "rss_1_mib", "cpu_0", "cpu_1", "complete_0", "complete_1",
    "kafka_disk_mib", "load_average",
)  # fmt: skip
"""rss: resident memory; cpu: cores used since the sample before; complete: 1 when an answer of the last second was."""


class Sampler:
    """Writes a row every ten seconds, as an async context manager.

    Args:
        out: folder of the file.
        run: begun, with two workers.
        kafka: the brokers' folder.
    """

    def __init__(self, out: Path, run: Run, kafka: Path) -> None:
        self._file = out / SAMPLES_FILE
        self._run = run
        self._kafka = kafka
        self._started = monotonic()
        self._cpu: dict[int, float] = {}

    def seconds(self) -> float:
        """Since the first sample."""
        return monotonic() - self._started

    async def __aenter__(self) -> Self:
        self._row()  # CPU is that since the one before
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        with self._file.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            while True:
                rows.writerow(await asyncio.to_thread(self._row))
                file.flush()
                await asyncio.sleep(EVERY_S - self.seconds() % EVERY_S)

    def _row(self) -> list[Any]:
        published = sum(self._run.ledger.ends().values())
        sights = list(self._run.watch.sights.values())
        counted = max((sum(_offsets(sight.answer)) for sight in sights if sight.answer), default=0)
        pids = [worker.pid or 0 for worker in self._run.cluster.workers[:2]]
        return [
            round(self.seconds()),
            published,
            counted,
            max(0, published - counted),
            *(round(resident_mib(pid), 1) for pid in pids),
            *(round(self._used(pid), 2) for pid in pids),
            *(int(monotonic() - sight.complete_at < 1.0) for sight in sights),
            sum(path.stat().st_size for path in _files(self._kafka)) >> 20,
            Path("/proc/loadavg").read_text().split()[0],
        ]

    def _used(self, pid: int) -> float:
        now = cpu_seconds(pid)
        used = (now - self._cpu.get(pid, 0.0)) / EVERY_S
        self._cpu[pid] = now
        return used


def _offsets(answer: dict[str, Any]) -> list[int]:
    return [row["next_offset"] for row in answer["partitions"]]


def _files(folder: Path) -> list[Path]:
    """Those that are still there: Kafka removes some meanwhile."""
    return [path for path in folder.rglob("*.log") if path.is_file()]
