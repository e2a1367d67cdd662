"""Thresholds over restarts: nothing that a worker knew of a breach is lost with it."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.hostile import event
from tests.reference.decode import Record
from tests.workers import WorkerProcess, load_all

THRESHOLDS = """
thresholds:
  - {name: Waits, metric: citypulse_exchange_amount_net, op: ">", limit: "10", for: 1w, severity: info, summary: High.}
"""


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings], tmp_path: Path) -> Settings:
    path = tmp_path / "thresholds.yaml"
    path.write_text(THRESHOLDS)
    made = make_settings(broker=fresh_broker.bootstrap, partitions=1, thresholds_file=str(path))
    await create_topics(made)
    return made


def crossed(answer: Any) -> bool:
    """The threshold waits for its time."""
    (row,) = answer["thresholds"]
    return row["since"] is not None


def test_for_counts_on_when_all_workers_are_killed(settings: Settings) -> None:
    def worker() -> WorkerProcess:
        return WorkerProcess(settings.broker, app_id=settings.app_id, thresholds_file=settings.thresholds_file)

    records = [Record(TRANSACTIONS, 0, b"key", json.dumps(event(number)).encode(), []) for number in (1, 2)]
    with worker() as only:
        load_all(settings.broker, records[:1])
        before = only.until(crossed, "/api/v1/thresholds")
        load_all(settings.broker, records[1:])
        only.until_consumed(records)  # so this checkpoint was made after the threshold was judged
        only.stop(signal.SIGKILL)
    with worker() as leads, worker() as stands_by:
        for each in (leads, stands_by):
            each.until_consumed(records)
            after = each.until(crossed, "/api/v1/thresholds")
            assert after["thresholds"][0]["since"] == before["thresholds"][0]["since"]
