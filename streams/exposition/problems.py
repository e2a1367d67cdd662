"""Errors as problem documents (RFC 9457), and the headers that every response carries."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import orjson
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)

_NOTHING_THERE = "There is nothing at this address; /openapi.json lists what there is."


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, more: Mapping[str, object] | None = None
) -> web.Response:
    """A problem document. ``about:blank`` says: the status tells what kind of problem it is.

    Args:
        status: of HTTP.
        detail: what was wrong, for a person.
        headers: of the response.
        more: members beside the standard ones.
    """
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **(more or {})}
    content_type = "application/problem+json"
    return web.Response(status=status, body=orjson.dumps(body), content_type=content_type, headers=headers)


class BadQuery(Exception):
    """A query parameter that a route does not have, or a value that it cannot have."""


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every error into a problem document; a bug is logged with its traceback and tells the client nothing."""
    try:
        return await handler(request)
    except BadQuery as error:
        return problem(400, str(error))
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{error.method} is not allowed here; {allowed} are."
        return problem(405, detail, headers={"Allow": allowed})
    except web.HTTPNotFound:
        return problem(404, _NOTHING_THERE)
    except web.HTTPException as error:
        return problem(error.status, error.reason)
    except Exception:  # noqa: BLE001 - whatever the bug, the client gets an answer
        _log.exception("no answer to %s", request.path)
        return problem(500, "The worker failed to answer; its log says why.")


async def harden(_: web.Request, response: web.StreamResponse) -> None:
    """Live numbers must not be cached, an answer is only what it says, and our versions are nobody's business."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Server"] = "CityPulse"
