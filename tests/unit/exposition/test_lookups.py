"""Look-ups over a real port of the loopback: one at a time, and every trouble is an answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from schemas.scalars import parse_time
from schemas.topics import TRANSACTIONS
from streams.aggregate.views import Snapshot
from streams.errors import BrokerUnreachable
from streams.exposition.api import create_app
from streams.exposition.ingest import Ingestion
from streams.exposition.lookups import Lookups, Row
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.server import HttpServer


class Topics:
    """Stands for Kafka: remembers what was asked, and fails or waits as told."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.fails: Exception | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.entered = asyncio.Event()

    async def trace(self, *arguments: Any) -> Row:
        self.entered.set()
        await self.goes_on.wait()
        if self.fails:
            raise self.fails
        self.asked.append(arguments)
        return {"outcome": "unknown"}

    async def letters(self, since_us: int | None, wanted: Callable[[str, str], bool]) -> list[Row]:
        self.asked.append((since_us, wanted(TRANSACTIONS, "not_json"), wanted(TRANSACTIONS, "too_large")))
        return [{"letter": "x"}]


class Client:
    def __init__(self, base: str, session: ClientSession) -> None:
        self._base = base
        self._session = session

    async def get(self, path: str, status: int = 200) -> tuple[ClientResponse, Any]:
        from yarl import URL  # noqa: PLC0415 - only here: the path is sent as it is

        response = await self._session.get(URL(self._base + path, encoded=True))
        assert response.status == status, await response.text()
        return response, await response.json(content_type=None)


@pytest.fixture
async def topics() -> Topics:
    return Topics()


@pytest.fixture
async def client(
    topics: Topics, snapshot: Snapshot, pipeline: PipelineMetrics, info: dict[str, str], ingestion: Ingestion
) -> AsyncIterator[Client]:
    app = create_app(
        snapshot=lambda: snapshot,
        pipeline=pipeline,
        thresholds=lambda _: (),
        info=info,
        ingestion=ingestion,
        lookups=Lookups(topics.trace, topics.letters, pipeline),
    )
    server = HttpServer(app)
    port = await server.start("127.0.0.1", 0)
    async with ClientSession() as session:
        yield Client(f"http://127.0.0.1:{port}", session)
    await server.stop()


async def test_slashes_of_source_and_id_are_percent_encoded(topics: Topics, client: Client) -> None:
    await client.get("/api/v1/events/%2Fbidex%2Fsettlement/a%2Fb%20%25%E4%BA%A4?since=2024-01-01T00:00:00Z&key=tx-1")
    await client.get("/api/v1/events/urn:bidex/7")
    since = parse_time("2024-01-01T00:00:00Z")
    assert topics.asked == [("/bidex/settlement", "a/b %交", since, "tx-1"), ("urn:bidex", "7", None, None)]
    await client.get("/api/v1/events/bidex/settlement/7", 404)


async def test_what_waits(topics: Topics, client: Client, pipeline: PipelineMetrics) -> None:
    _, answer = await client.get("/api/v1/dead-letters?reason=not_json")
    assert topics.asked == [(None, True, False)]
    assert answer["letters"] == [{"letter": "x"}]
    assert answer["waiting"][TRANSACTIONS]["not_json"] == 2
    assert answer["waiting"][TRANSACTIONS]["too_large"] == 0
    pipeline.waiting(None)
    _, answer = await client.get("/api/v1/dead-letters")
    assert answer["waiting"] is None


@pytest.mark.parametrize(
    "path",
    ["events/s/1?since=yesterday", "events/s/1?since=", "events/s/1?limit=3", "dead-letters?reason=odd",
     "dead-letters?topic=t", "dead-letters?key=k"],
)  # fmt: skip
async def test_a_query_that_makes_no_sense(client: Client, path: str) -> None:
    _, problem = await client.get(f"/api/v1/{path}", 400)
    assert problem["status"] == 400


async def test_one_at_a_time(topics: Topics, client: Client) -> None:
    topics.goes_on.clear()
    first = asyncio.create_task(client.get("/api/v1/events/s/1"))
    await topics.entered.wait()
    response, problem = await client.get("/api/v1/dead-letters", 503)
    assert (response.headers["Retry-After"], "one at a time" in problem["detail"]) == ("1", True)
    topics.goes_on.set()
    await first
    await client.get("/api/v1/events/s/1")


async def test_kafka_that_does_not_answer_is_no_bug(topics: Topics, client: Client) -> None:
    topics.fails = BrokerUnreachable("127.0.0.1:1")
    _, problem = await client.get("/api/v1/events/s/1", 503)
    assert problem["detail"] == "No Kafka broker answers at 127.0.0.1:1."


async def test_more_than_can_be_read_is_said(topics: Topics, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.exposition.lookups.SECONDS", 0.001)
    topics.goes_on.clear()
    _, problem = await client.get("/api/v1/events/s/1", 503)
    assert "later since" in problem["detail"]
