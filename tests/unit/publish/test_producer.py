"""Our producer outlives what aiokafka's does not, and ends in bounded time."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    OutOfOrderSequenceNumber,
    UnknownError,
    UnsupportedVersionError,
)

from streams.publish import producer as module
from streams.publish.producer import DurableProducer


class FakeProducer:
    """Gives out futures; stops at once, or never."""

    made: list["FakeProducer"]
    idempotent: bool
    """What the broker can."""
    refusal: type[KafkaError]
    """What it answers else."""

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
            log = logging.getLogger("aiokafka.producer.sender")
            log.error("Unexpected error during InitProducerIdRequest: %s", self.refusal)
            raise self.refusal

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
    FakeProducer.made, FakeProducer.idempotent, FakeProducer.refusal = [], True, UnknownError
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


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (UnknownError, []),
        (UnsupportedVersionError, []),
        (ClusterAuthorizationFailedError, ["the broker refuses an idempotent producer"]),
    ],
)
async def test_only_what_is_wrong_with_a_broker_is_logged(
    made: list[FakeProducer], caplog: pytest.LogCaptureFixture, refusal: type[KafkaError], said: list[str]
) -> None:
    FakeProducer.idempotent, FakeProducer.refusal = False, refusal
    await DurableProducer({}, request_timeout_ms=1_000).start()
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == said
    logging.getLogger("aiokafka.producer.sender").error("Unexpected error during InitProducerIdRequest: later")
    assert "later" in caplog.text


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
