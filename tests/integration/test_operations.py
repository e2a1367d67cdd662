"""What docs/operations.md says to do."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import NewPartitions

from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import connected_admin, create_topics
from tests.conftest import APACHE, Broker, Cli
from tests.hostile import event
from tests.reference.decode import Record
from tests.traffic import mixed
from tests.workers import WorkerProcess, load, load_all

END = datetime(2024, 8, 14, 7, 30, 5, tzinfo=UTC)


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap, clock="event", partitions=2)
    await create_topics(settings)
    return settings


def a_worker(settings: Settings, **given: object) -> WorkerProcess:
    return WorkerProcess(settings.broker, "--clock", "event", **{"app_id": settings.app_id, **given})  # type: ignore[arg-type]


def equal(cli: Cli, settings: Settings, worker: WorkerProcess, app_id: str = "", **environment: str) -> bool:
    """What ``citypulse verify`` says of it."""
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": app_id or settings.app_id}
    done = cli("verify", "--json", "--clock", "event", "--url", worker.url, env=env | environment)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    assert answer["workers"][0]["differences"] == []
    return bool(answer["equal"])


def transactions(first: int, count: int, partition: int) -> list[Record]:
    return [
        Record(TRANSACTIONS, partition, b"key", json.dumps(event(number)).encode(), [])
        for number in range(first, first + count)
    ]


if APACHE:  # the embedded broker cannot add partitions

    async def add_partitions(settings: Settings, count: int) -> None:
        """Returns when the broker tells of them: Kafka answers before it does."""
        async with connected_admin(settings) as admin:
            await admin.create_partitions({TRANSACTIONS: NewPartitions(count)})
            async with asyncio.timeout(60):
                while len((await admin.describe_topics([TRANSACTIONS]))[0]["partitions"]) < count:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def test_partitions_added_while_workers_run(settings: Settings, cli: Cli) -> None:
        before, after = transactions(0, 100, 0), transactions(100, 100, 3)
        await load(settings.broker, before)
        with a_worker(settings) as worker:
            worker.until_consumed(before)
            await add_partitions(settings, 4)
            assert (await create_topics(settings)).partitions[settings.state_topic] == 4
            await load(settings.broker, [*transactions(200, 10, 1), *after])
            worker.until_consumed([*before, *transactions(200, 10, 1)])
            assert equal(cli, settings, worker)
            assert worker.stop() == 0
        with a_worker(settings) as worker:
            totals = worker.until_consumed([*before, *after, *transactions(200, 10, 1)])
            assert totals["events"][TRANSACTIONS]["applied"] == 210
            assert equal(cli, settings, worker)


def test_counting_anew_under_another_id_also_in_another_time_zone(settings: Settings, cli: Cli, tmp_path: Path) -> None:
    records: Sequence[Record] = list(mixed(21, 2_000, end=END, partitions=2))
    load_all(settings.broker, records)
    elsewhere, anew = "Pacific/Auckland", f"{settings.app_id}-2"
    with a_worker(settings) as old:
        shown = numbers(old.until_consumed(records))
        with (tmp_path / "log").open("wb") as log:
            refused = a_worker(settings, stderr=log, time_zone=elsewhere)
            refused.launch()
            refused.process.wait(60)
            assert refused.stop() == 1
        assert "made with time zone Asia/Shanghai" in (tmp_path / "log").read_text()
        done = cli("topics", "create", env={"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": anew})
        assert re.search(rf"{anew}-state +\d partitions +created", done.stdout), done.stderr
        with a_worker(settings, app_id=anew, time_zone=elsewhere) as new:
            found = numbers(new.until_consumed(records))
            assert equal(cli, settings, new, anew, CITYPULSE_TIME_ZONE=elsewhere)
    for series in (*found["series"], *shown["series"]):
        del series["to_date"]  # days begin elsewhere at other times
    assert found == shown


def numbers(totals: dict[str, Any]) -> dict[str, Any]:
    """Series come in the order in which a worker met them: partitions are read side by side."""
    series = sorted(totals["series"], key=lambda row: json.dumps(row, sort_keys=True))
    return {"series": series} | {name: totals[name] for name in ("events", "dead_letters", "clock")}


def check(cli: Cli, settings: Settings) -> tuple[int, dict[str, dict[str, str]]]:
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id}
    done = cli("check", "--json", env=env)
    answer = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0)
    return done.returncode, {found["name"]: found for found in answer["checks"]}


def test_check_of_a_cluster_that_is_as_it_should_be(settings: Settings, cli: Cli) -> None:
    code, found = check(cli, settings)
    assert code == 0
    assert "is empty" in found["state"]["detail"]
    with a_worker(settings) as worker:
        worker.until(lambda answer: answer["complete"])
        code, found = check(cli, settings)
    assert code == 0
    assert {name: finding["status"] for name, finding in found.items()} == {
        "settings": "ok",
        "broker": "ok",
        "rights": "ok" if APACHE else "warning",
        "topics": "ok",
        "state": "ok",
        "clock": "ok",
    }
    assert not APACHE or "4.0 or later" in found["broker"]["detail"]
    assert "has format 1" in found["state"]["detail"]
    assert "the newest checkpoint is from" in found["clock"]["detail"]


def test_check_says_what_is_missing(make_settings: Callable[..., Settings], fresh_broker: Broker, cli: Cli) -> None:
    code, found = check(cli, make_settings(broker=fresh_broker.bootstrap))
    assert (code, found["topics"]["status"]) == (1, "failed")
    assert "citypulse topics create" in found["topics"]["advice"]


def test_check_without_a_broker(make_settings: Callable[..., Settings], cli: Cli) -> None:
    code, found = check(cli, make_settings(broker="127.0.0.1:1"))
    assert (code, list(found), found["broker"]["status"]) == (1, ["settings", "broker"], "failed")
