"""What is looked up in the topics on request: one event, or the dead letters.

A look-up reads Kafka, which takes a while. A worker does one at a time, within bounds, so that the stream goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from schemas.scalars import parse_time
from schemas.topics import SOURCES
from streams.errors import CityPulseError
from streams.exposition.operations import REASONS
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.problems import BadQuery, Handler, problem

EVENT_PATH: Final = "/api/v1/events/{source}/{id}"
LETTERS_PATH: Final = "/api/v1/dead-letters"

RECORDS: Final = 1_000_000
"""Read at most for one event."""

SECONDS: Final = 10.0
"""At most for one look-up."""

DAYS: Final = 7
"""How far back, unless ``since`` says otherwise."""

LETTERS: Final = 1_000
"""Listed at most, the newest ones."""

Row = dict[str, Any]

TraceEvent = Callable[[str, str, int | None, str | None], Awaitable[Row]]
"""Source, id, since (microseconds; None: ``DAYS`` ago) and key -> the answer."""

ListLetters = Callable[[int | None, Callable[[str, str], bool]], Awaitable[list[Row]]]
"""Since, as for ``TraceEvent``, and which topics and reasons are wanted -> the newest waiting letters, at most
``LETTERS``, newest first."""


class Lookups:
    """The handlers.

    Args:
        trace: finds an event.
        letters: lists dead letters that wait.
        pipeline: knows how many wait.
    """

    def __init__(self, trace: TraceEvent, letters: ListLetters, pipeline: PipelineMetrics) -> None:
        self._trace = trace
        self._letters = letters
        self._pipeline = pipeline
        self._busy = asyncio.Lock()

    def handlers(self) -> dict[str, Handler]:
        """By path."""
        return {EVENT_PATH: self._event, LETTERS_PATH: self._dead_letters}

    async def _event(self, request: web.Request) -> web.StreamResponse:
        since, key = _since(request, "since", "key"), request.query.get("key")
        source, id_ = request.match_info["source"], request.match_info["id"]
        return await self._one_at_a_time(lambda: self._trace(source, id_, since, key))

    async def _dead_letters(self, request: web.Request) -> web.StreamResponse:
        since = _since(request, "since", "topic", "reason")
        topics, reasons = _choice(request, "topic", SOURCES), _choice(request, "reason", REASONS)

        async def answer() -> Row:
            letters = await self._letters(since, lambda topic, reason: topic in topics and reason in reasons)
            return {"waiting": _counts(self._pipeline.letters_waiting), "letters": letters}

        return await self._one_at_a_time(answer)

    async def _one_at_a_time(self, answer: Callable[[], Awaitable[Row]]) -> web.StreamResponse:
        if self._busy.locked():
            return _later("Another look-up is under way; a worker does one at a time.")
        async with self._busy:
            try:
                async with asyncio.timeout(2 * SECONDS):
                    return web.Response(body=orjson.dumps(await answer()), content_type="application/json")
            except TimeoutError:
                return _later("There is more than can be read in time; choose a later since.")
            except CityPulseError as error:
                return _later(f"{error.message[:1].upper()}{error.message[1:]}.")


def _later(detail: str) -> web.Response:
    response = problem(503, detail)
    response.headers["Retry-After"] = "1"
    return response


def _counts(waiting: Mapping[tuple[str, str], int] | None) -> Row | None:
    if waiting is None:
        return None
    return {topic: {reason: waiting.get((topic, reason), 0) for reason in REASONS} for topic in SOURCES}


def _since(request: web.Request, *known: str) -> int | None:
    """The moment that the query names, in microseconds.

    Raises:
        BadQuery: it is none, or there are other parameters than these.
    """
    for name in request.query:
        if name not in known:
            raise BadQuery(f"unknown parameter {name!r}; this address knows {', '.join(known)}")
    text = request.query.get("since")
    try:
        return None if text is None else parse_time(text)
    except ValueError as error:
        raise BadQuery(f"since: {error}") from error


def _choice(request: web.Request, name: str, choices: tuple[str, ...]) -> frozenset[str]:
    given = frozenset(request.query.getall(name, choices))
    if not given <= set(choices):
        raise BadQuery(f"{name} is {' or '.join(choices)}, not {min(given - set(choices))!r}")
    return given
