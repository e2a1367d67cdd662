"""Creates the topics of the contract, and compares those of a cluster with it.

Always asks for the metadata of *all* topics: a broker with ``auto.create.topics.enable`` makes a topic of any name
that it is asked about.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from schemas.topics import SOURCES, SPECS
from streams.errors import NotAllowed, TopicLayoutError
from streams.settings import Settings
from streams.transport.client_options import client_options, connecting, explained
from streams.transport.rights import Right, hidden, require

STATE_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""A checkpoint is one record; Kafka's own limit of 1 MiB is too low for a busy partition's."""
STATE_KEPT_SHORT = {"segment.bytes": str(32 * 1024 * 1024), "delete.retention.ms": str(3_600_000)}
"""A worker that starts reads the whole state topic. Kafka compacts only full segments, by default of 1 GiB, and keeps
tombstones for a day; an hour is far more than a reader needs from the start of the topic to its end."""
REQUEST_TIMEOUT_MS = 5_000
VISIBLE_DEADLINE_S = 15.0
"""How long a new topic may take until every partition has a leader."""
MEND = "create what is missing with: citypulse topics create"


@dataclass(frozen=True, slots=True)
class Layout:
    """The topics as they are now.

    Attributes:
        partitions: topic -> number of partitions, for the contract's topics and the state topic.
        created: topics that did not exist before.
        notices: what could not be checked, one sentence each.
    """

    partitions: dict[str, int]
    created: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


async def create_topics(settings: Settings) -> Layout:
    """Creates the topics that are missing, gives the state topic the partitions that it lacks, checks the result.

    Raises:
        BrokerUnreachable: nobody answers.
        TopicLayoutError: the broker refuses, or a topic that was there is not as the contract has it.
    """
    async with connected_admin(settings) as admin:
        there = await _partitions(admin)
        # The state has a partition for each source partition, also where a source topic has more than we would make.
        state_partitions = max([settings.partitions, *(there.get(topic, 0) for topic in SOURCES)])
        counts = {spec.name: spec.partitions or settings.partitions for spec in SPECS.values()}
        counts[settings.state_topic] = state_partitions
        missing = [topic for topic in counts if topic not in there]
        configs = topic_configs(settings)
        if missing:
            replication = settings.replication_factor
            new = [NewTopic(topic, counts[topic], replication, topic_configs=configs[topic]) for topic in missing]
            await _create(admin, new, settings)
        if there.get(settings.state_topic, state_partitions) < state_partitions:
            await _add_partitions(admin, settings.state_topic, state_partitions)
        await _until_visible(admin, counts)
        return replace(await _check(admin, settings), created=tuple(missing))


async def check_topics(settings: Settings, needed: Sequence[Right] = ()) -> Layout:
    """Compares the cluster's topics with the contract; changes nothing.

    Args:
        settings: where the cluster is.
        needed: what must be allowed besides.

    Raises:
        BrokerUnreachable: nobody answers.
        TopicLayoutError: a topic is missing, the state topic has too few partitions, or a configuration differs.
        NotAllowed: which right is missing.
    """
    async with connected_admin(settings) as admin:
        if needed:
            await require(admin, needed)
        return await _check(admin, settings)


async def topic_partitions(settings: Settings, topics: Sequence[str]) -> Mapping[str, int]:
    """Checks only that some topics are there: all that a publisher or a reader needs.

    Returns:
        The number of partitions of each topic of the cluster.

    One that this user may not even see is none of its business, and may be there.

    Raises:
        BrokerUnreachable: nobody answers.
        TopicLayoutError: a topic is missing.
    """
    async with connected_admin(settings) as admin:
        there = await _partitions(admin)
        not_ours = await hidden(admin, [topic for topic in topics if topic not in there])
        await _require(admin, [topic for topic in topics if topic not in not_ours], there)
        return there


def topic_configs(settings: Settings) -> dict[str, dict[str, str]]:
    """Topic -> the Kafka topic configuration that it must have, for the contract's topics and the state topic."""
    state = {"cleanup.policy": "compact", "max.message.bytes": str(STATE_MAX_MESSAGE_BYTES), **STATE_KEPT_SHORT}
    return {**{spec.name: spec.config for spec in SPECS.values()}, settings.state_topic: state}


class AdminClient(AIOKafkaAdminClient):  # type: ignore[misc]
    """Asks a broker that answers: aiokafka asks any one at random, and fails when it is the one that is down."""

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        for broker in self._client.cluster.brokers() if node_id is None else ():
            if await self._client.ready(broker.nodeId):
                node_id = broker.nodeId
                break
        return await super()._send_request(request, node_id)


@asynccontextmanager
async def connected_admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, connected; what fails while it is used is one clear error.

    Raises:
        CityPulseError: see ``streams.transport.client_options.failure``.
    """
    admin = AdminClient(**client_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        async with connecting(settings):
            await admin.start()
        with explained(settings):
            yield admin
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, with_leader: bool = False) -> dict[str, int]:
    """Topic -> partitions; only those that have a leader, if wanted."""
    return {
        topic["topic"]: sum(not with_leader or partition["leader"] >= 0 for partition in topic["partitions"])
        for topic in await admin.describe_topics(None)
    }


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic], settings: Settings) -> None:
    response = await admin.create_topics(list(topics))
    for topic, code, message in response.topic_errors:
        if code in (TopicAuthorizationFailedError.errno, ClusterAuthorizationFailedError.errno):
            raise NotAllowed([f"Create on topic {topic}"])
        if code not in (0, TopicAlreadyExistsError.errno):  # somebody else may have been faster
            raise TopicLayoutError(
                f"the broker refuses to create {topic}: {message or for_code(code).description}",
                f"CITYPULSE_PARTITIONS={settings.partitions},"
                f" CITYPULSE_REPLICATION_FACTOR={settings.replication_factor}",
            )


async def _add_partitions(admin: AIOKafkaAdminClient, topic: str, count: int) -> None:
    try:
        await admin.create_partitions({topic: NewPartitions(count)})
    except KafkaError as error:
        raise TopicLayoutError(
            f"the broker refuses to give {topic} {count} partitions: {error}",
            f"add them with: kafka-topics.sh --alter --topic {topic} --partitions {count}",
        ) from error


async def _until_visible(admin: AIOKafkaAdminClient, counts: Mapping[str, int]) -> None:
    """Waits until each of the topics has a leader for each partition that it has."""
    deadline = asyncio.get_running_loop().time() + VISIBLE_DEADLINE_S
    while True:
        led, there = await _partitions(admin, with_leader=True), await _partitions(admin)
        waiting = [topic for topic in counts if not led.get(topic) or led[topic] < there[topic]]
        if not waiting:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise TopicLayoutError(f"partitions of {', '.join(waiting)} have no leader yet", "is the cluster healthy?")
        await asyncio.sleep(0.1)


async def _require(admin: AIOKafkaAdminClient, topics: Sequence[str], there: Mapping[str, int]) -> None:
    missing = [topic for topic in topics if topic not in there]
    if not_ours := await hidden(admin, missing):
        raise NotAllowed([f"Describe on topic {topic}" for topic in not_ours])
    if len(missing) == 1:
        raise TopicLayoutError(f"topic {missing[0]} is missing", MEND)
    if missing:
        raise TopicLayoutError(f"topics {', '.join(missing)} are missing", MEND)


async def _check(admin: AIOKafkaAdminClient, settings: Settings) -> Layout:
    there = await _partitions(admin)
    configs = topic_configs(settings)
    await _require(admin, list(configs), there)
    largest = max(SOURCES, key=lambda topic: there[topic])
    state = settings.state_topic
    if there[state] < there[largest]:
        raise TopicLayoutError(
            f"{state} has {there[state]} partitions but {largest} has {there[largest]}",
            "add the missing ones with: citypulse topics create",
        )
    notices = []
    actual = await _actual_configs(admin, list(configs))
    for topic, wanted in configs.items():
        found = actual.get(topic, {})
        _compare(topic, wanted, found)
        unknown = [name for name in ("cleanup.policy", "max.message.bytes") if name not in found]
        if unknown:
            notices.append(f"the broker does not tell {' and '.join(unknown)} of {topic}: not checked")
    return Layout({topic: there[topic] for topic in configs}, notices=tuple(notices))


def _compare(topic: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Retention is the operator's choice; a wrong policy or too low a limit loses events or state."""
    policy, limit = wanted["cleanup.policy"], wanted["max.message.bytes"]
    if found.get("cleanup.policy", policy) != policy:
        raise _differs(topic, "cleanup.policy", found, f"must be {policy}", policy)
    if int(found.get("max.message.bytes", limit)) < int(limit):
        raise _differs(topic, "max.message.bytes", found, f"must be at least {limit}", limit)


def _differs(topic: str, name: str, found: Mapping[str, str], rule: str, value: str) -> TopicLayoutError:
    return TopicLayoutError(
        f"{name} of {topic} is {found[name]} but {rule}",
        f"set it with: kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {name}={value}",
    )


async def _actual_configs(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Topic -> configuration, as far as the broker tells it (it may not, or we may not be allowed to ask)."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    try:
        responses = await admin.describe_configs(asked)
    except KafkaError:
        return {}
    return dict(_entries(response) for reply in responses for response in reply.resources)


def _entries(resource: Sequence[object]) -> tuple[str, dict[str, str]]:
    """One resource of a DescribeConfigs response: (error code, message, type, name, entries)."""
    _, _, _, name, entries = resource
    assert isinstance(entries, Sequence)
    return str(name), {str(entry[0]): str(entry[1]) for entry in entries if entry[1] is not None}
