"""Our producer outlives what aiokafka's does not, and ends in bounded time."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber, UnsupportedVersionError

from streams.publish import producer as module
from streams.publish.producer import DurableProducer


class FakeProducer:
    """Gives out futures; stops at once, or never."""

    made: list["FakeProducer"]
    idempotent: bool
    """What the broker can."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.sent: list[asyncio.Future[Any]] = []
        self.stopped = False
        self.hangs = False
        self.closed = False
        self.client = SimpleNamespace(close=self._close)
        self._sender = SimpleNamespace(sender_task=asyncio.get_running_loop().create_future())
        self.made.append(self)

    async def start(self) -> None:
        if self.options["enable_idempotence"] and not self.idempotent:
            raise UnsupportedVersionError

    async def send(self, topic: str, value: Any, **_: Any) -> "asyncio.Future[Any]":
        self.sent.append(asyncio.get_running_loop().create_future())
        return self.sent[-1]

    async def stop(self) -> None:
        self.stopped = True
        if self.hangs:
            await asyncio.Event().wait()

    async def _close(self) -> None:
        self.closed = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeProducer]:
    FakeProducer.made, FakeProducer.idempotent = [], True
    monkeypatch.setattr(module, "AIOKafkaProducer", FakeProducer)
    monkeypatch.setattr(module, "STOP_WITHIN", 0.01)
    return FakeProducer.made


@pytest.mark.parametrize("can", [True, False])
async def test_all_replicas_in_sync_acknowledge_and_nothing_is_doubled_where_the_broker_sees_to_it(
    made: list[FakeProducer], can: bool
) -> None:
    FakeProducer.idempotent = can
    producer = DurableProducer({}, request_timeout_ms=1_000)
    await producer.start()
    await producer.send("t", b"v", key=b"k")
    (used,) = [each for each in made if each.sent]
    assert (used.options["acks"], used.options["enable_idempotence"], producer.idempotent) == ("all", can, can)


async def test_after_a_failed_record_a_new_producer_takes_over(made: list[FakeProducer]) -> None:
    producer = DurableProducer({}, request_timeout_ms=1_000)
    await producer.start()
    first = await producer.send("t", b"v", key=b"k")
    made[0].sent[0].set_exception(OutOfOrderSequenceNumber())
    with pytest.raises(OutOfOrderSequenceNumber):
        await first
    await asyncio.gather(producer.send("t", b"v", key=b"k"), producer.send("t", b"w", key=b"k"))
    assert len(made) == 2
    assert made[0].stopped
    assert len(made[1].sent) == 2
    assert made[1].options["enable_idempotence"]


async def test_it_stops_while_the_broker_is_away(made: list[FakeProducer]) -> None:
    producer = DurableProducer({}, request_timeout_ms=1_000)
    await producer.start()
    made[0].hangs = True
    await producer.stop()
    assert made[0].closed
    with pytest.raises(KafkaConnectionError):
        await producer.send("t", b"v", key=b"k")
