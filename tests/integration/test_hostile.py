"""Input that means harm, or looks like it: the worker neither stops nor stalls, and accounts for every record.

``CITYPULSE_TEST_LABELS`` sets how many distinct label values there are, ``CITYPULSE_TEST_KAFKA=apache`` adds what only
Apache Kafka has: transactions.
"""

import base64
import json
import os
import re
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from schemas.topics import DEAD_LETTERS, SPECS, TRANSACTIONS
from streams.cli.verify import verify
from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.transport.reading import read_partition
from streams.transport.topic_admin import connected_admin, create_topics
from streams.verify.compare import differences
from streams.verify.reference.decode import DEFAULTS
from streams.verify.reference.totals import Recount
from tests.conftest import APACHE, Broker
from tests.hostile import CODECS, MIB, VALUES, Hostile, event, send
from tests.reference.decode import Record, decode
from tests.workers import WorkerProcess

LABELS = int(os.environ.get("CITYPULSE_TEST_LABELS", "20000"))
SERIES_BUDGET = 500
A_BATCH = 200
PARTITIONS = 2

GROWTH_MIB = 150
"""How much memory a worker may need beyond what it had with nothing to do; 50 are usual."""


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    made = make_settings(
        broker=fresh_broker.bootstrap, clock="event", partitions=PARTITIONS, series_budget=SERIES_BUDGET
    )
    if APACHE:  # by default it refuses records that claim to be of the future; many clusters are older, or allow them
        configs = SPECS[TRANSACTIONS].config | {"message.timestamp.after.max.ms": str((1 << 63) - 1)}
        async with connected_admin(made) as admin:
            await admin.create_topics([NewTopic(TRANSACTIONS, PARTITIONS, 1, topic_configs=configs)])
    await create_topics(made)
    return made


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, acks="all", max_request_size=8 * MIB)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def a_worker(settings: Settings) -> WorkerProcess:
    return WorkerProcess(
        settings.broker, "--clock", "event", app_id=settings.app_id, series_budget=settings.series_budget
    )


def memory_mib(worker: WorkerProcess, line: str) -> int:
    """``VmRSS``: what a worker has now; ``VmHWM``: the most that it ever had."""
    assert worker.process is not None
    found = re.search(rf"{line}:\s+(\d+) kB", Path(f"/proc/{worker.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


def metrics(worker: WorkerProcess) -> str:
    with urllib.request.urlopen(f"{worker.url}/metrics", timeout=30) as response:
        text: bytes = response.read()
    return text.decode()


def judge(settings: Settings, worker: WorkerProcess, records: Sequence[Record]) -> dict[str, Any]:
    """Waits until all are consumed and compares with the reference; gives the totals."""
    totals = worker.until_consumed(records)
    rules = DEFAULTS._replace(series_budget=settings.series_budget)
    counted = Recount(wall_us(), event_clock=True, rules=rules)
    for record in records:
        counted.take(record)
    infrastructure, indicators = worker.get("/api/v1/infrastructure"), worker.get("/api/v1/indicators")
    assert differences(counted.at(None), totals, infrastructure, indicators) == []
    assert sum(totals["events"][TRANSACTIONS].values()) == len(records)
    assert worker.process is not None
    assert worker.process.poll() is None
    assert isinstance(totals, dict)
    return totals


async def dead_letters(settings: Settings) -> dict[tuple[int, int], dict[str, Any]]:
    """By partition and offset of the record."""
    letters = {}
    for partition in range(PARTITIONS):
        async for part in read_partition(settings, DEAD_LETTERS, partition):
            for record in part.records:
                letter = json.loads(record.value)
                assert record.key == f"{letter['topic']}:{letter['partition']}".encode()
                letters[letter["partition"], letter["offset"]] = letter
    return letters


def check_letters(letters: dict[tuple[int, int], dict[str, Any]], records: Sequence[Record]) -> None:
    """Each refused record has a letter with its reason and every byte of it, and no other record has one."""
    refused, offsets = {}, [0] * PARTITIONS
    for record in records:
        reason = decode(record, wall_us())
        if isinstance(reason, str):
            refused[record.partition, offsets[record.partition]] = (reason, record)
        offsets[record.partition] += 1
    assert letters.keys() == refused.keys()
    for place, (reason, record) in refused.items():
        letter = letters[place]
        assert (letter["topic"], letter["reason"]) == (TRANSACTIONS, reason)
        size = len(record.value or b"")
        if size > SPECS[DEAD_LETTERS].max_message_bytes:  # a compressed batch may hold larger ones than any topic
            assert letter["value_bytes"] == size
        else:
            assert _bytes(letter["value_base64"]) == record.value
            assert _bytes(letter["key_base64"]) == record.key
            assert [(name, _bytes(text)) for name, text in letter["headers"]] == list(record.headers)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


async def test_every_kind_of_broken_record(settings: Settings, producer: AIOKafkaProducer) -> None:
    records = []
    with a_worker(settings) as worker:
        before = memory_mib(worker, "VmRSS")
        for number, hostile in enumerate(VALUES.values()):
            partition = number % PARTITIONS
            await send(producer, partition, [hostile])
            records.append(hostile.record(partition))
        judge(settings, worker, records)
        good = [Hostile(json.dumps(event(1_000 + n)).encode()) for n in range(100)]
        await send(producer, 0, good)
        records += [hostile.record(0) for hostile in good]
        totals = judge(settings, worker, records)
        assert totals["events"][TRANSACTIONS]["applied"] > 100
        check_letters(await dead_letters(settings), records)
        assert memory_mib(worker, "VmHWM") < before + GROWTH_MIB
        check_waits(worker)
        assert worker.stop() == 0


def check_waits(worker: WorkerProcess) -> None:
    """Records that claim to be of 1970 or 2200 say nothing about the wait for an event."""
    sums = re.findall(r"^citypulse_event_visible_seconds_sum\S* (\S+)$", metrics(worker), re.MULTILINE)
    assert len(sums) == 3
    assert all(0 <= float(total) < 3_600 * len(VALUES) for total in sums), sums


@pytest.mark.parametrize("codec", CODECS)
async def test_batches_of_every_codec(settings: Settings, producer: AIOKafkaProducer, codec: str) -> None:
    """Also what is small on the way and large when it is unpacked."""
    small = [hostile for hostile in VALUES.values() if len(hostile.value or b"") + len(hostile.key or b"") < 4096]
    large = [Hostile(b"\x00" * MIB) for _ in range(12)] + [Hostile(b"\x00" * 3 * MIB)]
    good = [Hostile(json.dumps(event(2_000 + n)).encode()) for n in range(500)]
    batches = [good[:250], small, *([] if codec == "none" else [large]), good[250:]]
    with a_worker(settings) as worker:
        before = memory_mib(worker, "VmRSS")
        for batch in batches:
            await send(producer, 1, batch, codec)
        records = [hostile.record(1) for batch in batches for hostile in batch]
        judge(settings, worker, records)
        check_letters(await dead_letters(settings), records)
        assert memory_mib(worker, "VmHWM") < before + GROWTH_MIB
        assert worker.stop() == 0


async def test_label_values_without_end(settings: Settings, producer: AIOKafkaProducer) -> None:
    """Beyond the budget they fold into one series; the sums stay right and the metric says how many there were."""
    records = []
    with a_worker(settings) as worker:
        before = memory_mib(worker, "VmRSS")
        for first in range(0, LABELS, A_BATCH):
            batch = [_of_exchange(number) for number in range(first, min(LABELS, first + A_BATCH))]
            partition = first // A_BATCH % PARTITIONS
            await send(producer, partition, batch)
            records += [hostile.record(partition) for hostile in batch]
        totals = judge(settings, worker, records)
        folded = LABELS - PARTITIONS * SERIES_BUDGET
        assert totals["folded"] == folded
        assert len(totals["series"]) == PARTITIONS * SERIES_BUDGET + 1
        assert next(row["executed"] for row in totals["series"] if row["exchange"] == "other") == folded
        metric = r"^citypulse_series_folded_total\S* (\S+)$"
        (shown,) = re.findall(metric, metrics(worker), re.MULTILINE)
        assert float(shown) == folded
        assert memory_mib(worker, "VmHWM") < before + GROWTH_MIB
        assert worker.stop() == 0


def _of_exchange(number: int) -> Hostile:
    data = json.dumps(event(number)).replace('"bidex"', f'"exchange-{number}"')
    return Hostile(data.encode())


if APACHE:

    async def test_what_a_transaction_took_back_never_counts(settings: Settings) -> None:
        """Aborted and committed transactions in one partition."""
        records: list[Record] = []
        with a_worker(settings) as worker:
            for number, ends in enumerate(("commit", "abort", "commit", "abort", "abort", "commit", "abort")):
                sent = [Hostile(json.dumps(event(3_000 + 10 * number + n)).encode()) for n in range(9)]
                sent.append(Hostile(b"{"))
                await _transaction(settings, sent, ends)
                records += [hostile.record(0) for hostile in sent] if ends == "commit" else []
            judge(settings, worker, records)
            last = worker.until(lambda answer: answer["partitions"][0]["lag"] == 0)
            assert last["partitions"][0]["next_offset"] > len(records)
            assert len(await dead_letters(settings)) == 3
            (verdict,) = await verify(settings, [worker.url])
            assert verdict.differences == []
            assert worker.stop() == 0

    async def _transaction(settings: Settings, sent: Sequence[Hostile], ends: str) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=settings.broker, transactional_id="hostile", acks="all")
        await producer.start()
        try:
            await producer.begin_transaction()
            for hostile in sent:
                await producer.send(TRANSACTIONS, hostile.value, key=hostile.key, partition=0)
            await producer.flush()
            await (producer.commit_transaction() if ends == "commit" else producer.abort_transaction())
        finally:
            await producer.stop()
