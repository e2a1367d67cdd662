"""The Apache Kafka that the other tests stand on: three brokers, and what is acknowledged outlives a crash of one."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.apache_kafka import ApacheKafka

RECORDS = 1_000


async def _produce(bootstrap: str, start: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all") as producer:
        sent = [await producer.send("t", b"%d" % number, partition=0) for number in range(start, start + RECORDS)]
        await producer.flush()
        assert [(await each).offset for each in sent] == list(range(start, start + RECORDS))


async def _made_topic(bootstrap: str) -> int:
    """Makes the topic, and waits until brokers tell who leads it: each hears of a new topic at its own time."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("t", num_partitions=1, replication_factor=3)])
        async with asyncio.timeout(60):
            while True:
                for topic in await admin.describe_topics(["t"]):
                    for partition in topic["partitions"]:
                        if partition["leader"] >= 0:
                            return int(partition["leader"])
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def _read(bootstrap: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition("t", 0)])
        values: list[bytes] = []
        while len(values) < count:
            batches = await consumer.getmany(timeout_ms=1_000)
            values += [record.value for records in batches.values() for record in records]
        return values


async def test_acknowledged_records_survive_the_crash_of_a_broker(tmp_path: Path) -> None:
    with ApacheKafka(tmp_path / "kafka", brokers=3) as kafka:
        leader = await _made_topic(kafka.bootstrap)
        await _produce(kafka.bootstrap, 0)

        kafka.kill(leader)
        await _produce(kafka.bootstrap, RECORDS)
        kafka.restart(leader)

        assert await _read(kafka.bootstrap, 2 * RECORDS) == [b"%d" % number for number in range(2 * RECORDS)]
