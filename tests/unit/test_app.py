"""The wiring of a worker, as far as it can be tested without a broker."""

import asyncio
import logging
from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession

import streams.app
from schemas.topics import TRANSACTIONS
from streams.app import Worker
from streams.cli.worker import addresses
from streams.ports import web_address
from streams.settings import Settings


class FakeBoard:
    """A board that counts ten records a second, all refused until some moment."""

    def __init__(self, refused_until: float) -> None:
        self._until = refused_until
        self.now = 0.0

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    def counts(self) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
        rejected = int(10 * min(self.now, self._until))
        return {(TRANSACTIONS, "applied"): int(10 * self.now) - rejected, (TRANSACTIONS, "rejected"): rejected}, {}

    def reasons(self, now: float) -> tuple[str, ...]:
        return ()


async def test_mostly_refused_is_logged_once_and_makes_the_worker_not_ready_as_long_as_it_lasts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    board = FakeBoard(refused_until=100.0)
    worker = Worker(Settings())
    monkeypatch.setattr(worker, "_board", board, raising=False)
    monkeypatch.setattr(streams.app, "monotonic", board.tick)
    monkeypatch.setattr(streams.app, "WATCH_EVERY", 0)
    monkeypatch.setattr(worker, "_tail", SimpleNamespace(heard=1e9), raising=False)
    alarms = {}
    with caplog.at_level(logging.WARNING, "streams.app"):
        watching = asyncio.create_task(worker._watch())
        while board.now < 200:
            await asyncio.sleep(0)
            alarms[board.now] = worker._pipeline.alarms
        watching.cancel()
    first, last = min(now for now in alarms if alarms[now]), max(now for now in alarms if alarms[now])
    assert (first, last) == (61.0, 129.0)  # 60 s after the first look; while more than half of a minute is before 100
    assert [(record.levelname, record.message.split(" records")[0]) for record in caplog.records] == [
        ("ERROR", "not ready: 600 of the 600"),
        ("WARNING", f"{TRANSACTIONS} is no longer mostly refused"),
    ]
    assert worker._pipeline.dead_letter_shares[TRANSACTIONS] == 0.0


@pytest.mark.parametrize(
    ("host", "opened", "said"),
    [
        ("0.0.0.0", "http://localhost:", ["it listens on all addresses of this machine (0.0.0.0)"]),
        ("127.0.0.1", "http://127.0.0.1:", []),
    ],
)
async def test_a_person_can_open_the_address_that_is_printed(
    monkeypatch: pytest.MonkeyPatch, host: str, opened: str, said: list[str]
) -> None:
    worker = Worker(Settings(http_host=host, http_port=0))
    monkeypatch.setattr(worker, "_publisher", None, raising=False)
    async with AsyncExitStack() as stack:
        url = await worker._start_http(stack)
        assert url.startswith(opened)
        async with ClientSession() as session, session.get(f"{url}/healthz") as answer:
            assert await answer.text() == "ok\n"
    assert addresses(url, host) == [
        f"page    {url}/", f"metrics {url}/metrics", f"totals  {url}/api/v1/totals", *said,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "url"), [("::", "http://localhost:1"), ("::1", "http://[::1]:1"), ("city", "http://city:1")]
)
def test_an_address_of_any_kind(host: str, url: str) -> None:
    assert web_address(host, 1) == url
