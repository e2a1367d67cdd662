"""The consumer's thread ends, whatever its client does."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streams.transport.consumer import SliceThread


class _Client:
    """As aiokafka's when its broker is away: its end is that of a fetch which it has cancelled."""

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        fetch = asyncio.create_task(asyncio.sleep(60))
        fetch.cancel()
        await fetch


async def test_a_client_that_cannot_be_closed_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    conf = SimpleNamespace(
        producer_partitioner=None, stream_processing_timeout=1, broker_commit_livelock_soft_timeout=1
    )
    app = SimpleNamespace(conf=conf)
    consumer: Any = SimpleNamespace(app=app, transport=SimpleNamespace(app=app), RebalanceListener=lambda _: None)
    monkeypatch.setattr(SliceThread, "_create_consumer", lambda *_args, **_options: _Client())
    thread = SliceThread(consumer)
    await thread.start()
    async with asyncio.timeout(20):  # a third of what faust would wait
        await thread.stop()
