"""Events over HTTP into a worker with a broker: what is answered is what the topics hold, and what is counted."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from schemas.envelope import BATCH, JSON, STRUCTURED
from schemas.export.events import example
from schemas.topics import COMMISSIONED, EXECUTED, INFRASTRUCTURE, OBSERVED, TRANSACTIONS
from streams.publish.intake import DEADLINE_S
from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.workers import WorkerProcess

TRADE, RACK, FIGURE = (example("events", type_) for type_ in (EXECUTED, COMMISSIONED, OBSERVED))


def post(worker: WorkerProcess, body: Any, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON and headers of the answer."""
    request = urllib.request.Request(f"{worker.url}/api/v1/events", data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), dict(error.headers)


def structured(content_type: str = STRUCTURED) -> dict[str, str]:
    return {"Content-Type": content_type}


def binary(event: dict[str, Any]) -> dict[str, str]:
    attributes = {name: value for name, value in event.items() if name not in {"data", "datacontenttype"}}
    return {"Content-Type": JSON} | {f"ce-{name}": value for name, value in attributes.items()}


@pytest.fixture
async def worker(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> AsyncIterator[WorkerProcess]:
    await create_topics(make_settings(broker=fresh_broker.bootstrap, app_id="citypulse", partitions=1))
    with WorkerProcess(fresh_broker.bootstrap) as worker:
        yield worker


def test_what_is_answered_is_what_is_counted(worker: WorkerProcess) -> None:
    status, answer, _ = post(worker, TRADE, structured())
    assert (status, answer["events"]) == (
        200,
        [{"verdict": "accepted", "topic": TRANSACTIONS, "partition": 0, "offset": 0}],
    )
    status, answer, _ = post(worker, RACK["data"], binary(RACK))
    assert (status, answer["events"][0]["topic"], answer["events"][0]["offset"]) == (200, INFRASTRUCTURE, 0)
    bad = {**TRADE, "data": {**TRADE["data"], "amount": 1.5}}
    status, answer, _ = post(worker, [TRADE, bad, FIGURE], structured(BATCH))
    assert (status, answer["accepted"], answer["rejected"]) == (207, 2, 1)
    assert (answer["events"][1]["reason"], answer["events"][1]["field"]) == ("invalid_field", "data.amount")

    def counted(answer: Any) -> bool:
        return [sum(row["outcomes"].values()) for row in answer["topics"]] == [2, 1, 1]

    topics = worker.until(counted, "/api/v1/events")["topics"]
    assert topics[0]["outcomes"]["duplicate"] == 1
    assert sum(row["outcomes"]["rejected"] for row in topics) == 0
    with urllib.request.urlopen(f"{worker.url}/metrics", timeout=30) as response:
        text = response.read().decode()
    assert dict(re.findall(r'citypulse_ingested_events_total\{verdict="(\w+)"\} (\S+)', text)) == {
        "accepted": "4.0",
        "rejected": "1.0",
        "failed": "0.0",
    }


def test_nothing_of_a_bad_request_is_written(worker: WorkerProcess) -> None:
    for body, headers, wanted in (
        ({**TRADE, "type": "citypulse.imagined.v1"}, structured(), 400),
        ({"batch": [TRADE]}, structured(BATCH), 400),
        (TRADE, structured(JSON), 415),
        (TRADE, structured() | {"Content-Encoding": "gzip"}, 415),
        ({**TRADE, "padding": "x" * 65_536}, structured(), 413),
        ([TRADE] * 1_001, structured(BATCH), 413),
    ):
        status, answer, _ = post(worker, body, headers)
        assert (status, answer["status"]) == (wanted, wanted)
    status, answer, _ = post(worker, TRADE, structured())
    assert answer["events"][0]["offset"] == 0


async def test_a_broker_that_goes_away(make_settings: Callable[..., Settings]) -> None:
    with EmbeddedBroker() as broker:
        await create_topics(make_settings(broker=broker.bootstrap, app_id="citypulse"))
        with WorkerProcess(broker.bootstrap) as worker:
            broker.stop()
            began = time.monotonic()
            status, answer, headers = post(worker, [TRADE, {}, TRADE], structured(BATCH))
            assert time.monotonic() - began >= DEADLINE_S  # it was waited for
            assert (status, headers["Retry-After"]) == (503, "5")
            assert [row["verdict"] for row in answer["events"]] == ["failed", "rejected", "failed"]
            assert worker.get("/api/v1/events")["topics"]  # what was counted is still shown
