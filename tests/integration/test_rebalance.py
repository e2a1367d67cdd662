"""What each worker says of partitions that move: robinhood/faust issue 610 and kpn/kstreams issue 15.

There a worker goes on showing the partitions that it had, so that a sum over workers counts them twice and their lag
stands still for ever.
"""

import signal
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import SOURCES, TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.hostile import event
from tests.reference.decode import Record
from tests.workers import WorkerProcess, load_all

PARTITIONS = 2
Samples = dict[tuple[str, str, str], float]
"""Metric, topic, partition -> value."""


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    made = make_settings(broker=fresh_broker.bootstrap, partitions=PARTITIONS)
    await create_topics(made)
    return made


def samples(worker: WorkerProcess) -> Samples:
    """What a worker says of partitions."""
    with urllib.request.urlopen(worker.url + "/metrics", timeout=30) as response:
        families = text_string_to_metric_families(response.read().decode())
    return {
        (sample.name, sample.labels["topic"], sample.labels["partition"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("citypulse_partition_")
    }


def owners(*workers: WorkerProcess) -> Counter[int]:
    """How many partitions have how many owners, by the sum over workers."""
    shown = [samples(worker) for worker in workers]
    places = [(topic, str(number)) for topic in SOURCES for number in range(PARTITIONS)]
    return Counter(int(sum(each["citypulse_partition_owned", *place] for each in shown)) for place in places)


def at(second: int) -> datetime:
    return datetime(2024, 8, 14, 7, 30, second, tzinfo=UTC)


def publish(settings: Settings, second: int) -> list[Record]:
    """One transaction of that second in each partition."""
    made = [
        Record(TRANSACTIONS, number, b"key", event_of(f"{second}-{number}", at(second)), [])
        for number in range(PARTITIONS)
    ]
    load_all(settings.broker, made)
    return made


def event_of(name: str, time: datetime) -> bytes:
    return orjson.dumps(event(0, id=name, time=time.isoformat()))


def test_a_partition_that_moves_is_owned_once_and_its_numbers_go_on_everywhere(settings: Settings) -> None:
    whole = Counter({1: PARTITIONS * len(SOURCES)})
    with WorkerProcess(settings.broker, app_id=settings.app_id) as first:
        records = publish(settings, 1)
        first.until_consumed(records)
        assert owners(first) == whole
        with WorkerProcess(settings.broker, app_id=settings.app_id) as second:
            second.until(lambda _: owners(second)[1] > 0)
            second.until(lambda _: owners(first, second) == whole)
            records += publish(settings, 2)
            for worker in (first, second):
                worker.until_consumed(records)
                shown = samples(worker)
                for number in map(str, range(PARTITIONS)):
                    assert shown["citypulse_partition_lag", TRANSACTIONS, number] == 0
                    watermark = shown["citypulse_partition_watermark_timestamp_seconds", TRANSACTIONS, number]
                    assert watermark == at(2).timestamp()
            second.stop(signal.SIGKILL)
        first.until(lambda _: owners(first) == whole)
