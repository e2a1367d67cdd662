"""What this user may do, as the broker tells it, and what its part of the work needs.

Kafka says which operations it allows when it is asked (KIP-430), so a missing right has a name before any work begins.
aiokafka speaks versions of these requests that do not ask yet; the two structures below are Kafka's own, of
``MetadataRequest.json`` version 8 and ``DescribeGroupsRequest.json`` version 3.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
)
from aiokafka.protocol.admin import DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from schemas.topics import ALERTS, DEAD_LETTERS, SOURCES
from streams.errors import NotAllowed
from streams.settings import Settings

Operation = Literal["Read", "Write"]

_BITS: Final[dict[Operation, int]] = {"Read": 3, "Write": 4}
_DESCRIBE: Final = 8
"""Kafka's AclOperation codes: the bits of what is allowed."""

COORDINATOR_WITHIN_S: Final = 15.0

_NOT_YET: Final = tuple(
    error.errno for error in (GroupLoadInProgressError, GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError)
)

_HIDDEN: Final = 29
"""TOPIC_AUTHORIZATION_FAILED: not even Describe is allowed."""


@dataclass(frozen=True, slots=True)
class Right:
    """An operation on a topic or a consumer group."""

    operation: Operation
    kind: Literal["topic", "group"]
    name: str

    def __str__(self) -> str:
        return f"{self.operation} on {self.kind} {self.name}"


def worker_rights(settings: Settings) -> tuple[Right, ...]:
    """What a worker needs: docs/security.md grants exactly these."""
    topics: tuple[tuple[Operation, str], ...] = (
        *(("Read", topic) for topic in SOURCES),
        ("Read", settings.state_topic),
        ("Write", settings.state_topic),
        ("Read", DEAD_LETTERS),
        ("Write", DEAD_LETTERS),
        *(() if not settings.thresholds_file else (("Read", ALERTS), ("Write", ALERTS))),
        *(() if not settings.ingest_tokens_file else (("Write", topic) for topic in SOURCES)),
    )
    return (*(Right(operation, "topic", name) for operation, name in topics), Right("Read", "group", settings.app_id))


async def require(admin: AIOKafkaAdminClient, needed: Sequence[Right]) -> bool:
    """Checks that the broker allows what is needed.

    Returns:
        False when the broker does not tell (before Kafka 2.3, or the embedded one); nothing is checked then.

    Raises:
        NotAllowed: which names every right that is missing.
    """
    missing = await lacking(admin, needed)
    if missing:
        raise NotAllowed([str(right) for right in missing])
    return missing is not None


class CoordinatorAway(Exception):
    """Nobody answers for the group now. That refuses nothing."""


async def lacking(admin: AIOKafkaAdminClient, needed: Sequence[Right]) -> list[Right] | None:
    """Those of the rights that the broker does not allow; None when it does not tell."""
    topics = list(dict.fromkeys(right.name for right in needed if right.kind == "topic"))
    try:
        told = await _metadata(admin, topics)
        allowed: dict[tuple[str, str], int | None] = {("topic", topic): bits for topic, (_, bits) in told.items()}
        for right in needed:
            if right.kind == "group":
                allowed["group", right.name] = await _group(admin, right.name)
    except (CoordinatorAway, IncompatibleBrokerVersion, NotImplementedError):
        return None
    if any(not bits >> _DESCRIBE & 1 for bits in allowed.values() if bits is not None):
        return None  # what we see we may describe: a broker that says otherwise keeps no account
    return [right for right in needed if not (allowed[right.kind, right.name] or 0) >> _BITS[right.operation] & 1]


async def hidden(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> list[str]:
    """Those of the topics that may be there, but not for this user's eyes: nothing is granted on them."""
    asked = list(topics)
    try:
        found = await _metadata(admin, asked) if asked else {}
    except (IncompatibleBrokerVersion, NotImplementedError):
        return []
    return [topic for topic, (code, _) in found.items() if code == _HIDDEN]


async def _metadata(admin: AIOKafkaAdminClient, topics: list[str]) -> dict[str, tuple[int, int | None]]:
    """Topic -> (error code, what is allowed; None: it is hidden).

    Unlike aiokafka's request this one never creates a topic.
    """
    answer = await admin._send_request(_MetadataRequest(topics))
    return {topic: (code, None if code == _HIDDEN else operations) for code, topic, _, _, operations in answer.topics}


async def _group(admin: AIOKafkaAdminClient, group: str) -> int | None:
    """What is allowed on a consumer group, whether it exists or not; None: not even to look.

    In a new cluster the first question has the place for groups made, which takes a moment.
    """
    deadline = asyncio.get_running_loop().time() + COORDINATOR_WITHIN_S
    while True:
        try:
            coordinator = await admin.find_coordinator(group)
            answer = await admin._send_request_to_node(coordinator, _GroupsRequest(group))
            code, *_, operations = answer.groups[0]
            if code not in _NOT_YET:
                return None if code == GroupAuthorizationFailedError.errno else int(operations)
        except GroupAuthorizationFailedError:
            return None
        except (GroupCoordinatorNotAvailableError, KafkaConnectionError, NodeNotReadyError, TimeoutError):
            pass  # its broker may be down: another one takes its place
        if asyncio.get_running_loop().time() > deadline:
            raise CoordinatorAway
        await asyncio.sleep(0.1)


class _MetadataResponse_v8(Response):  # type: ignore[misc] # noqa: N801 - aiokafka names them so
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String()), ("port", Int32), ("rack", String()))),
        ("cluster_id", String()),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String()),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataRequest_v8(RequestStruct):  # type: ignore[misc] # noqa: N801
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse_v8
    SCHEMA = Schema(
        ("topics", Array(String())),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _MetadataRequest(Request[_MetadataRequest_v8]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequest_v8]) -> Any:
        """The request: of these topics, with what is allowed on each; none is created by asking."""
        return request_struct_class(self._topics, False, False, True)


class _GroupsRequest_v3(RequestStruct):  # type: ignore[misc] # noqa: N801
    """aiokafka's own reads the answer as version 2, without what is allowed."""

    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(String())), ("include_authorized_operations", Boolean))


class _GroupsRequest(Request[_GroupsRequest_v3]):  # type: ignore[misc]
    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_GroupsRequest_v3]) -> Any:
        """The request: of one group, with what is allowed on it."""
        return request_struct_class([self._group], True)
