"""The wiring of a worker, as far as it can be tested without a broker."""

import asyncio
import logging
from types import SimpleNamespace

import pytest

import streams.app
from schemas.topics import TRANSACTIONS
from streams.app import Worker
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
