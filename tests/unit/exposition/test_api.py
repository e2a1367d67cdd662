"""The HTTP application over a real port of the loopback."""

import asyncio
import gzip
import itertools
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession, web
from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel

from schemas.topics import INFRASTRUCTURE, TRANSACTIONS
from streams.aggregate.views import Snapshot, ThresholdState
from streams.errors import PortTaken
from streams.exposition import models
from streams.exposition.api import create_app
from streams.exposition.ingest import Ingestion
from streams.exposition.lookups import EVENT_PATH, LETTERS_PATH
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.routes import EVENTS, ROUTES
from streams.exposition.server import HttpServer
from streams.exposition.stream import PATH as STREAM_PATH
from tests.lookups import no_lookups

LABELS = ("exchange", "product_type", "currency", "cross_border")
ADDRESSES = ("/", "/metrics", "/healthz", "/readyz", "/openapi.json", *(route.path for route in ROUTES))


class Worker:
    """A running server and a client of it; ``snapshot`` is what it shows."""

    def __init__(self, snapshot: Snapshot, base: str, session: ClientSession) -> None:
        self.snapshot = snapshot
        self.base = base
        self.session = session

    async def get(self, path: str, status: int = 200, headers: dict[str, str] | None = None) -> ClientResponse:
        response = await self.session.get(self.base + path, headers=headers)
        assert response.status == status, await response.text()
        await response.read()
        return response

    async def json(self, path: str, status: int = 200) -> Any:
        return await (await self.get(path, status)).json()


@pytest.fixture
async def worker(
    snapshot: Snapshot,
    pipeline: PipelineMetrics,
    states: tuple[ThresholdState, ...],
    info: dict[str, str],
    ingestion: Ingestion,
) -> AsyncIterator[Worker]:
    app = create_app(
        snapshot=lambda: running.snapshot,
        pipeline=pipeline,
        thresholds=lambda _: states,
        info=info,
        ingestion=ingestion,
        lookups=no_lookups(pipeline),
    )
    server = HttpServer(app)
    port = await server.start("127.0.0.1", 0)
    async with ClientSession(auto_decompress=False, headers={"Accept-Encoding": "identity"}) as session:
        running = Worker(snapshot, f"http://127.0.0.1:{port}", session)
        yield running
    await server.stop()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("complete", [True, False])
async def test_answers_are_what_their_models_say(worker: Worker, route: Any, complete: bool) -> None:
    worker.snapshot = replace(worker.snapshot, complete=complete, reasons=() if complete else ("reading the state",))
    model: type[BaseModel] = route.answer
    answer = model.model_validate_json(await (await worker.get(route.path)).read())
    assert answer.model_dump()["complete"] is complete
    assert answer.model_dump()["clock"] == "2023-11-24T01:30:00.250000Z"


async def test_totals(worker: Worker) -> None:
    totals = await worker.json("/api/v1/totals")
    assert totals["series"][1] == {
        "exchange": "bidex", "product_type": "spatial", "currency": "CNY", "cross_border": False,
        "gross": "2650000.00", "cancelled": "0.10", "net": "2649999.90", "executed": 3, "cancelled_count": 1,
        "rolling": {"1m": "0.05", "5m": "0.05", "1h": "0.07", "24h": "-0.10", "7d": "2649999.90", "30d": "2649999.90"},
        "to_date": {"day": "0.01", "month": "0.02", "quarter": "0.03", "year": "2649999.90"},
    }  # fmt: skip
    assert totals["series"][0]["gross"] == "12345678901234567"
    assert totals["series"][2]["rolling"]["30d"] == "0.001"
    assert totals["partitions"][0] == {
        "topic": TRANSACTIONS, "partition": 0, "next_offset": 5, "end_offset": 7, "lag": 2,
        "watermark": "2023-11-24T01:30:00.250000Z", "owner": "worker-a", "owner_live": True,
    }  # fmt: skip
    assert totals["partitions"][1]["watermark"] is None
    assert totals["events"][TRANSACTIONS] == {"applied": 4, "late": 0, "duplicate": 0, "rejected": 1}
    assert totals["dead_letters"][TRANSACTIONS]["not_json"] == 1
    assert totals["dead_letters"][INFRASTRUCTURE]["too_large"] == 0
    assert totals["folded"] == 1


async def test_series_are_in_the_order_of_their_labels(worker: Worker) -> None:
    labels: list[tuple[Any, ...]] = list(itertools.product("ab", ("api", "model"), ("CNY", "USD"), (False, True)))
    series = [replace(worker.snapshot.series[0], **dict(zip(LABELS, each, strict=True))) for each in labels]
    random.Random(1).shuffle(series)
    worker.snapshot = replace(worker.snapshot, series=tuple(series))
    rows = (await worker.json("/api/v1/totals"))["series"]
    assert [tuple(row[name] for name in LABELS) for row in rows] == labels


async def test_infrastructure(worker: Worker) -> None:
    answer = await worker.json("/api/v1/infrastructure")
    assert answer["assets"][0]["capacity"] == {"kW": "12.500000000000000001"}
    assert answer["reported"] == [
        {"asset_type": "base_station_5g", "area": "110000", "count": 104_000,
         "count_time": "2023-11-24T01:30:00.250000Z", "capacity": None, "capacity_time": None, "unit": ""},
        {"asset_type": "computing_cluster", "area": "X-BDA", "count": None, "count_time": None, "capacity": "3000",
         "capacity_time": "2023-11-24T01:30:00.250000Z", "unit": "PFLOPS"},
    ]  # fmt: skip


async def test_indicators(worker: Worker) -> None:
    answer = await worker.json("/api/v1/indicators")
    assert [figure["indicator"] for figure in answer["current"]] == [
        "core_industries_value_added",
        "digital_economy_share",
    ]
    assert [figure["value"] for figure in answer["figures"]] == ["822670000000", "0.443", "1406000000"]
    finding = answer["inconsistencies"][0]
    assert (finding["value"], finding["expected_low"], finding["expected_high"]) == (
        "1406000000",
        "1403700000000",
        None,
    )
    assert finding["hint"] == "off by 1000?"
    assert [finding["rule"] for finding in answer["warnings"]] == ["growth"]


async def test_thresholds(worker: Worker) -> None:
    answer = await worker.json("/api/v1/thresholds")
    assert answer["thresholds"] == [
        {"threshold": "RackUse", "severity": "warning", "breached": True, "labels": {"area": "110108"}, "value": "2",
         "limit": "1", "since": "2023-11-24T01:29:00.250000Z", "op": ">", "compare": "value",
         "summary": "Racks stand idle.", "summary_zh": "机柜空置", "runbook": "runbooks/CityPulsePueHigh.md",
         "beyond": 2, "others": [{"labels": {"area": "110105"}, "value": "1.50"}]},
        {"threshold": "NoSeries", "severity": "info", "breached": False, "labels": {}, "value": None, "limit": "100",
         "since": None, "op": "<", "compare": "age", "summary": "Nothing.", "summary_zh": "", "runbook": "",
         "beyond": 0, "others": []},
    ]  # fmt: skip


async def test_events_add_up(worker: Worker) -> None:
    topics = {row["topic"]: row for row in (await worker.json("/api/v1/events"))["topics"]}
    assert topics[TRANSACTIONS]["consumed"] == 5 == sum(topics[TRANSACTIONS]["next_offsets"].values())
    assert topics[TRANSACTIONS]["next_offsets"] == {"0": 5, "1": 0}
    assert topics[TRANSACTIONS]["dead_letters"]["not_json"] == 1
    assert all(row["consumed"] == sum(row["outcomes"].values()) for row in topics.values())


@pytest.mark.parametrize(
    ("path", "field", "count"),
    [
        ("totals?exchange=bidex", "series", 2),
        ("totals?exchange=bidex&exchange=other", "series", 3),
        ("totals?exchange=bidex&currency=CNY", "series", 1),
        ("totals?cross_border=true", "series", 2),
        ("totals?exchange=nobody", "series", 0),
        ("infrastructure?area=110108", "assets", 1),
        ("infrastructure?city=", "assets", 1),
        ("infrastructure?city=110000", "reported", 2),
        ("infrastructure?area=X-BDA", "reported", 1),
        ("indicators?indicator=digital_economy_share", "current", 1),
        ("indicators?indicator=digital_economy_share", "inconsistencies", 0),
        ("indicators?area=SG", "figures", 0),
        ("thresholds?severity=warning", "thresholds", 1),
        ("thresholds?threshold=NoSeries", "thresholds", 1),
        (f"events?topic={TRANSACTIONS}", "topics", 1),
    ],
)
async def test_filters(worker: Worker, path: str, field: str, count: int) -> None:
    assert len((await worker.json(f"/api/v1/{path}"))[field]) == count


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (
            "totals?area=110000",
            "unknown parameter 'area'; /api/v1/totals knows exchange, product_type, currency, cross_border",
        ),
        ("totals?cross_border=yes", "cross_border is true or false, not 'yes'"),
        ("thresholds?severity=fatal", "severity is critical or warning or info, not 'fatal'"),
    ],
)
async def test_a_wrong_query_is_explained(worker: Worker, path: str, detail: str) -> None:
    response = await worker.get(f"/api/v1/{path}", 400)
    assert response.content_type == "application/problem+json"
    problem = models.Problem.model_validate_json(await response.read())
    assert problem.detail == detail
    assert problem.status == 400


async def test_nothing_there_is_a_problem(worker: Worker) -> None:
    response = await worker.get("/api/v2/totals", 404)
    assert response.content_type == "application/problem+json"
    assert models.Problem.model_validate_json(await response.read()).title == "Not Found"


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_it_only_reads_but_for_events(worker: Worker, path: str, method: str) -> None:
    allowed = "GET, HEAD, POST" if path == EVENTS.path else "GET, HEAD"
    if method in allowed:
        return
    async with worker.session.request(method, worker.base + path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == allowed
        assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("path", [*ADDRESSES, "/nowhere"])
async def test_every_response_is_hardened(worker: Worker, path: str) -> None:
    response = await worker.get(
        path, 404 if path == "/nowhere" else 200, headers={"Origin": "http://elsewhere.example"}
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Server"] == "CityPulse"
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


async def test_a_bug_is_a_problem_that_tells_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker.snapshot = None  # type: ignore[assignment]
    response = await worker.get("/readyz", 500)
    assert response.content_type == "application/problem+json"
    assert b"NoneType" not in await response.read()
    assert "no answer to /readyz" in caplog.text


async def test_health_and_readiness(worker: Worker) -> None:
    assert await worker.json("/readyz") == {"ready": True, "reasons": []}
    worker.snapshot = replace(worker.snapshot, complete=False, reasons=("partition 3 is not read yet",))
    assert await worker.json("/readyz", 503) == {"ready": False, "reasons": ["partition 3 is not read yet"]}
    assert await (await worker.get("/healthz")).text() == "ok\n"


async def test_mostly_refused_is_not_ready_and_complete_all_the_same(worker: Worker, pipeline: PipelineMetrics) -> None:
    pipeline.refusals({"citypulse.transactions.v1": 0.75}, ("30 of the 40 records were refused",))
    assert await worker.json("/readyz", 503) == {"ready": False, "reasons": ["30 of the 40 records were refused"]}
    assert (await worker.json("/api/v1/totals"))["complete"] is True
    text = await (await worker.get("/metrics")).text()
    assert "citypulse_complete 1.0" in text
    assert 'citypulse_dead_letter_share{topic="citypulse.transactions.v1"} 0.75' in text


async def test_metrics_speak_both_formats(worker: Worker) -> None:
    classic = await worker.get("/metrics")
    assert classic.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(await classic.text())}
    assert {"citypulse_complete", "citypulse_exchange_amount_net"} <= names
    openmetrics = await worker.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert (await openmetrics.text()).endswith("# EOF\n")


async def test_gzip_when_asked_and_when_it_pays(worker: Worker) -> None:
    plain = await worker.get("/metrics")
    assert "Content-Encoding" not in plain.headers
    packed = await worker.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(await packed.read()) == await plain.read()
    small = await worker.get("/readyz", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


async def test_the_loop_has_turns_while_a_long_answer_is_made(
    worker: Worker, snapshot: Snapshot, pipeline: PipelineMetrics, info: dict[str, str]
) -> None:
    first = snapshot.series[0]
    worker.snapshot = replace(snapshot, series=tuple(replace(first, exchange=f"e{n}") for n in range(2000)))
    for path in ("/metrics", "/api/v1/totals"):
        request = asyncio.ensure_future(worker.get(path))
        turns = 0
        while not request.done():
            await asyncio.sleep(0)
            turns += 1
        await request
        assert turns > 2000 // 200


async def test_the_openapi_document_is_valid_and_complete(worker: Worker) -> None:
    document = orjson.loads(await (await worker.get("/openapi.json")).read())
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["paths"]) == {*ADDRESSES, STREAM_PATH, EVENT_PATH, LETTERS_PATH} - {"/", "/openapi.json"}
    series = document["components"]["schemas"]["ExchangeSeries"]
    assert series["properties"]["gross"]["pattern"] == r"^-?\d+(\.\d+)?$"
    totals = document["paths"]["/api/v1/totals"]["get"]
    assert [parameter["name"] for parameter in totals["parameters"]] == [
        "exchange", "product_type", "currency", "cross_border",
    ]  # fmt: skip


async def test_a_taken_port_is_named(worker: Worker) -> None:
    port = int(worker.base.rsplit(":", 1)[1])
    with pytest.raises(PortTaken) as caught:
        await HttpServer(web.Application()).start("127.0.0.1", port)
    assert caught.value.lines() == [f"port {port} on 127.0.0.1 is taken; set CITYPULSE_HTTP_PORT or --port"]


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(PortTaken, match=r"cannot listen on 192\.0\.2\.1:0"):
        await HttpServer(web.Application()).start("192.0.2.1", 0)


@pytest.mark.parametrize("path", ADDRESSES)
async def test_head_is_get_without_a_body(worker: Worker, path: str) -> None:
    body = await (await worker.get(path)).read()
    async with worker.session.head(worker.base + path) as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) == len(body)
        assert await response.read() == b""
