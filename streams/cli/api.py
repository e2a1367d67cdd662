"""A worker's HTTP API, as a client of it."""

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from streams.errors import InputError, WorkerUnreachable

RESOURCES = ("totals", "infrastructure", "indicators", "thresholds", "events")
TIMEOUT_S = 10.0

Answers = dict[str, Any]
"""Resource -> its answer, as in a worker's /openapi.json."""


async def fetch(url: str, resources: tuple[str, ...] = RESOURCES) -> Answers:
    """Asks a worker.

    Args:
        url: of any worker, such as ``http://127.0.0.1:6066``.
        resources: which of ``/api/v1/...``.

    Raises:
        InputError: the URL is none.
        WorkerUnreachable: nobody answers there, or not as a worker does.
    """
    base = _base(url)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session:
            return {name: await _answer(session, f"{base}/api/v1/{name}") for name in resources}
    except aiohttp.ClientResponseError as error:
        raise _unreachable(base, f"{error.status} {error.message}".strip()) from error
    except TimeoutError as error:
        raise _unreachable(base, f"no answer in {TIMEOUT_S:.0f} s") from error
    except aiohttp.ClientConnectorError as error:
        number = error.os_error.errno  # asyncio's own words name the address once more
        raise _unreachable(base, os.strerror(number) if number else str(error)) from error
    except (aiohttp.ClientError, asyncio.IncompleteReadError, ValueError) as error:
        raise _unreachable(base, f"no JSON of a worker: {error}") from error


async def _answer(session: aiohttp.ClientSession, address: str) -> Any:
    async with session.get(address) as response:
        answer = await response.json()
        if not isinstance(answer, dict) or "complete" not in answer:
            raise ValueError("an answer without 'complete'")
        return answer


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        valid = False
    if not valid:
        raise InputError(f"{url!r} is no address of a worker", "it looks like http://127.0.0.1:6066")
    return url.rstrip("/")


def _unreachable(base: str, reason: str) -> WorkerUnreachable:
    return WorkerUnreachable(f"no worker answers at {base} ({reason})", "start one with: citypulse worker")
