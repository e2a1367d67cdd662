"""What the publisher makes of a broker's silence and of its refusals; the broker is a fake."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from streams.publish import NotDelivered, Publisher
from streams.publish.client import Delivered
from streams.publish.routing import Message

MESSAGE = Message("t", b"k", b"v")


class FakeProducer:
    """Gives out futures, or never takes a record."""

    def __init__(self) -> None:
        self.open = True
        self.idempotent = True
        self.sent: list[asyncio.Future[Any]] = []
        self.takes = True

    async def send(self, *_: Any, **__: Any) -> "asyncio.Future[Any]":
        if not self.takes:
            await asyncio.Event().wait()
        self.sent.append(asyncio.get_running_loop().create_future())
        return self.sent[-1]

    async def stop(self) -> None:
        self.open = False


def acknowledged(producer: FakeProducer, index: int) -> None:
    producer.sent[index].set_result(SimpleNamespace(topic="t", partition=0, offset=index))


def publisher_of(monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Publisher, FakeProducer]:
    publisher, producer = Publisher("nowhere:1", **options), FakeProducer()
    monkeypatch.setattr(publisher, "_producer", producer)
    return publisher, producer


async def test_what_is_not_acknowledged_by_the_deadline_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, producer = publisher_of(monkeypatch, deadline=0.01)
    delivery = await publisher.send_unchecked(MESSAGE)
    with pytest.raises(NotDelivered, match=r"not acknowledged in 0\.01 s"):
        await delivery
    acknowledged(producer, 0)  # too late: it changes nothing
    with pytest.raises(NotDelivered, match="1 of the events"):
        await publisher.flush()
    await publisher.flush()  # each loss is told once


async def test_a_place_is_taken_until_the_producer_is_done_with_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, producer = publisher_of(monkeypatch, deadline=0.01, max_in_flight=1)
    with pytest.raises(NotDelivered):
        await (await publisher.send_unchecked(MESSAGE))
    with pytest.raises(NotDelivered, match="no room"):
        await publisher.send_unchecked(MESSAGE)
    acknowledged(producer, 0)
    delivery = await publisher.send_unchecked(MESSAGE)
    acknowledged(producer, 1)
    assert await delivery == Delivered("t", 0, 1)


async def test_a_record_that_is_never_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, producer = publisher_of(monkeypatch, deadline=0.01, max_in_flight=1)
    producer.takes = False
    for _ in range(2):  # the place of the first one is free again
        with pytest.raises(NotDelivered, match="or no broker"):
            await publisher.send_unchecked(MESSAGE)


async def test_a_refusal_of_the_broker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, producer = publisher_of(monkeypatch)
    delivery = await publisher.send_unchecked(MESSAGE)
    producer.sent[0].set_exception(TopicAuthorizationFailedError("t"))
    with pytest.raises(NotDelivered, match="TopicAuthorizationFailedError"):
        await delivery


async def test_stopping_fails_what_is_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, _ = publisher_of(monkeypatch)
    delivery = await publisher.send_unchecked(MESSAGE)
    await publisher.stop()
    with pytest.raises(NotDelivered, match="stopped before"):
        await delivery
