"""The main job against the reference: every series of every window, total, count and indicator, to the last digit.

``CITYPULSE_TEST_EVENTS`` sets how many mixed events go through broker and worker.
"""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.transport.topic_admin import create_topics
from tests.compare import differences
from tests.conftest import Broker
from tests.reference.decode import Record
from tests.reference.totals import ReferenceTotals, compute
from tests.traffic import mixed
from tests.workers import WorkerProcess, load_all

EVENTS = int(os.environ.get("CITYPULSE_TEST_EVENTS", "20000"))
SHANGHAI = ZoneInfo("Asia/Shanghai")
ENDS = {
    "in mid-year": datetime(2024, 8, 14, 15, 30, 5, tzinfo=SHANGHAI),
    "a year begins": datetime(2024, 1, 1, 0, 0, 30, tzinfo=SHANGHAI),
}


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap, clock="event")
    await create_topics(settings)
    return settings


def reference(records: list[Record]) -> ReferenceTotals:
    return compute(records, wall_us=wall_us())


def compare(worker: WorkerProcess, records: list[Record]) -> list[str]:
    """What a worker that has consumed everything shows otherwise than the reference."""
    totals = worker.until_consumed(records)
    return differences(
        reference(records), totals, worker.get("/api/v1/infrastructure"), worker.get("/api/v1/indicators")
    )


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_one_worker(settings: Settings, end: datetime) -> None:
    records = list(mixed(7, EVENTS, end=end))
    load_all(settings.broker, records)
    with WorkerProcess(settings.broker, "--clock", "event", app_id=settings.app_id) as worker:
        assert compare(worker, records) == []
        assert worker.stop() == 0


def test_two_workers_of_which_one_is_stopped_and_started_again(settings: Settings) -> None:
    records = list(mixed(8, EVENTS, end=ENDS["in mid-year"]))
    third = len(records) // 3
    arguments = (settings.broker, "--clock", "event")
    with WorkerProcess(*arguments, app_id=settings.app_id) as first:
        with WorkerProcess(*arguments, app_id=settings.app_id) as second:
            load_all(settings.broker, records[:third])
            loading = threading.Thread(target=load_all, args=(settings.broker, records[third : 2 * third]))
            loading.start()
            first.until(lambda answer: sum(answer["events"]["citypulse.transactions.v1"].values()) > third // 2)
            assert second.stop() == 0
            loading.join()
        with WorkerProcess(*arguments, app_id=settings.app_id) as third_worker:
            load_all(settings.broker, records[2 * third :])
            assert compare(first, records) == []
            assert compare(third_worker, records) == []
            assert third_worker.stop() == 0
        assert first.stop() == 0
