"""Alert events: what the alerts topic has said already, and what is to be said next.

An event's id follows from the alert and from the event before it about the same alert. So whoever has read the topic
gives the next event the same id: a repeat after a crash or a failover is recognised by it, as any CloudEvent's is.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson

from schemas.envelope import encode
from schemas.times import time_text
from schemas.topics import ALERT_FIRED, ALERT_RESOLVED
from streams.aggregate.exact import plain_text
from streams.alerts.evaluate import Crossing, Judgement

AlertKey = tuple[str, tuple[tuple[str, str], ...]]
"""Threshold, and labels in the order of their names: what one alert is about."""

_VALUE_DIGITS: Final = 38
"""Significant digits of a value in an event: a quotient has no end."""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One event for the alerts topic, or the last one found there about an alert."""

    key: AlertKey
    id: str
    fired: bool
    limit: str
    since: str
    encoded: bytes = b""

    @property
    def threshold(self) -> str:
        """The name of the threshold, which is the Kafka key."""
        return self.key[0]


class AlertLog:
    """The last event of each alert, and what a judgement adds to it. It holds one short record an alert, no history.

    Args:
        source: the CloudEvents source of this application; the events of others on the topic are not looked at.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._last: dict[AlertKey, AlertEvent] = {}

    def read(self, value: bytes) -> None:
        """Takes a record of the topic, the oldest first. What is no alert event of ours is passed over."""
        try:
            event = orjson.loads(value)
            if event["source"] == self._source and event["type"] in (ALERT_FIRED, ALERT_RESOLVED):
                self.add(_read(event))
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def add(self, event: AlertEvent) -> None:
        """The event is on the topic."""
        self._last[event.key] = event

    def due(self, judgement: Judgement) -> Iterator[AlertEvent]:
        """What has to be said: alerts that fire and are not known to, and those known to that are over.

        An alert that is beyond its limit again, but not yet for long enough, stays as it was: after an hour without a
        complete worker nobody knows any more since when. Alerts of thresholds that are not judged here are left alone.
        """
        beyond = {_key(crossing): crossing for crossing in judgement.crossings}
        for key, crossing in beyond.items():
            last = self._last.get(key)
            if crossing.breached and not (last and last.fired):
                yield self._fired(key, crossing, judgement.at_us)
        for key, last in list(self._last.items()):
            if last.fired and key not in beyond and key[0] in judgement.values:
                yield self._resolved(last, judgement.value(key[0], dict(key[1])), judgement.at_us)

    def _fired(self, key: AlertKey, crossing: Crossing, now_us: int) -> AlertEvent:
        limit, since = plain_text(crossing.threshold.limit), time_text(crossing.since_us)
        return self._event(AlertEvent(key, self._id(key, ALERT_FIRED), True, limit, since), crossing.value, now_us)

    def _resolved(self, last: AlertEvent, value: Decimal | None, now_us: int) -> AlertEvent:
        """Limit and since are those of the alert that is over."""
        event = AlertEvent(last.key, self._id(last.key, ALERT_RESOLVED), False, last.limit, last.since)
        return self._event(event, value, now_us)

    def _event(self, event: AlertEvent, value: Decimal | None, now_us: int) -> AlertEvent:
        data = {
            "threshold": event.threshold,
            "labels": dict(event.key[1]),
            "value": None if value is None else _text(value),
            "limit": event.limit,
            "since": event.since,
        }
        type_ = ALERT_FIRED if event.fired else ALERT_RESOLVED
        encoded = encode(self._source, event.id, type_, time_text(now_us), data)
        return AlertEvent(event.key, event.id, event.fired, event.limit, event.since, encoded)

    def _id(self, key: AlertKey, type_: str) -> str:
        last = self._last.get(key)
        told = orjson.dumps([self._source, type_, *key, last.id if last else ""])
        return f"{key[0]}-{hashlib.sha256(told).hexdigest()[:32]}"


def _key(crossing: Crossing) -> AlertKey:
    return crossing.threshold.name, tuple(sorted(crossing.labels.items()))


def _text(value: Decimal) -> str:
    """Plain notation; exact up to 38 significant digits."""
    digits = len(value.as_tuple().digits)
    return plain_text(value if digits <= _VALUE_DIGITS else Decimal(f"{value:.{_VALUE_DIGITS - 1}e}"))


def _read(event: dict[str, Any]) -> AlertEvent:
    data = event["data"]
    key = data["threshold"], tuple(sorted(data["labels"].items()))
    return AlertEvent(key, event["id"], event["type"] == ALERT_FIRED, data["limit"], data["since"])
