"""The faust app as it is made for a worker."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import SOURCES
from streams.transport.agents import faust_app

OPTIONS = {"bootstrap_servers": "127.0.0.1:9092", "security_protocol": "PLAINTEXT"}


async def _nothing(_: Any) -> None:
    """Takes a slice in."""


def test_a_worker_writes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = faust_app("test", OPTIONS, None, _nothing)  # type: ignore[arg-type]
    asyncio.run(app.on_first_start())
    assert list(tmp_path.iterdir()) == []


async def test_each_source_topic_has_an_agent() -> None:
    app = faust_app("test", OPTIONS, None, _nothing)  # type: ignore[arg-type]
    topics = {topic for agent in app.agents.values() for topic in agent.channel.topics}
    assert topics == set(SOURCES)
