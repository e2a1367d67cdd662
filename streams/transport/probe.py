"""What ``citypulse check`` asks the cluster; it writes nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest

from streams.settings import Settings
from streams.state import records
from streams.transport.client_options import client_options, connecting, explained
from streams.transport.clocks import monotonic

_LOOK_BACK = 50
"""Records at the end of a partition of the state log; an owner writes one a second when there is nothing to do."""

_WAIT_MS = 30_000
"""For records that are there; only what compaction has emptied does not come."""

_GROWS_WITHIN_S = 3.0
"""Three heartbeats of an owner that has nothing to do."""

_TELLS_RIGHTS = 8
"""Version of MetadataRequest that asks for rights: Kafka 2.3."""

_NO_OLD_CONSUMERS = 4
"""The oldest FetchRequest that Kafka 4.0 and later take (KIP-896); brokers before take 0."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as it tells of itself. Kafka never says its version: ``era`` is what its protocol gives away."""

    cluster_id: str
    brokers: int
    era: str


@dataclass(frozen=True, slots=True)
class StateSight:
    """What the last records of the state log say.

    Attributes:
        newest_ms: when the newest was written, by the clock of the worker that wrote it; None: there is none.
        format: the highest format among them; 0: there is none.
        writes: somebody writes now.
    """

    newest_ms: int | None
    format: int
    writes: bool


async def look_at_cluster(admin: AIOKafkaAdminClient) -> Cluster:
    """Who answers."""
    told = await admin.describe_cluster()
    versions = next(iter(admin._client._conns.values()))._versions
    _, metadata = versions.get(MetadataRequest.API_KEY, (0, 0))
    oldest, _ = versions.get(FetchRequest.API_KEY, (0, 0))
    if oldest >= _NO_OLD_CONSUMERS:
        era = "4.0 or later"
    else:
        era = "2.3 or later" if metadata >= _TELLS_RIGHTS else "before 2.3"
    return Cluster(str(told.get("cluster_id") or "without an id"), len(told["brokers"]), era)


async def look_at_state(settings: Settings, partitions: int) -> StateSight:
    """The last records of each partition of the state log.

    Raises:
        NotAllowed: it may not be read.
        StateFormatError: it holds what is no record of ours, or one of a later format.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    tps = [TopicPartition(settings.state_topic, partition) for partition in range(partitions)]
    newest, version = None, 0
    try:
        async with connecting(settings):
            await consumer.start()
        with explained(settings):
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            for tp, end in ends.items():
                consumer.seek(tp, max(0, end - _LOOK_BACK))
            waiting = {tp for tp, end in ends.items() if end > 0}
            while waiting and (batches := await consumer.getmany(timeout_ms=_WAIT_MS)):
                for record in (record for batch in batches.values() for record in batch):
                    newest = max(newest or 0, record.timestamp)
                    _, _, kind, _ = records.parse_key(record.key or b"")
                    if record.value is not None:
                        version = max(version, records.decode(kind, record.value).format)
                waiting -= batches.keys()
            writes = newest is not None and await _grows(consumer, ends)
    finally:
        await consumer.stop()
    return StateSight(newest, version, writes)


async def _grows(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether somebody writes: an owner does once a second when there is nothing to do."""
    deadline = monotonic() + _GROWS_WITHIN_S
    while monotonic() < deadline:
        if await consumer.end_offsets(list(ends)) != ends:
            return True
        await asyncio.sleep(0.25)
    return False
