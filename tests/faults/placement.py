"""Where partitions are: which brokers have a replica, and which of them leads."""

import asyncio
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest

from tests.faults.ledger import HarnessError, Place

Placement = dict[Place, list[int]]
"""The brokers that have a replica."""

_WITHIN_S = 60.0
_TIMEOUT_MS = 30_000


async def move_leaders(bootstrap: str) -> Placement:
    """Takes from every partition the replica that leads, Kafka's own topics included: coordinators move as well.

    Returns:
        Where replicas were, for ``place``.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        found = await _described(admin)
        await _place(
            admin, {place: [node for node in at["replicas"] if node != at["leader"]] for place, at in found.items()}
        )
        return {place: at["replicas"] for place, at in found.items()}
    finally:
        await admin.close()


async def place(bootstrap: str, wanted: Placement) -> None:
    """Puts replicas where they are wanted; returns when all of them are in sync.

    Raises:
        HarnessError: they are not within a minute.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await _place(admin, wanted)
    finally:
        await admin.close()


async def _place(admin: AIOKafkaAdminClient, wanted: Placement) -> None:
    topics: dict[str, list[Any]] = {}
    for (topic, partition), nodes in wanted.items():
        topics.setdefault(topic, []).append((partition, nodes, {}))
    asked: list[Any] = [(topic, partitions, {}) for topic, partitions in topics.items()]
    answer = await admin._send_to_controller(AlterPartitionReassignmentsRequest(_TIMEOUT_MS, asked, {}))
    if answer.error_code:
        raise HarnessError(f"partitions cannot be moved: {answer}")
    try:
        async with asyncio.timeout(_WITHIN_S):
            while not _are_there(await _described(admin), wanted):  # noqa: ASYNC110 - Kafka tells when asked
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise HarnessError(f"partitions were not moved within {_WITHIN_S:.0f} s") from None


def _are_there(found: dict[Place, dict[str, Any]], wanted: Placement) -> bool:
    return all(
        place in found  # a broker may not have heard of a new topic yet
        and sorted(found[place]["replicas"]) == sorted(found[place]["isr"]) == sorted(nodes)
        and found[place]["leader"] in nodes
        for place, nodes in wanted.items()
    )


async def _described(admin: AIOKafkaAdminClient) -> dict[Place, dict[str, Any]]:
    return {
        (topic["topic"], at["partition"]): at for topic in await admin.describe_topics() for at in topic["partitions"]
    }
