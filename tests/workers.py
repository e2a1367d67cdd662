"""Workers as processes, and records as they are: what the end-to-end tests are made of."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Self

from aiokafka import AIOKafkaProducer

from tests.reference.decode import Record

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 180.0
POLL_S = 0.05


class WorkerProcess:
    """``citypulse worker`` as a process of its own; a context manager that leaves nothing behind.

    Args:
        bootstrap: the broker.
        arguments: of the command.
        stderr: where it writes what it logs; None: where we do.
        settings: ``CITYPULSE_*`` without the prefix, lower case.
    """

    def __init__(self, bootstrap: str, *arguments: str, stderr: IO[bytes] | None = None, **settings: object) -> None:
        self._stderr = stderr
        self._arguments = arguments
        self._env = {f"CITYPULSE_{name.upper()}": str(value) for name, value in settings.items()}
        self._env["CITYPULSE_BROKER"] = bootstrap
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def launch(self) -> None:
        """Starts it and waits for nothing."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams", "worker", "--port", "0", *self._arguments],
            cwd=ROOT,
            env={**os.environ, **self._env},
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def start(self) -> Self:
        """Starts it and waits for its address."""
        self.launch()
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("totals"):
                self.url = line.split()[1].removesuffix("/api/v1/totals")
                return self
        raise AssertionError(f"the worker ended with {self.process.wait()} before it said where it is")

    def get(self, path: str) -> Any:
        """The JSON that it answers, whatever the status."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def until(self, true: Callable[[Any], bool], path: str = "/api/v1/totals") -> Any:
        """Asks until the answer is as wanted, and gives it."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = self.get(path)
            if true(answer):
                return answer
            assert time.monotonic() < deadline, f"{path} never came to what was waited for: {str(answer)[:2000]}"
            time.sleep(POLL_S)

    def until_consumed(self, records: Iterable[Record]) -> Any:
        """Waits until each topic's outcomes add up to its records and the totals are complete; gives the totals."""
        wanted = Counter(record.topic for record in records)
        return self.until(
            lambda answer: (
                answer["complete"]
                and all(sum(answer["events"][topic].values()) >= count for topic, count in wanted.items())
            )
        )

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Ends it and gives its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return self.process.wait(timeout=60)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop(signal.SIGKILL)


async def load(bootstrap: str, records: Sequence[Record], linger_ms: int = 20) -> None:
    """Writes records to their partitions, in order, and waits until the broker has them all."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=linger_ms, max_batch_size=1 << 18, max_request_size=4 << 20
    )
    await producer.start()
    try:
        for record in records:
            await producer.send(
                record.topic, record.value, key=record.key, partition=record.partition, headers=record.headers
            )
        await producer.flush()
    finally:
        await producer.stop()


def load_all(bootstrap: str, records: Sequence[Record]) -> None:
    """The same from a test that has no event loop."""
    asyncio.run(load(bootstrap, records))
