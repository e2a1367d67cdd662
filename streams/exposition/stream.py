"""``/api/v1/stream``: the live page's numbers, pushed as server-sent events.

One frame is made for all viewers, at most four a second and none while nobody watches. A viewer is sent only the
sections that changed since what it has, so one that is slow or was away gets the newest state, never a queue of old
ones: nothing piles up here, whoever reads how slowly. The format is that of
https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
import logging
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time
from typing import Any

import orjson
from aiohttp import web

from streams.aggregate.views import Snapshot
from streams.exposition import answers, sections
from streams.exposition.collector import JudgeThresholds, TakeSnapshot
from streams.exposition.problems import problem

PATH = "/api/v1/stream"

FRAME_S = 0.25
"""Seconds between frames, at least."""

REST = 19
"""Times as long as a frame's CPU time until the next one: with very many series there are fewer frames a second, so
that a twentieth of a core goes into them."""

SLOWEST_S = 2.0
"""Seconds between frames, at most: the page takes a longer silence for a lost worker, and one slow frame (the machine
slept) must not silence the next ones."""

SEND_S = 10.0
"""Seconds that a viewer may take to accept a frame; then it is let go. Its browser comes back by itself."""

MOST_VIEWERS = 200

_SOCKET_BYTES = 65_536
"""The kernel's buffer for one viewer: a larger one would hold minutes of old frames for a slow viewer."""

_RETRY = b"retry: 1000\n\n"
"""Milliseconds until a browser that lost its worker asks again."""

_log = logging.getLogger(__name__)


class LiveStream:
    """Frames for any number of viewers.

    Args:
        snapshot: gives the board's snapshot; called once a frame.
        thresholds: judges a snapshot.
        frame_s: seconds between frames.
        send_s: seconds that a viewer may take to accept one.
    """

    def __init__(
        self, snapshot: TakeSnapshot, thresholds: JudgeThresholds, *, frame_s: float = FRAME_S, send_s: float = SEND_S
    ) -> None:
        self._snapshot = snapshot
        self._thresholds = thresholds
        self._frame_s = frame_s
        self._send_s = send_s
        self._boot = secrets.token_hex(4)
        self._number = 0
        self._parts: dict[str, tuple[Any, ...]] = {}
        self._sections: dict[str, tuple[int, bytes]] = {}  # name -> frame that changed it, its JSON
        self._messages: dict[int, bytes] = {}  # frame that a viewer has -> what it is sent
        self._made = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._viewers = 0
        self._closed = False

    @property
    def viewers(self) -> int:
        """How many are watching."""
        return self._viewers

    @property
    def idle(self) -> bool:
        """Whether no frames are being made."""
        return self._task is None

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Sends frames until the viewer leaves, is too slow, or the worker stops."""
        if self._viewers >= MOST_VIEWERS:
            return problem(503, f"{MOST_VIEWERS} viewers watch this worker already; ask another one.")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        response.headers["X-Accel-Buffering"] = "no"  # a proxy in between is to pass frames on as they come
        async with self._watching():
            await response.prepare(request)
            _bound(request)
            seen = self._seen(request.headers.get("Last-Event-ID", ""))
            try:
                await response.write(_RETRY)
                while (number := await self._next()) is not None:
                    async with asyncio.timeout(self._send_s):
                        await response.write(self._message(seen))
                    seen = number
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
            except ConnectionError:
                pass  # the viewer has left
        return response

    async def close(self, _: web.Application) -> None:
        """Lets every viewer go: the worker stops."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        self._viewers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="live frames")
        try:
            yield
        finally:
            self._viewers -= 1

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while self._viewers:
                began, worked = clock(), thread_time()
                await self._make()
                async with self._made:
                    self._made.notify_all()
                await asyncio.sleep(pause(clock() - began, thread_time() - worked, self._frame_s))
        except Exception:
            _log.exception("no frame for the live page")
            raise
        finally:
            self._task = None
            async with self._made:
                self._made.notify_all()

    async def _make(self) -> None:
        """The next frame."""
        snapshot = self._snapshot()
        number = self._number + 1
        changed = {name: parts for name, parts in self._inputs(snapshot).items() if self._parts.get(name) != parts}
        made: dict[str, Any] = {"frame": answers.frame(snapshot), "exchange": await sections.exchange(snapshot.series)}
        made |= {name: sections.SECTIONS[name].row(*parts) for name, parts in changed.items()}
        self._parts |= changed
        for name, row in made.items():
            encoded = orjson.dumps(row)
            if name not in self._sections or self._sections[name][1] != encoded:
                self._sections[name] = number, encoded
        self._number = number
        self._messages.clear()

    def _inputs(self, snapshot: Snapshot) -> dict[str, tuple[Any, ...]]:
        states = self._thresholds(snapshot)
        return {name: section.parts(snapshot, states) for name, section in sections.SECTIONS.items()}

    async def _next(self) -> int | None:
        """Waits for a frame; None when there will be none."""
        async with self._made:
            if self._closed or self._task is None:
                return None
            before = self._number
            await self._made.wait_for(lambda: self._number > before or self._task is None)
            return self._number if self._number > before else None

    def _message(self, seen: int) -> bytes:
        """The newest frame for a viewer that has frame ``seen``. Its ``clock`` is in every one."""
        if seen not in self._messages:
            fresh = {
                name: orjson.Fragment(encoded)
                for name, (changed, encoded) in self._sections.items()
                if changed > seen or name == "frame"
            }
            self._messages[seen] = b"id: %b-%d\ndata: %b\n\n" % (
                self._boot.encode(),
                self._number,
                orjson.dumps(fresh),
            )
        return self._messages[seen]

    def _seen(self, last_event_id: str) -> int:
        """Which frame a viewer has that comes back; -1: none of this worker's."""
        boot, _, number = last_event_id.partition("-")
        if boot != self._boot or not number.isascii() or not number.isdigit() or len(number) > 18:
            return -1
        return int(number) if int(number) <= self._number else -1


def pause(took: float, worked: float, frame_s: float) -> float:
    """Seconds until the next frame is made, after one that took so many, and so many of CPU time.

    What it waited for the CPU, on a busy machine, is no reason for fewer frames.
    """
    return min(max(frame_s - took, worked * REST), SLOWEST_S)


def _bound(request: web.Request) -> None:
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
