"""``POST /api/v1/events``: events over HTTP, each answered with its verdict once Kafka has it.

Nothing of a request is logged: neither tokens nor what a stranger sends.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

import orjson
from aiohttp import web

from schemas.events import Rejection
from streams.exposition.binding import Mode, Unreadable, events_of, mode_of
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.problems import problem
from streams.exposition.rates import RateLimit
from streams.exposition.tokens import Tokens
from streams.exposition.verdicts import Accepted, Failed, Incoming, Publish, Verdict

MAX_BODY_BYTES: Final = 1 << 20

BODY_S: Final = 10.0
"""Seconds that a client may take to send a body."""

MOST_AT_ONCE: Final = 64
"""Requests whose body is held at a time: at most 64 MiB."""

RETRY_S: Final = 5
"""Seconds after which to ask again when the broker is away, or the worker busy."""

_ANYBODY: Final = ""
"""The name of those who need no token."""

_AGAIN = "send the whole request again: an event that was written already counts once"


class Ingestion:
    """Takes events.

    Args:
        publish: judges and publishes events.
        tokens: of those who may write; None: nobody has one.
        loopback: whether the worker listens on this machine alone; then everybody on it may write when there are no
            tokens. Otherwise nobody may.
        rate: events a second that each token is let in with.
        pipeline: where verdicts are counted.
        clock: seconds, monotonic.
        body_s: seconds that a client may take to send a body.
    """

    def __init__(
        self,
        publish: Publish,
        tokens: Tokens | None,
        *,
        loopback: bool,
        rate: float,
        pipeline: PipelineMetrics,
        clock: Callable[[], float],
        body_s: float = BODY_S,
    ) -> None:
        self._publish = publish
        self._tokens = tokens
        self._loopback = loopback
        self._rates = RateLimit(rate, clock)
        self._pipeline = pipeline
        self._body_s = body_s
        self._held = 0

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Publishes the events of a request, and answers with a verdict for each."""
        if request.query:
            return problem(400, "Writing events takes no parameters.")
        name = self._name(request)
        if isinstance(name, web.Response):
            return name
        if wait := self._rates.take(name, 1):
            return _too_many(wait)
        if self._held >= MOST_AT_ONCE:
            return problem(503, f"{MOST_AT_ONCE} requests are under way already.", headers=_retry(1))
        self._held += 1
        try:
            return await self._taken(request, name)
        except Unreadable as error:
            return problem(error.status, error.detail)
        finally:
            self._held -= 1

    async def _taken(self, request: web.Request, name: str) -> web.Response:
        mode = mode_of(request.headers)
        events = events_of(mode, request.headers, await self._body(request))
        if wait := self._rates.take(name, max(0, len(events) - 1)):
            return _too_many(wait)
        readable = [event for event in events if isinstance(event, Incoming)]
        published = iter(await self._publish(readable))
        verdicts = [event if isinstance(event, Rejection) else next(published) for event in events]
        for verdict in verdicts:
            self._pipeline.ingested(_row(verdict)["verdict"])
        return _answer(mode, verdicts)

    async def _body(self, request: web.Request) -> bytes:
        if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
            raise _too_large()
        try:
            async with asyncio.timeout(self._body_s):
                return await request.read()
        except TimeoutError:
            raise Unreadable(408, f"The body did not come within {self._body_s:g} s.") from None
        except web.HTTPRequestEntityTooLarge:
            raise _too_large() from None
        except (web.RequestPayloadError, ConnectionError):  # or its sender has left, and nobody hears the answer
            raise Unreadable(400, "The body does not come as its headers say.") from None

    def _name(self, request: web.Request) -> str | web.Response:
        """Who asks; or the answer to somebody who may not write."""
        if self._tokens is None:
            if not self._loopback:
                detail = "Nobody may write here: the worker listens beyond its machine, and no tokens are set."
                return problem(403, detail)
            # A page of elsewhere whose name leads to this machine (DNS rebinding) has its own name here.
            if not is_loopback(_host(request.headers.get("Host", ""))):
                return problem(403, "Without tokens only this machine may write, by the name localhost or an address.")
            return _ANYBODY
        given = request.headers.getall("Authorization", [])
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() == "bearer":
            name = self._tokens.name_of(token.strip().encode("utf-8", "surrogateescape"))
            if name is not None:
                return name
        detail = "The header Authorization must hold a token that may write: Bearer TOKEN."
        return problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address is that of the machine itself, whoever answers for names."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host(header: str) -> str:
    """The host of a header ``Host``, without its port."""
    return header[: header.find("]") + 1] if header.startswith("[") else header.partition(":")[0]


def _too_large() -> Unreadable:
    return Unreadable(413, f"The body has more than {MAX_BODY_BYTES} bytes.")


def _too_many(wait: float) -> web.Response:
    return problem(429, "More events than this token may write a second.", headers=_retry(wait))


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, -int(-seconds // 1)))}


def _row(verdict: Verdict) -> Mapping[str, Any]:
    match verdict:
        case Accepted(topic, partition, offset):
            return {"verdict": "accepted", "topic": topic, "partition": partition, "offset": offset}
        case Rejection(reason=reason, field=field, message=message):
            return {"verdict": "rejected", "reason": reason, "field": field, "message": message}
        case Failed(message):
            return {"verdict": "failed", "message": message}


def _answer(mode: Mode, verdicts: Sequence[Verdict]) -> web.Response:
    """200: all are written. 207: some are, the others are rejected. Problems: 400 or 413: none is; 503: try again."""
    rows = [_row(verdict) for verdict in verdicts]
    rejected = [verdict for verdict in verdicts if isinstance(verdict, Rejection)]
    failed = sum(isinstance(verdict, Failed) for verdict in verdicts)
    accepted = len(verdicts) - len(rejected) - failed
    body = {"accepted": accepted, "rejected": len(rejected), "failed": failed, "events": rows}
    if failed:
        return problem(503, f"Kafka does not acknowledge; {_AGAIN}.", headers=_retry(RETRY_S), more=body)
    if rejected and not accepted:
        too_large = mode != "batch" and rejected[0].reason == "too_large"
        detail = rejected[0].message if mode != "batch" else f"None of the {len(rejected)} events could be taken."
        return problem(413 if too_large else 400, detail, more=body)
    return web.Response(
        status=207 if rejected else 200, body=orjson.dumps(body), headers={"Content-Type": "application/json"}
    )
