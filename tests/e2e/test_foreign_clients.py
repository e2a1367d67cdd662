"""Clients that are not ours publish, in both modes of the Kafka binding, and a worker counts every event.

kcat is librdkafka on a command line; the CloudEvents SDK makes the messages that aiokafka then sends.
"""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from schemas.topics import EXECUTED, INFRASTRUCTURE, SURVEYED, TRANSACTIONS
from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.hostile import event
from tests.workers import WorkerProcess

NOW = datetime.now(UTC)


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap)
    await create_topics(settings)
    return settings


@pytest.fixture
def worker(settings: Settings) -> Iterator[WorkerProcess]:
    with WorkerProcess(settings.broker, app_id=settings.app_id) as worker:
        yield worker


def counted(worker: WorkerProcess, records: int) -> dict[str, int]:
    """The outcomes of all topics, when as many records have been counted."""
    totals = worker.until(
        lambda answer: sum(sum(topic.values()) for topic in answer["events"].values()) >= records,
    )
    outcomes: dict[str, int] = {}
    for topic in totals["events"].values():
        for outcome, count in topic.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + count
    return {outcome: count for outcome, count in outcomes.items() if count}


def kcat_program() -> str:
    program = shutil.which("kcat")
    assert program is not None, "kcat is missing (on Debian: apt-get install kcat)"
    return program


def kcat(settings: Settings, value: bytes, key: str, *headers: str) -> None:
    arguments = [part for header in headers for part in ("-H", header)]
    done = subprocess.run(
        [kcat_program(), "-P", "-b", settings.broker, "-t", TRANSACTIONS, "-k", key, *arguments],
        input=value, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_kcat_publishes_both_modes(settings: Settings, worker: WorkerProcess) -> None:
    structured = event(1, time=NOW.isoformat())
    kcat(settings, json.dumps(structured).encode(), "tx-1")
    kcat(settings, json.dumps(structured).encode(), "tx-1", "content-type=application/cloudevents+json; charset=UTF-8")
    binary = event(2, time=NOW.isoformat())
    attributes = [f"ce_{name}={text}" for name, text in binary.items() if name != "data"]
    data = json.dumps(binary["data"]).encode()
    kcat(settings, data, "tx-2", *attributes, "content-type=application/json")
    kcat(settings, data, "tx-2", *attributes)
    kcat(settings, data, "tx-3")
    assert counted(worker, 5) == {"applied": 2, "duplicate": 2, "rejected": 1}
    totals = worker.get("/api/v1/totals")
    assert [row["gross"] for row in totals["series"]] == ["25.00"]
    assert totals["dead_letters"][TRANSACTIONS]["not_cloudevent"] == 1


def made(number: int, type_: str, data: Any, key: str) -> CloudEvent:
    attributes = {
        "id": f"sdk-{number}", "source": "/synthetic/sdk", "type": type_, "specversion": "1.0", "time": NOW,
        "datacontenttype": "application/json", "partitionkey": key, "subject": "synthetic",
    }  # fmt: skip
    return CloudEvent(attributes=attributes, data=data)


async def send(settings: Settings, topic: str, messages: list[KafkaMessage]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.broker) as producer:
        for message in messages:
            assert isinstance(message.key, str)
            headers = list(message.headers.items())
            await producer.send_and_wait(topic, message.value, key=message.key.encode(), headers=headers)


async def test_the_cloudevents_sdk_publishes_both_modes(settings: Settings, worker: WorkerProcess) -> None:
    trade = made(1, EXECUTED, event(1)["data"], "tx-1")
    survey = made(2, SURVEYED, {"asset_type": "rack", "area": "110108", "count": 7}, "rack:110108")
    json_ = JSONFormat()
    await send(settings, TRANSACTIONS, [to_structured(trade, json_), to_binary(trade, json_)])
    await send(settings, INFRASTRUCTURE, [to_binary(survey, json_), to_structured(survey, json_)])
    assert counted(worker, 4) == {"applied": 2, "duplicate": 2}, "the two modes of one event are the same event"
    assert [row["gross"] for row in worker.get("/api/v1/totals")["series"]] == ["12.50"]
    assert [row["count"] for row in worker.get("/api/v1/infrastructure")["reported"]] == [7]


@pytest.mark.parametrize("options", ["", "-X api.version.request=false -X broker.version.fallback=0.9.0"])
def test_kcat_and_the_embedded_broker_are_as_the_docs_say(options: str) -> None:
    """librdkafka since 2.2.0 publishes to it, an older one does not."""
    said = subprocess.run([kcat_program(), "-V"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"librdkafka (\d+)\.(\d+)", said)
    assert version is not None
    with EmbeddedBroker() as broker:
        asyncio.run(create_topics(Settings(broker=broker.bootstrap)))
        command = [kcat_program(), "-P", "-b", broker.bootstrap, "-t", TRANSACTIONS, *options.split()]
        done = subprocess.run(command, input=b"{}", capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) is (tuple(map(int, version.groups())) >= (2, 2)), done.stderr
    if done.returncode and not options:
        assert b"ApiVersionRequest failed" in done.stderr
