"""A breach, for real: two workers, Prometheus, Alertmanager, a webhook receiver, and the alerts topic.

The worker that publishes alert events is killed in between.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from schemas.envelope import encode
from schemas.times import time_text
from schemas.topics import ALERT_FIRED, ALERT_RESOLVED, ALERTS, CANCELLED, EXECUTED, TRANSACTIONS
from streams.settings import Settings
from streams.transport.reading import read_partition
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.e2e.watching import GRAFANA, RUNBOOKS, Webhook, alertmanager, prometheus, query, until
from tests.rules.tools import ROOT
from tests.workers import WorkerProcess

NAME = "CityPulseCrossBorderVolumeHigh"
LABELS = {"exchange": "szdex", "currency": "CNY"}
TRADE = {
    "transaction_id": "tx-1", "exchange": "szdex", "product_type": "dataset", "amount": "90000000.00",
    "currency": "CNY", "cross_border": True,
}  # fmt: skip


@pytest.fixture
def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    made = make_settings(broker=fresh_broker.bootstrap, thresholds_file=str(ROOT / "deploy" / "thresholds.yaml"))
    asyncio.run(create_topics(made))
    return made


async def publish(settings: Settings, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(TRANSACTIONS, value, key=b"tx-1")
    finally:
        await producer.stop()


async def _alert_records(settings: Settings) -> list[tuple[int, bytes, dict[str, Any]]]:
    parts = [part async for part in read_partition(settings, ALERTS, 0)]
    return [(record.timestamp, record.key, orjson.loads(record.value)) for part in parts for record in part.records]


def alert_records(settings: Settings) -> list[tuple[int, bytes, dict[str, Any]]]:
    """(append time in ms, key, event) of the alerts topic."""
    return asyncio.run(_alert_records(settings))


def types(settings: Settings) -> list[str]:
    return [event["type"] for _, _, event in alert_records(settings)]


def owns(worker: WorkerProcess, prometheus_address: str) -> bool:
    """Whether a worker publishes alert events: that is the owner of the first partition of transactions."""
    instance = worker.url.removeprefix("http://")
    of = f'{{topic="{TRANSACTIONS}", partition="0", instance="{instance}"}}'
    return bool(query(prometheus_address, f"citypulse_partition_owned{of} == 1"))


def test_a_breach_is_told_once_with_its_links_and_ends_once_though_a_worker_is_killed(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def worker() -> WorkerProcess:
        return WorkerProcess(settings.broker, app_id=settings.app_id, thresholds_file=settings.thresholds_file)

    with (
        Webhook() as webhook,
        alertmanager(tmp_path, webhook.url) as alerts_to,
        worker() as first,
        worker() as second,
        prometheus(tmp_path, [each.url.removeprefix("http://") for each in (first, second)], alerts_to) as watching,
    ):
        until("both are complete", lambda: query(watching, "sum(citypulse_complete) == 2") or None)
        until("all is owned", lambda: query(watching, "count(citypulse_partition_owned == 1) == 12") or None)
        assert webhook.others("CityPulseWatchdog") == []
        assert types(settings) == []

        executed_at = time_text(time.time_ns() // 1000)
        asyncio.run(publish(settings, encode("/szdex", "1", EXECUTED, executed_at, TRADE)))
        appended = time.time()
        until("the event of the breach", lambda: types(settings) or None)
        told = until("the webhook of the breach", lambda: webhook.of(NAME) or None)

        ((published_ms, key, fired),) = alert_records(settings)
        event_ms, webhook_s = published_ms - appended * 1000, told[0][0] - appended
        with capsys.disabled():
            print(f"\nfrom the breach: alert event {event_ms:.0f} ms, webhook {webhook_s:.1f} s")
        assert (key, fired["type"]) == (NAME.encode(), ALERT_FIRED)
        assert fired["data"]["labels"] == LABELS
        assert (fired["data"]["value"], fired["data"]["limit"]) == ("90000000.00", "80210000")
        ((_, receiver, alert),) = told
        assert (receiver, alert["status"]) == ("working-hours", "firing")
        assert LABELS.items() <= alert["labels"].items()
        assert alert["annotations"]["runbook_url"] == f"{RUNBOOKS}/{NAME}.md"
        assert alert["annotations"]["dashboard_url"] == f"{GRAFANA}/d/citypulse-exchange"

        leader = until("one of them publishes", lambda: next((w for w in (first, second) if owns(w, watching)), None))
        other = second if leader is first else first
        leader.stop(signal.SIGKILL)
        until("the other one publishes", lambda: owns(other, watching) or None)
        until("it is complete", lambda: query(watching, "max(citypulse_complete) == 1") or None)
        assert types(settings) == [ALERT_FIRED]
        assert len(webhook.of(NAME)) == 1

        cancelled_at = time_text(time.time_ns() // 1000)
        cancelled = TRADE | {"executed_at": executed_at}
        asyncio.run(publish(settings, encode("/szdex", "2", CANCELLED, cancelled_at, cancelled)))
        until("the webhook of the end", lambda: webhook.of(NAME)[1:] or None)
        until("the event of the end", lambda: types(settings)[1:] or None)

        assert types(settings) == [ALERT_FIRED, ALERT_RESOLVED]
        resolved = alert_records(settings)[1][2]
        assert resolved["id"] != fired["id"]
        assert resolved["data"] == fired["data"] | {"value": "0.00"}
        assert [each[2]["status"] for each in webhook.of(NAME)] == ["firing", "resolved"]
        assert webhook.others("CityPulseWatchdog", NAME) == []
