"""Synthetic transactions of now at a steady pace, from a process of their own, with marks in them."""

import asyncio
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.load import Trade, trade
from schemas.topics import TRANSACTIONS

TICK_S = 0.02
BATCH_BYTES = 1 << 20
MARK = "mark-"
"""Exchanges of marks begin with this and end with the partition."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was published.

    Args:
        marks: by partition, when each mark got its Kafka time stamp, in order; monotonic clock, seconds.
        events: all of them, marks too; every one acknowledged.
        seconds: from the first until the last was acknowledged.
        late: seconds that each tick began after its time.
    """

    marks: list[list[float]]
    events: int
    seconds: float
    late: list[float]


@contextmanager
def publishing(broker: str, partitions: int, rate: int, seconds: float) -> Iterator[Future[Sent]]:
    """Publishes from another process, so that whoever watches has an interpreter to itself."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool.submit(publish, broker, partitions, rate, seconds)


def publish(broker: str, partitions: int, rate: int, seconds: float) -> Sent:
    """Sends what is due at every tick, a batch for each partition; the last of a batch is a mark.

    Args:
        broker: its address.
        partitions: of the topic.
        rate: events a second.
        seconds: how long.
    """
    return asyncio.run(_publish(broker, partitions, rate, seconds))


async def _publish(broker: str, partitions: int, rate: int, seconds: float) -> Sent:
    marks: list[list[float]] = [[] for _ in range(partitions)]
    late, acknowledged, sent = [], [], 0
    async with AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=BATCH_BYTES) as producer:
        await producer.partitions_for(TRANSACTIONS)  # the first metadata request belongs to no event
        start = time.monotonic()
        for tick in range(1, round(seconds / TICK_S) + 1):
            await asyncio.sleep(max(0.0, start + tick * TICK_S - time.monotonic()))
            late.append(time.monotonic() - start - tick * TICK_S)
            due = round(rate * tick * TICK_S)
            for partition, batch in _batches(producer, range(sent, due), partitions):
                marks[partition].append(time.monotonic())
                acknowledged.append(await producer.send_batch(batch, TRANSACTIONS, partition=partition))
            sent = due
        await asyncio.gather(*acknowledged)
        return Sent(marks, sent, time.monotonic() - start, late)


def _batches(producer: AIOKafkaProducer, indices: range, partitions: int) -> Iterator[tuple[int, BatchBuilder]]:
    """Each partition's share of some events."""
    shares = defaultdict(list)
    for index in indices:
        shares[index % partitions].append(index)
    for partition, share in shares.items():
        now, batch = datetime.now(UTC), producer.create_batch()
        events = [trade(index, now) for index in share]
        events[-1] = Trade(share[-1], (f"{MARK}{partition}", "dataset", "CNY", False), 100, now)
        for event in events:
            if batch.append(key=event.key, value=event.value(), timestamp=None) is None:
                raise RuntimeError(f"more than {BATCH_BYTES:,} bytes a tick and partition: lower the rate")
        yield partition, batch
