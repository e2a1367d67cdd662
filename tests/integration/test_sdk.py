"""The publisher against a real broker: what it says is what the topics hold."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.fields import Data
from schemas.indicators import Observed
from schemas.infrastructure import Commissioned
from schemas.topics import INDICATORS, INFRASTRUCTURE, TRANSACTIONS
from schemas.transactions import Executed
from streams.errors import BrokerUnreachable
from streams.publish import Delivered, EventRefused, NotDelivered, Publisher, SyncPublisher, cloudevent
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import APACHE, ROOT, Broker

TRADE = Executed(
    transaction_id="tx-1",
    exchange="bidex",
    product_type="spatial",
    amount="2650000.00",
    currency="CNY",
    cross_border=False,
)
RACK = Commissioned(asset_id="r-1", asset_type="rack", area="110108", capacity="8", unit="kW")
FIGURE = Observed(
    indicator="gdp",
    area="110000",
    period="2023-01-01/P9M",
    value="31723.1",
    unit="CNY",
    unit_multiplier=8,
    status="P",
    vintage="2023-10-20",
)


def event(data: Data = TRADE, number: int = 1, **changes: Any) -> dict[str, Any]:
    return cloudevent(data, source="/test", id=str(number), time="2023-11-24T09:30:00+08:00") | changes


@pytest.fixture
async def bootstrap(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> str:
    await create_topics(make_settings(broker=fresh_broker.bootstrap, partitions=2))
    return fresh_broker.bootstrap


@pytest.fixture
async def publisher(bootstrap: str) -> AsyncIterator[Publisher]:
    async with Publisher(bootstrap) as publisher:
        yield publisher


async def record_at(bootstrap: str, where: Delivered) -> ConsumerRecord:
    tp = TopicPartition(where.topic, where.partition)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    consumer.assign([tp])
    await consumer.start()
    try:
        consumer.seek(tp, where.offset)
        async with asyncio.timeout(60):
            return await consumer.getone()
    finally:
        await consumer.stop()


@pytest.mark.parametrize(
    ("data", "topic", "key"),
    [(TRADE, TRANSACTIONS, b"tx-1"), (RACK, INFRASTRUCTURE, b"r-1"), (FIGURE, INDICATORS, b"gdp:110000")],
)
async def test_the_report_says_where_the_event_is(
    bootstrap: str, publisher: Publisher, data: Data, topic: str, key: bytes
) -> None:
    await publisher.publish(event(data, 1))
    where = await publisher.publish(event(data, 2))
    assert where.topic == topic
    record = await record_at(bootstrap, where)
    assert (record.offset, record.key, json.loads(record.value)["id"]) == (where.offset, key, "2")
    assert json.loads(record.value) == event(data, 2)


async def test_many_at_a_time_have_a_report_each(bootstrap: str, publisher: Publisher) -> None:
    reports = [await publisher.send(json.dumps(event(number=number)).encode()) for number in range(500)]
    await publisher.flush()
    places = [report.result() for report in reports]
    assert len(set(places)) == 500
    for number in (0, 250, 499):
        assert json.loads((await record_at(bootstrap, places[number])).value)["id"] == str(number)


async def test_a_bad_event_is_refused_and_nothing_is_sent(bootstrap: str, publisher: Publisher) -> None:
    bad = event()
    bad["data"] = {**bad["data"], "amount": 2650000.0}
    with pytest.raises(EventRefused) as caught:
        await publisher.send(bad)
    assert (caught.value.reason, caught.value.field) == ("invalid_field", "data.amount")
    assert "expected" in caught.value.message
    assert (await publisher.publish(event())).offset == 0


async def test_what_is_no_json_is_refused(publisher: Publisher) -> None:
    with pytest.raises(EventRefused) as caught:
        await publisher.publish(b"{")
    assert caught.value.reason == "not_json"
    with pytest.raises(EventRefused) as caught:
        await publisher.publish({**event(), "data": {1, 2}})
    assert caught.value.reason == "not_json"


async def test_a_start_and_an_event_say_nothing_on_stderr(bootstrap: str) -> None:
    program = (
        "import sys\nfrom streams.publish import SyncPublisher\n"
        "with SyncPublisher(sys.argv[1]) as publisher: publisher.publish(sys.argv[2])"
    )
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, bootstrap, json.dumps(event()), stderr=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert (await done.communicate())[1] == b""


async def test_only_so_many_are_under_way(bootstrap: str) -> None:
    async with Publisher(bootstrap, max_in_flight=3) as publisher:
        reports = []
        for number in range(50):
            reports.append(await publisher.send(event(number=number)))
            assert sum(not report.done() for report in reports) <= 3


async def test_idempotent_where_the_broker_is(publisher: Publisher) -> None:
    assert (publisher.notice == "") is APACHE


async def test_no_broker_is_a_clear_error() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(BrokerUnreachable, match=f"no Kafka broker answers at {address}"):
            await Publisher(address).start()
        with pytest.raises(BrokerUnreachable, match=address), SyncPublisher(address):
            pass


async def test_before_the_start_and_after_the_stop_nothing_is_sent(bootstrap: str) -> None:
    publisher = Publisher(bootstrap)
    with pytest.raises(NotDelivered, match="not connected"):
        await publisher.publish(event())
    async with publisher:
        await publisher.publish(event())
    with pytest.raises(NotDelivered, match="not connected"):
        await publisher.send(event())


def test_without_an_event_loop(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> None:
    asyncio.run(create_topics(make_settings(broker=fresh_broker.bootstrap, partitions=1)))
    with SyncPublisher(fresh_broker.bootstrap) as publisher:
        assert publisher.publish(event()) == Delivered(TRANSACTIONS, 0, 0)
        reports = [publisher.send(event(number=number)) for number in range(10)]
        publisher.flush()
        assert [report.result().offset for report in reports] == list(range(1, 11))
        with pytest.raises(EventRefused):
            publisher.publish(event(type="citypulse.imagined.v1"))
    with pytest.raises(RuntimeError, match="context manager"):
        publisher.publish(event())
