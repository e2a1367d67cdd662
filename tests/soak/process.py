"""The load as a run of the fault harness sees it: a process beside it."""

import asyncio
import json
import sys
from typing import Any, Self

from tests.faults.ledger import HarnessError
from tests.soak.judge import Unrecorded
from tests.workers import ROOT

_END_WITHIN_S = 120.0
_LOOK_S = 0.05
_LINE_BYTES = 16 << 20


class LoadProcess:
    """Starts ``tests.soak.load``, and tells the ledger what is acknowledged.

    Args:
        bootstrap: the brokers, without a proxy.
        rate: events a second.
        ledger: told where partitions end.
    """

    def __init__(self, bootstrap: str, rate: float, ledger: Unrecorded) -> None:
        self._arguments = (bootstrap, str(rate))
        self._ledger = ledger
        self._filled = 0
        self.expected: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.soak.load",
            *self._arguments,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def check(self) -> None:
        """Raises what has gone wrong with the load itself."""
        if self._process.returncode:
            raise HarnessError(f"the load has ended with {self._process.returncode}")
        if self._reading.done():
            self._reading.result()

    async def again(self, n: int) -> None:
        """Has the last records of every partition published once more; how many the process knows itself."""
        self._write(b"again\n")

    async def fill(self, topic: str, count: int) -> None:
        """Has so many events of a topic published at once, and waits until they are acknowledged."""
        wanted = self._filled + count
        self._write(f"fill {topic} {count}\n".encode())
        while self._filled < wanted:
            self.check()
            await asyncio.sleep(_LOOK_S)

    async def end(self) -> None:
        """Publishes no more; returns when all is acknowledged."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(_END_WITHIN_S):
            await self._reading
            await self._process.wait()
        self.check()
        if not self.expected:
            raise HarnessError("the load did not say what it has published")

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            self._ledger.acknowledged = {(topic, partition): end for topic, partition, end in told["ends"]}
            self._filled = told.get("filled", self._filled)
            self.expected = told.get("expected", {})
