"""The HTTP application of a worker: /metrics, the API, health, the OpenAPI document and the page."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import cramjam
import orjson
from aiohttp import web

from streams.exposition import answers, runbooks
from streams.exposition.collector import BoardCollector, JudgeThresholds, TakeSnapshot
from streams.exposition.ingest import MAX_BODY_BYTES, Ingestion
from streams.exposition.lookups import Lookups
from streams.exposition.negotiate import accepts_gzip, text_format
from streams.exposition.openapi import openapi
from streams.exposition.page import PAGE_POLICY, Asset, bundle
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.problems import BadQuery, Handler, harden, problems
from streams.exposition.routes import EVENTS, INDICATORS, INFRASTRUCTURE, THRESHOLDS, TOTALS, Route
from streams.exposition.stream import PATH as STREAM_PATH
from streams.exposition.stream import LiveStream
from streams.exposition.text import TextRenderer

_View = TypeVar("_View")
_Wanted = dict[str, frozenset[str]]

_LABELS = attrgetter("exchange", "product_type", "currency", "cross_border")
"""The order of series in an answer. They are kept in that of their arrival; sorting 6,000 takes 2 ms."""

_ROWS_A_SLICE = 200
"""Rows made between two turns of the event loop: about 2 ms."""

_BITE = 262_144
"""Bytes handed to the socket in one turn."""

_WORTH_COMPRESSING = 1_400
"""Bytes: a smaller answer fits one network packet anyway."""


def create_app(
    *,
    snapshot: TakeSnapshot,
    pipeline: PipelineMetrics,
    thresholds: JudgeThresholds,
    info: Mapping[str, str],
    lookups: Lookups,
    ingestion: Ingestion,
) -> web.Application:
    """The application. All of it only reads, but for events that are posted.

    Args:
        snapshot: gives the board's snapshot; called once a request.
        pipeline: this worker's own measurements.
        thresholds: judges a snapshot.
        info: labels of ``citypulse_build_info``; ``version`` is among them.
        lookups: what is read from the topics on request.
        ingestion: takes the events that are posted.
    """
    api = _Api(snapshot, thresholds, pipeline, info)
    live = LiveStream(snapshot, thresholds)
    app = web.Application(middlewares=[problems], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(harden)
    app.on_shutdown.append(live.close)
    handlers: dict[str, Handler] = {
        **{path: _asset(asset) for path, asset in bundle().items()},
        **{runbooks.PREFIX + name: _runbook(name) for name in runbooks.pages()},
        "/metrics": api.metrics,
        "/healthz": api.healthz,
        "/readyz": api.readyz,
        "/openapi.json": api.openapi,
        TOTALS.path: api.totals,
        INFRASTRUCTURE.path: api.infrastructure,
        INDICATORS.path: api.indicators,
        THRESHOLDS.path: api.thresholds,
        EVENTS.path: api.events,
        STREAM_PATH: live.respond,
        **lookups.handlers(),
    }
    for path, handler in handlers.items():
        app.router.add_get(path, handler)
    app.router.add_post(EVENTS.path, ingestion.respond)
    return app


class _Api:
    def __init__(
        self,
        snapshot: TakeSnapshot,
        thresholds: JudgeThresholds,
        pipeline: PipelineMetrics,
        info: Mapping[str, str],
    ) -> None:
        self._snapshot = snapshot
        self._thresholds = thresholds
        self._pipeline = pipeline
        self._renderer = TextRenderer(BoardCollector(snapshot, pipeline, thresholds, info))
        self._openapi = orjson.dumps(openapi(info["version"]))

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        fmt = text_format(request.headers.get("Accept", ""))
        pieces = [piece async for piece in self._renderer.render(self._snapshot(), fmt)]
        return await _respond(request, pieces, fmt.content_type)

    async def healthz(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        snapshot = self._snapshot()
        reasons = [*snapshot.reasons, *self._pipeline.alarms]
        ready = snapshot.complete and not reasons
        return await _json(request, {"ready": ready, "reasons": reasons}, status=200 if ready else 503)

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        return await _respond(request, [self._openapi], "application/json")

    async def totals(self, request: web.Request) -> web.StreamResponse:
        wanted, snapshot = _wanted(request, TOTALS), self._snapshot()
        body = answers.frame(snapshot) | {
            "partitions": await _rows(snapshot.partitions, answers.partition_row),
            "series": await _rows(sorted(snapshot.series, key=_LABELS), answers.series_row, wanted),
            "events": answers.outcomes(snapshot),
            "dead_letters": answers.dead_letters(snapshot),
            "folded": snapshot.folded,
        }
        return await _json(request, body)

    async def infrastructure(self, request: web.Request) -> web.StreamResponse:
        wanted, snapshot = _wanted(request, INFRASTRUCTURE), self._snapshot()
        of_reported = {name: values for name, values in wanted.items() if name != "city"}
        body = answers.frame(snapshot) | {
            "assets": await _rows(snapshot.assets, answers.assets_row, wanted),
            "reported": await _rows(snapshot.reported, answers.reported_row, of_reported),
        }
        return await _json(request, body)

    async def indicators(self, request: web.Request) -> web.StreamResponse:
        wanted, snapshot = _wanted(request, INDICATORS), self._snapshot()
        current = [figure for figure in snapshot.observations if figure.current]
        body = answers.frame(snapshot) | {
            "current": await _rows(current, answers.figure_row, wanted),
            "figures": await _rows(snapshot.observations, answers.figure_row, wanted),
            "inconsistencies": await _rows(snapshot.inconsistencies, answers.finding_row, wanted),
            "warnings": await _rows(snapshot.warnings, answers.finding_row, wanted),
        }
        return await _json(request, body)

    async def thresholds(self, request: web.Request) -> web.StreamResponse:
        wanted, snapshot = _wanted(request, THRESHOLDS), self._snapshot()
        rows = await _rows(self._thresholds(snapshot), answers.threshold_row, wanted)
        return await _json(request, answers.frame(snapshot) | {"thresholds": rows})

    async def events(self, request: web.Request) -> web.StreamResponse:
        topics, snapshot = _wanted(request, EVENTS).get("topic"), self._snapshot()
        rows = [row for row in answers.topic_rows(snapshot) if topics is None or row["topic"] in topics]
        return await _json(request, answers.frame(snapshot) | {"topics": rows})


def _asset(asset: Asset) -> Handler:
    """Answers with a file of the page."""

    async def respond(request: web.Request) -> web.StreamResponse:
        return await _file(request, asset)

    return respond


def _runbook(name: str) -> Handler:
    """Answers with a runbook, made into a page when it is asked for."""

    async def respond(request: web.Request) -> web.StreamResponse:
        return await _file(request, runbooks.page(name))

    return respond


async def _file(request: web.Request, asset: Asset) -> web.StreamResponse:
    response = await _respond(request, [asset.body], asset.content_type)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


def _wanted(request: web.Request, route: Route) -> _Wanted:
    """The query as filters.

    Raises:
        BadQuery: a parameter or a value that the route does not have.
    """
    known = {parameter.name: parameter for parameter in route.parameters}
    wanted: _Wanted = {}
    for name in request.query:
        if name not in known:
            raise BadQuery(f"unknown parameter {name!r}; {route.path} knows {', '.join(known)}")
        values, choices = frozenset(request.query.getall(name)), known[name].choices
        if choices and not values <= set(choices):
            raise BadQuery(f"{name} is {' or '.join(choices)}, not {min(values - set(choices))!r}")
        wanted[name] = values
    return wanted


async def _rows(
    views: Sequence[_View], row: Callable[[_View], answers.Row], wanted: Mapping[str, frozenset[str]] | None = None
) -> orjson.Fragment:
    """The rows of the views that match, as JSON, made a slice at a time: the stream must not wait for a long answer."""
    slices = []
    for start in range(0, len(views), _ROWS_A_SLICE):
        part = views[start : start + _ROWS_A_SLICE]
        rows = [row(view) for view in part if not wanted or answers.matches(view, wanted)]
        if rows:
            slices.append(orjson.dumps(rows)[1:-1])
        await asyncio.sleep(0)
    return orjson.Fragment(b"[" + b",".join(slices) + b"]")


async def _json(request: web.Request, body: dict[str, Any], status: int = 200) -> web.Response:
    return await _respond(request, [orjson.dumps(body)], "application/json", status)


async def _respond(request: web.Request, pieces: list[bytes], content_type: str, status: int = 200) -> web.Response:
    """The response, compressed in a thread if the client asks and it pays: at level 1, 10 MB take 15 ms."""
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    size = sum(map(len, pieces))
    if size >= _WORTH_COMPRESSING and accepts_gzip(request.headers.get("Accept-Encoding", "")):
        pieces = await asyncio.to_thread(lambda: [bytes(cramjam.gzip.compress(b"".join(pieces), 1))])
        size = len(pieces[0])
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(size)
    return web.Response(status=status, body=_sent(pieces), headers=headers)


async def _sent(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The body as bites: handing 10 MB to a socket at once takes the event loop 20 ms."""
    for piece in pieces:
        for start in range(0, len(piece), _BITE):
            yield piece[start : start + _BITE]
            await asyncio.sleep(0)
