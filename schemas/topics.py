"""Topics as reviewed records, and which event type belongs on which topic.

Retention is part of the contract: totals are recomputed from the source topics, so those keep everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

TRANSACTIONS: Final = "citypulse.transactions.v1"
INFRASTRUCTURE: Final = "citypulse.infrastructure.v1"
INDICATORS: Final = "citypulse.indicators.v1"
DEAD_LETTERS: Final = "citypulse.dead-letters.v1"
ALERTS: Final = "citypulse.alerts.v1"

SOURCES: Final = (TRANSACTIONS, INFRASTRUCTURE, INDICATORS)
"""The topics that upstream systems publish to."""

EXECUTED: Final = "citypulse.transaction.executed.v1"
CANCELLED: Final = "citypulse.transaction.cancelled.v1"
COMMISSIONED: Final = "citypulse.infrastructure.commissioned.v1"
DECOMMISSIONED: Final = "citypulse.infrastructure.decommissioned.v1"
SURVEYED: Final = "citypulse.infrastructure.surveyed.v1"
OBSERVED: Final = "citypulse.indicator.observed.v1"
ALERT_FIRED: Final = "citypulse.alert.fired.v1"
ALERT_RESOLVED: Final = "citypulse.alert.resolved.v1"

Family = Literal["transactions", "infrastructure", "indicators"]

FAMILY: Final[dict[str, Family]] = {
    TRANSACTIONS: "transactions",
    INFRASTRUCTURE: "infrastructure",
    INDICATORS: "indicators",
}
"""Source topic -> what its events are about."""

_DAY_MS = 86_400_000
_FOREVER = -1


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic of the contract.

    ``types`` maps each event type to the ``data`` fields whose values, joined with ``:``, are its key.
    ``partitions`` is None where the operator's setting decides. Byte and millisecond figures are Kafka's topic
    configurations; a ``retention_ms`` of -1 keeps everything.
    """

    name: str
    purpose: str
    owner: str
    key: str
    types: Mapping[str, tuple[str, ...]]
    partitions: int | None
    retention_ms: int
    cleanup_policy: Literal["delete", "compact"]
    max_message_bytes: int

    @property
    def config(self) -> dict[str, str]:
        """The Kafka topic configuration that the contract fixes."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "max.message.bytes": str(self.max_message_bytes),
            "retention.ms": str(self.retention_ms),
        }


_MIB = 1_048_576

SPECS: Final[dict[str, TopicSpec]] = {
    spec.name: spec
    for spec in (
        TopicSpec(
            name=TRANSACTIONS,
            purpose="Transactions executed and cancelled on data exchanges.",
            owner="the data exchanges' settlement systems",
            key="transaction_id",
            types={EXECUTED: ("transaction_id",), CANCELLED: ("transaction_id",)},
            partitions=None,
            retention_ms=_FOREVER,
            cleanup_policy="delete",
            max_message_bytes=_MIB,
        ),
        TopicSpec(
            name=INFRASTRUCTURE,
            purpose="Digital infrastructure going in and out of service, and what authorities report of it.",
            owner="the operators' asset registers and the city's communications authority",
            key="asset_id, or asset_type:area for a survey",
            types={COMMISSIONED: ("asset_id",), DECOMMISSIONED: ("asset_id",), SURVEYED: ("asset_type", "area")},
            partitions=None,
            retention_ms=_FOREVER,
            cleanup_policy="delete",
            max_message_bytes=_MIB,
        ),
        TopicSpec(
            name=INDICATORS,
            purpose="Published figures of the digital economy.",
            owner="the statistics offices' release desks",
            key="indicator:area",
            types={OBSERVED: ("indicator", "area")},
            partitions=None,
            retention_ms=_FOREVER,
            cleanup_policy="delete",
            max_message_bytes=_MIB,
        ),
        TopicSpec(
            name=DEAD_LETTERS,
            purpose="What was refused, with the original bytes and the reason.",
            owner="CityPulse workers",
            key="origin topic:partition",
            types={},
            partitions=None,
            retention_ms=90 * _DAY_MS,
            cleanup_policy="delete",
            # The original may fill a source topic's limit, and grows by a third when it is carried as base64.
            max_message_bytes=2 * _MIB,
        ),
        TopicSpec(
            name=ALERTS,
            purpose="Thresholds crossed, and back.",
            owner="CityPulse workers",
            key="threshold name",
            types={ALERT_FIRED: ("threshold",), ALERT_RESOLVED: ("threshold",)},
            # One partition: the alerts of all thresholds stay in the order in which they were raised.
            partitions=1,
            retention_ms=365 * _DAY_MS,
            cleanup_policy="delete",
            max_message_bytes=_MIB,
        ),
    )
}
"""Every topic of the contract by name."""

TOPIC_OF: Final[dict[str, str]] = {type_: spec.name for spec in SPECS.values() for type_ in spec.types}
"""Event type -> the topic that it belongs on."""

SOURCE_TYPES: Final[tuple[str, ...]] = tuple(type_ for topic in SOURCES for type_ in SPECS[topic].types)
"""The event types that upstream systems publish."""


def key_of(type_: str, data: Mapping[str, Any]) -> bytes:
    """The Kafka key of an event.

    Args:
        type_: a type of ``TOPIC_OF``.
        data: the event's valid ``data``.

    Raises:
        KeyError: unknown type, or a key field is missing.
    """
    fields = SPECS[TOPIC_OF[type_]].types[type_]
    return ":".join(str(data[field]) for field in fields).encode()
