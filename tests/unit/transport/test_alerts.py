"""Who publishes alert events, and that none is published twice; the topic is a list."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.thresholds import Threshold
from streams.alerts.evaluate import Crossing, Judgement
from streams.alerts.log import AlertEvent
from streams.settings import Settings
from streams.transport import alerts
from streams.transport.alerts import AlertPublisher

HIGH = Threshold.model_validate(
    {"name": "High", "metric": "citypulse_exchange_amount_net", "labels": {"currency": "CNY"}, "by": ["currency"],
     "op": ">", "limit": "1", "severity": "info", "summary": "High."}
)  # fmt: skip


class Topic:
    """What is on it; the next ``fails`` answers are lost after the event was written."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.fails = 0

    async def read(self, *_: Any) -> AsyncIterator[Any]:
        yield SimpleNamespace(records=[SimpleNamespace(value=value) for value in self.values])

    async def publish(self, event: AlertEvent) -> None:
        self.values.append(event.encoded)
        if self.fails:
            self.fails -= 1
            raise KafkaTimeoutError


class Judge:
    """Says that the threshold is breached, or that it is not; counts how often it is asked."""

    def __init__(self) -> None:
        self.breached = True
        self.asked = 0

    def __call__(self) -> Judgement:
        self.asked += 1
        labels, value = {"currency": "CNY"}, Decimal(2 if self.breached else 1)
        crossings = (Crossing(HIGH, labels, value, 0, True),) if self.breached else ()
        return Judgement(self.asked, {"High": HIGH}, {"High": {("CNY",): value}}, crossings)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    topic = Topic()
    monkeypatch.setattr(alerts, "read_partition", topic.read)
    monkeypatch.setattr(alerts, "EVERY", 0)
    return topic


async def goes_on(topic: Topic, judge: Judge, leads: Callable[[], bool] = lambda: True, times: int = 5) -> None:
    """A new worker judges some times, then ends."""
    publisher = AlertPublisher(Settings(app_id="test"), judge, leads, topic.publish)
    until, task = judge.asked + times, asyncio.create_task(publisher.run())
    async with asyncio.timeout(60):
        while judge.asked < until:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_breach_is_told_once_and_its_end_once_whoever_leads(topic: Topic) -> None:
    judge = Judge()
    for told in (1, 1):
        await goes_on(topic, judge)
        assert len(topic.values) == told
    judge.breached = False
    for told in (2, 2):
        await goes_on(topic, judge)
        assert len(topic.values) == told


async def test_a_worker_that_does_not_lead_judges_and_says_nothing(topic: Topic) -> None:
    await goes_on(topic, Judge(), lambda: False)
    assert topic.values == []


async def test_who_takes_over_looks_at_what_was_said_meanwhile(topic: Topic) -> None:
    judge, leads = Judge(), [True]
    first = asyncio.create_task(goes_on(topic, judge, lambda: leads[0], times=60))
    while not topic.values:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    leads[0], judge.breached = False, False
    await goes_on(topic, judge)
    assert len(topic.values) == 2
    leads[0] = True
    await first
    assert len(topic.values) == 2


async def test_after_an_error_the_topic_says_what_was_written(topic: Topic) -> None:
    topic.fails = 1
    await goes_on(topic, Judge())
    assert len(topic.values) == 1
