"""A worker on the loopback that takes events, with an embedded broker of its own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics
from tests.workers import WorkerProcess

ENOUGH = 1_000_000
"""Events a second: no test is to wait for its rate."""


@contextmanager
def ingesting_worker(
    make_settings: Callable[..., Settings], stderr: IO[bytes] | None = None, **settings: object
) -> Iterator[WorkerProcess]:
    """Settings are the worker's, and ``stderr`` is where it logs; everything is gone afterwards."""
    with EmbeddedBroker() as broker:
        asyncio.run(create_topics(make_settings(broker=broker.bootstrap, app_id="citypulse")))
        with WorkerProcess(broker.bootstrap, stderr=stderr, ingest_rate=ENOUGH, **settings) as worker:
            yield worker
