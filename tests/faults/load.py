"""Continuous load: records of known partition and offset, acknowledged by all in-sync replicas."""

import asyncio
from collections.abc import Iterator
from typing import Self

from aiokafka import AIOKafkaProducer

from tests.faults.ledger import HarnessError, Ledger
from tests.reference.decode import Record

_TICK_S = 0.05
_CATCH_UP_S = 1.0
"""After an outage, no more than what would have come in that time is caught up at once."""

_STOP_S = 10.0

_PATIENCE_MS = 600_000
"""An outage is no reason to give a record up."""


class Load:
    """Publishes records at a rate, and enters each in the ledger when it is acknowledged.

    Args:
        bootstrap: the brokers, without a proxy.
        ledger: told what stands where.
        records: what to publish.
        rate: records a second.
    """

    def __init__(self, bootstrap: str, ledger: Ledger, records: Iterator[Record], rate: float) -> None:
        self._ledger = ledger
        self._records = records
        self._rate = rate
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=20,
            max_batch_size=1 << 18,
            max_request_size=4 << 20,
            request_timeout_ms=_PATIENCE_MS,
        )
        self._failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()  # so that records of a partition are sent in the order of the ledger

    async def __aenter__(self) -> Self:
        await self._producer.start()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(_STOP_S):
                await self._producer.stop()
        except TimeoutError:  # after a failure Kafka may be gone, and what is under way waits for it
            self._producer._sender.sender_task.cancel()
            await self._producer.client.close()

    def check(self) -> None:
        """Raises what has gone wrong with the load itself."""
        failure = self._failure
        if failure is None and self._task is not None and self._task.done() and not self._task.cancelled():
            failure = self._task.exception() or HarnessError("there are no more records")
        if failure is not None:
            raise HarnessError(f"the load has failed: {failure!r}") from failure

    async def end(self) -> None:
        """Publishes no more; returns when all is acknowledged."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        async with self._sending:
            await self._producer.flush()
        await asyncio.sleep(0)
        if self._failure is not None:
            self.check()

    async def again(self, n: int) -> None:
        """Publishes the last records of every partition once more: duplicates."""
        for place in self._ledger.ends():
            for record in self._ledger.last(*place, n):
                async with self._sending:
                    await self._send(record)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        due, before = 0.0, clock()
        while True:
            await asyncio.sleep(_TICK_S)
            due += min(clock() - before, _CATCH_UP_S) * self._rate
            before = clock()
            while due >= 1.0:
                record = next(self._records, None)
                if record is None:
                    return
                async with self._sending:
                    await self._send(record)
                due -= 1.0

    async def _send(self, record: Record) -> None:
        sent = await self._producer.send(
            record.topic, record.value, key=record.key, partition=record.partition, headers=record.headers
        )
        sent.add_done_callback(lambda done: self._acknowledged(record, done))

    def _acknowledged(self, record: Record, sent: "asyncio.Future[object]") -> None:
        try:
            self._ledger.add(record, sent.result().offset)  # type: ignore[attr-defined]
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - told by check()
            self._failure = self._failure or error
