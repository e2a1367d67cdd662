"""Alert events: once each, with ids that follow from what the topic says."""

import itertools
from decimal import Decimal
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from schemas.export import event_schemas
from schemas.thresholds import Threshold
from schemas.topics import ALERT_FIRED, ALERT_RESOLVED
from streams.aggregate.views import Series, Snapshot
from streams.alerts.evaluate import ThresholdEvaluator
from streams.alerts.log import AlertEvent, AlertLog

SOURCE = "/citypulse/test"
MINUTE = 60_000_000


def threshold(**fields: Any) -> Threshold:
    given = {
        "name": "Volume", "metric": "citypulse_exchange_amount_rolling", "labels": {"window": "24h"},
        "by": ["exchange", "currency"], "op": ">", "limit": "100.00", "severity": "warning", "summary": "High.",
    }  # fmt: skip
    return Threshold.model_validate(given | fields)


def snapshot(complete: bool = True, day_before: int = 0, **volumes: int) -> Snapshot:
    series = tuple(
        Series(name, product, "CNY", False, 2, 0, 0, 0, 0, {"24h": fen}, {}, day_before)
        for name, total in volumes.items()
        for product, fen in (("api", total // 2), ("model", total - total // 2))
    )
    return Snapshot(0, complete, (), (), series, (), (), (), (), (), {}, {}, 0)


class Worker:
    """A worker's evaluator and what it has read of the topic."""

    def __init__(self, topic: list[bytes], given: Threshold | None = None) -> None:
        self.topic = topic
        self.evaluator = ThresholdEvaluator([given or threshold()])
        self.log = AlertLog(SOURCE)
        for value in topic:
            self.log.read(value)

    def due(self, shown: Snapshot, now_us: int = 0) -> list[AlertEvent]:
        judgement = self.evaluator.judge(shown, now_us)
        return list(self.log.due(judgement)) if judgement else []

    def publish(self, shown: Snapshot, now_us: int = 0) -> list[dict[str, Any]]:
        said = self.due(shown, now_us)
        for event in said:
            self.topic.append(event.encoded)
            self.log.add(event)
        return [orjson.loads(event.encoded) for event in said]


def test_fired_and_resolved_once_each() -> None:
    worker = Worker([])
    assert worker.publish(snapshot(a=10_000)) == []
    (fired,) = worker.publish(snapshot(a=10_001), MINUTE)
    assert worker.publish(snapshot(a=20_000), 2 * MINUTE) == []
    (resolved,) = worker.publish(snapshot(a=10_000), 3 * MINUTE)
    assert worker.publish(snapshot(a=0), 4 * MINUTE) == []
    assert (fired["type"], resolved["type"]) == (ALERT_FIRED, ALERT_RESOLVED)
    since = "1970-01-01T00:01:00.000000Z"
    assert (fired["source"], fired["time"]) == (SOURCE, since)
    assert fired["data"] == {
        "threshold": "Volume", "labels": {"exchange": "a", "currency": "CNY"}, "value": "100.01", "limit": "100.00",
        "since": since,
    }  # fmt: skip
    assert resolved["data"] == fired["data"] | {"value": "100.00"}


def test_each_alert_has_its_own_events() -> None:
    worker = Worker([])
    assert [event["data"]["labels"]["exchange"] for event in worker.publish(snapshot(a=10_001, b=1))] == ["a"]
    (said,) = worker.publish(snapshot(a=10_001, b=10_001))
    assert said["data"]["labels"]["exchange"] == "b"


def test_a_series_that_is_gone_ends_its_alert() -> None:
    worker = Worker([])
    worker.publish(snapshot(a=10_001))
    (said,) = worker.publish(snapshot())
    assert (said["type"], said["data"]["value"]) == (ALERT_RESOLVED, None)


def test_incomplete_numbers_say_nothing() -> None:
    worker = Worker([])
    assert worker.publish(snapshot(complete=False, a=10_001)) == []
    worker.publish(snapshot(a=10_001))
    assert worker.publish(snapshot(complete=False)) == []


def test_a_successor_goes_on_where_the_topic_ends() -> None:
    topic: list[bytes] = []
    Worker(topic).publish(snapshot(a=10_001))
    successor = Worker(topic)
    assert successor.publish(snapshot(a=10_001)) == []
    assert [event["type"] for event in successor.publish(snapshot(a=0))] == [ALERT_RESOLVED]
    assert Worker(topic).publish(snapshot(a=0)) == []


def test_a_successor_does_not_end_what_it_has_not_waited_for_yet() -> None:
    topic: list[bytes] = []
    slow = threshold(**{"for": "5m"})
    first = Worker(topic, slow)
    assert first.publish(snapshot(a=10_001)) == []
    assert len(first.publish(snapshot(a=10_001), 5 * MINUTE)) == 1
    assert Worker(topic, slow).publish(snapshot(a=10_001), 6 * MINUTE) == []


def test_two_workers_that_read_the_same_give_an_event_the_same_id() -> None:
    topic: list[bytes] = []
    ids = []
    for shown in itertools.islice(itertools.cycle([snapshot(a=10_001), snapshot(a=0)]), 6):
        zombie = Worker(topic).due(shown, 9 * MINUTE)
        (said,) = Worker(topic).publish(shown, 3 * MINUTE)
        assert [event.id for event in zombie] == [said["id"]]
        ids.append(said["id"])
    assert len(set(ids)) == 6


def test_an_alert_of_another_threshold_or_source_is_left_alone() -> None:
    topic: list[bytes] = []
    Worker(topic, threshold(name="Other")).publish(snapshot(a=10_001))
    assert Worker(topic).publish(snapshot(a=0)) == []
    foreign = [value.replace(SOURCE.encode(), b"/citypulse/foreign") for value in topic]
    assert len(Worker(foreign, threshold(name="Other")).publish(snapshot(a=10_001))) == 1


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b"{}", b'{"source":"/citypulse/test"}', b"\xff", b"1"])
def test_records_that_are_no_alert_events_are_passed_over(value: bytes) -> None:
    assert len(Worker([value]).publish(snapshot(a=10_001))) == 1


def test_a_ratio_without_end_is_told_to_38_digits() -> None:
    worker = Worker([], threshold(compare="day_ratio", op="<", limit="0.5"))
    (said,) = worker.publish(snapshot(day_before=150, a=100))
    assert said["data"]["value"] == "0." + "3" * 38
    assert Worker([], threshold(compare="day_ratio", op="<", limit="0.5")).publish(snapshot(a=100)) == []


def test_sums_are_exact() -> None:
    limit = Decimal("900000000000000000000000000000.00")
    fen = int(limit * 100)
    assert Worker([], threshold(limit=str(limit))).publish(snapshot(a=fen)) == []
    (said,) = Worker([], threshold(limit=str(limit))).publish(snapshot(a=fen + 1))
    assert said["data"]["value"] == "900000000000000000000000000000.01"


def test_events_fit_the_published_schemas() -> None:
    worker = Worker([])
    said = [*worker.publish(snapshot(bidex=12_050)), *worker.publish(snapshot(bidex=9_050), 7 * MINUTE)]
    schemas = event_schemas()[1]
    assert [event["type"] for event in said] == [ALERT_FIRED, ALERT_RESOLVED]
    for event in said:
        assert list(Draft202012Validator(schemas[event["type"]]).iter_errors(event)) == []
