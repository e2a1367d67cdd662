"""``citypulse verify``: equal after mixed traffic by either clock, and what is wrong is found and named."""

import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import streams.cli.verify
from schemas.topics import TRANSACTIONS
from streams.cli.verify import verify
from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.transport.reading import RecordsGoneError
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker, Cli
from tests.reference.decode import EPOCH, Record
from tests.traffic import mixed
from tests.workers import WorkerProcess, load, load_all

EVENTS = 6_000
END = datetime(2024, 8, 14, 7, 30, 5, tzinfo=UTC)

Verify = Callable[..., tuple[int, dict[str, Any]]]
Spoil = Callable[[dict[str, Any]], object]


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap, clock="event")
    await create_topics(settings)
    return settings


@pytest.fixture
def verified(settings: Settings, cli: Cli) -> Verify:
    """Exit code and answer of ``citypulse verify --json``."""

    def run(*arguments: str, **env: str) -> tuple[int, dict[str, Any]]:
        env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id, **env}
        done = cli("verify", "--json", *arguments, env=env)
        assert done.stdout, done.stderr
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return done.returncode, answer

    return run


def test_two_workers_by_the_event_clock(settings: Settings, verified: Verify) -> None:
    records = list(mixed(11, EVENTS, end=END))
    load_all(settings.broker, records)
    arguments = (settings.broker, "--clock", "event")
    with (
        WorkerProcess(*arguments, app_id=settings.app_id) as one,
        WorkerProcess(*arguments, app_id=settings.app_id) as two,
    ):
        one.until_consumed(records)
        two.until_consumed(records)
        code, answer = verified("--clock", "event", "--url", one.url, "--url", two.url)
    assert [worker["differences"] for worker in answer["workers"]] == [[], []]
    assert (code, answer["equal"]) == (0, True)
    assert [worker["compared"]["records"] for worker in answer["workers"]] == [len(records)] * 2
    assert [worker["url"] for worker in answer["workers"]] == [one.url, two.url]
    assert sum(part["next_offset"] for part in answer["workers"][0]["offsets"]) == len(records)


def test_by_the_wall_clock_beside_live_traffic(settings: Settings, verified: Verify) -> None:
    records = list(mixed(12, EVENTS, end=EPOCH + timedelta(microseconds=wall_us())))
    half = len(records) // 2
    load_all(settings.broker, records[:half])
    with WorkerProcess(settings.broker, app_id=settings.app_id, series_budget=20, dedupe_horizon=300) as worker:
        worker.until_consumed(records[:half])
        publishing = threading.Thread(target=load_all, args=(settings.broker, records[half:]))
        publishing.start()
        rules = {"CITYPULSE_SERIES_BUDGET": "20", "CITYPULSE_DEDUPE_HORIZON": "300"}
        code, answer = verified("--url", worker.url, **rules)
        publishing.join()
        after = worker.until_consumed(records)
        code_after, answer_after = verified("--url", worker.url, **rules)
        other_rules, _ = verified("--url", worker.url)
    assert [answer["workers"][0]["differences"], answer_after["workers"][0]["differences"]] == [[], []]
    assert (code, code_after) == (0, 0)
    assert after["folded"] > 0
    assert other_rules == 1, "a budget and a horizon that the worker does not have must not give its numbers"


async def test_what_was_too_early_once_stays_refused_when_its_time_has_come(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = list(mixed(13, 2_000, end=END))
    await load(settings.broker, records)
    with WorkerProcess(settings.broker, "--clock", "event", app_id=settings.app_id) as worker:
        totals = worker.until_consumed(records)
        assert totals["dead_letters"][TRANSACTIONS]["from_the_future"] > 0
        monkeypatch.setattr(streams.cli.verify, "wall_us", lambda: wall_us() + 200 * 365 * 86_400_000_000)
        (verdict,) = await verify(settings, [worker.url])
    assert verdict.differences == []


@asynccontextmanager
async def answering(worker: WorkerProcess, resource: str, spoil: Spoil) -> AsyncIterator[str]:
    """The address of a server that answers as a worker does, but for one answer."""

    async def answer(request: web.Request) -> web.Response:
        async with aiohttp.ClientSession() as session, session.get(worker.url + request.path) as response:
            body = await response.json()
        if request.path.endswith(resource):
            spoil(body)
        return web.json_response(body)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _a_cent_less(totals: dict[str, Any]) -> None:
    row = next(row for row in totals["series"] if row["currency"] == "CNY" and row["rolling"]["24h"] != "0.00")
    row["rolling"]["24h"] = row["rolling"]["24h"][:-1] + str((int(row["rolling"]["24h"][-1]) + 9) % 10)


def _one_record_further(totals: dict[str, Any]) -> None:
    part = max(totals["partitions"], key=lambda part: part["next_offset"])
    part["next_offset"] -= 1


SPOILT: dict[str, tuple[str, Spoil, str]] = {
    "a cent": ("/totals", _a_cent_less, "rolling 24h: expected"),
    "a record counted that is not named": ("/totals", _one_record_further, "events citypulse.transactions.v1"),
    "a lost outcome": ("/totals", lambda totals: totals["events"][TRANSACTIONS].update(duplicate=0), "duplicate"),
    "a lost asset": ("/infrastructure", lambda answer: answer["assets"].pop(), "assets "),
    "a figure": ("/indicators", lambda answer: answer["current"].pop(), "current "),
}


async def test_what_is_wrong_is_found_and_named(settings: Settings) -> None:
    records = list(mixed(14, 3_000, end=END))
    await load(settings.broker, records)
    with WorkerProcess(settings.broker, "--clock", "event", app_id=settings.app_id) as worker:
        worker.until_consumed(records)
        for what, (resource, spoil, named) in SPOILT.items():
            async with answering(worker, resource, spoil) as url:
                right, wrong = await verify(settings, [worker.url, url])
            assert right.differences == [], what
            assert wrong.differences, what
            assert any(named in difference for difference in wrong.differences), (what, wrong.differences)


def test_no_worker_is_an_error(settings: Settings, cli: Cli) -> None:
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id}
    done = cli("verify", "--url", "http://127.0.0.1:1", env=env)
    assert done.returncode == 1
    assert "no worker answers at http://127.0.0.1:1" in done.stderr


async def test_records_that_are_not_there_are_an_error(settings: Settings) -> None:
    records = [Record(TRANSACTIONS, 0, None, b"{}", [])]
    await load(settings.broker, records)
    with WorkerProcess(settings.broker, "--clock", "event", app_id=settings.app_id) as worker:
        worker.until_consumed(records)

        def further(totals: dict[str, Any]) -> None:
            totals["partitions"][0]["next_offset"] = 7

        async with answering(worker, "/totals", further) as url:
            with pytest.raises(RecordsGoneError, match="ends at offset 1, but offsets up to 7 are counted"):
                await verify(settings, [url])
