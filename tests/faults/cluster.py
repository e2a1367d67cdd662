"""Kafka, the workers each behind a network of its own, and what can be done to them."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.apache_kafka import ApacheKafka
from tests.faults.proxy import Network, Route
from tests.ports import free_port
from tests.processes import resident_mib
from tests.workers import WorkerProcess

APP_ID = "faults"
COMPACTED_HARD = {
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.0",
    "delete.retention.ms": "5000",
    "max.compaction.lag.ms": "500",
}
"""Of the state topic. delete.retention.ms must leave a reader the time to come from the start to the end of the log."""

CLEANER = {"log.cleaner.backoff.ms": 100, "log.initial.task.delay.ms": 100, "log.retention.check.interval.ms": 500}


class Worker:
    """One worker with a supervisor, as a service manager would be: it starts again what ends by itself."""

    def __init__(self, name: str, bootstrap: str, directory: Path) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ended: list[str] = []
        self.peak_mib = 0
        self._log = (directory / f"{name}.log").open("ab")
        self._log_path = directory / f"{name}.log"
        self._process = WorkerProcess(
            bootstrap, "--clock", "event", "--port", str(self.port), stderr=self._log, app_id=APP_ID
        )
        self._wanted = False

    @property
    def pid(self) -> int | None:
        """Of its process, None when there is none."""
        process = self._process.process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Starts it; it gets ready by itself."""
        self._process.launch()
        self._wanted = True

    async def end(self, with_signal: signal.Signals) -> int:
        """Ends it and gives the exit code."""
        self._wanted = False
        return await asyncio.to_thread(self._process.stop, with_signal)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        process = self._process.process
        assert process is not None
        process.send_signal(number)

    def close(self) -> None:
        """Leaves nothing behind."""
        self._wanted = False
        self._process.__exit__()
        self._log.close()

    async def supervise(self) -> None:
        """Notes when it ends by itself, and starts it again; notes its memory."""
        while True:
            await asyncio.sleep(0.5)
            process = self._process.process
            if self._wanted and process is not None and process.poll() is not None:
                last = self._log_path.read_text(errors="replace").strip().splitlines()[-2:]
                self.ended.append(f"{self.name} ended by itself with {process.returncode}: {' | '.join(last)}")
                await self.end(signal.SIGKILL)  # closes what is left of it
                self.start()
            elif self._wanted and process is not None:
                self.peak_mib = max(self.peak_mib, int(resident_mib(process.pid)))


class Cluster:
    """All of it, as an async context manager.

    Args:
        directory: for logs and data; the caller's to remove.
        brokers: 1 or 3.
        workers: how many; there is one more, for the fault that one joins.
    """

    def __init__(self, directory: Path, *, brokers: int, workers: int) -> None:
        self._directory = directory
        self._brokers = brokers
        self.kafka = ApacheKafka(directory / "kafka", brokers=brokers, doors=workers + 1, settings=CLEANER)
        self.networks = [Network([Route(*pair) for pair in self.kafka.door(number)]) for number in range(workers + 1)]
        self.workers = [
            Worker(f"worker-{number}", network.bootstrap, directory) for number, network in enumerate(self.networks)
        ]
        self.settings = Settings(broker=self.kafka.bootstrap, app_id=APP_ID, clock="event", replication_factor=brokers)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(self.kafka.stop)
            await asyncio.to_thread(self.kafka.start)
            await create_topics(self.settings)
            await self.configure_state(COMPACTED_HARD)
            for network in self.networks:
                await network.start()
                stack.push_async_callback(network.stop)
            for worker in self.workers:
                stack.callback(worker.close)
                supervisor = asyncio.create_task(worker.supervise())
                stack.callback(supervisor.cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def configure_state(self, changes: dict[str, str]) -> None:
        """Sets all of the state topic's own configuration that differs from its creation."""
        base = {"cleanup.policy": "compact", "max.message.bytes": str(4 << 20)}
        await self.configure(self.settings.state_topic, base | changes)

    async def configure(self, topic: str, config: dict[str, str]) -> None:
        """Sets a topic's own configuration, all of it."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
        finally:
            await admin.close()
