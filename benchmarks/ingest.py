"""Events per second into one worker over HTTP, and through the publisher, side by side.

``python benchmarks/ingest.py [--events 20000] [--singles 2000]``

Synthetic transactions go into an embedded broker, acknowledged each. Over HTTP a worker that also counts them takes
them; the publisher writes to the broker itself, with checking and without. All share the machine's cores, the client
too, so the ratios say more than the rates. CPU time is the worker's, which counts the events meanwhile, or that of the
publisher's process. Linux only: it comes from /proc.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

from benchmarks.load import synthetic
from benchmarks.machine import circumstances, cpu_seconds
from schemas.envelope import BATCH, STRUCTURED
from streams.ports import free_port
from streams.publish import Publisher
from streams.publish.routing import route
from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics

A_BATCH = 500
BATCHES_AT_ONCE = 4
SINGLES_AT_ONCE = 32
START_S = 300.0
POLL_S = 0.1


class Rate(NamedTuple):
    """Events a second, and microseconds of CPU time that the worker, or the publisher, took for each."""

    events: float
    cpu_us: float


def main() -> int:
    """Runs all four ways and prints them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000, help="in batches, and by the publisher (%(default)s)")
    parser.add_argument("--singles", type=int, default=2_000, help="one a request (%(default)s)")
    arguments = parser.parse_args()
    with EmbeddedBroker() as broker:
        rates = asyncio.run(_run(Settings(broker=broker.bootstrap), arguments.events, arguments.singles))
    first = next(iter(rates.values()))
    for name, rate in rates.items():
        ratios = f"{rate.events / first.events:>6.1f} x  {rate.cpu_us / first.cpu_us:>6.2f} x"
        print(f"{name:<40}{rate.events:>10,.0f} events/s{rate.cpu_us:>8,.0f} us CPU/event  {ratios}")
    for name, value in circumstances().items():
        print(f"{name}: {value}")
    return 0


async def _run(settings: Settings, events: int, singles: int) -> dict[str, Rate]:
    await create_topics(settings)
    values = [synthetic(index)[1] for index in range(3 * events + singles)]
    first, second, third = (values[start : start + events] for start in range(0, 3 * events, events))
    last = values[3 * events :]
    async with _worker(settings) as (url, worker), aiohttp.ClientSession() as session:

        async def post(part: Sequence[bytes]) -> None:
            batch = len(part) > 1
            body, content_type = (b"[" + b",".join(part) + b"]", BATCH) if batch else (part[0], STRUCTURED)
            async with session.post(url, data=body, headers={"Content-Type": content_type}) as answer:
                accepted = json.loads(await answer.read())["accepted"]
                if answer.status != 200 or accepted != len(part):
                    raise RuntimeError(f"{answer.status}: {accepted} of {len(part)} accepted")

        single = await _timed(last, 1, SINGLES_AT_ONCE, post, worker)
        batched = await _timed(first, A_BATCH, BATCHES_AT_ONCE, post, worker)
    async with Publisher(settings.broker) as publisher:

        async def checked(part: Sequence[bytes]) -> None:
            for value in part:
                await publisher.send(value)
            await publisher.flush()

        async def unchecked(part: Sequence[bytes]) -> None:
            for value in part:
                await publisher.send_unchecked(route(value))
            await publisher.flush()

        with_check = await _timed(second, events, 1, checked, os.getpid())
        without = await _timed(third, events, 1, unchecked, os.getpid())
    return {
        f"HTTP, one event a request, {SINGLES_AT_ONCE} at once": single,
        f"HTTP, batches of {A_BATCH}, {BATCHES_AT_ONCE} at once": batched,
        "publisher": with_check,
        "publisher, nothing checked": without,
    }


async def _timed(
    values: Sequence[bytes], size: int, at_once: int, send: Callable[[Sequence[bytes]], Awaitable[None]], pid: int
) -> Rate:
    """From the first event until the last is acknowledged; the CPU time is that of the process."""
    parts = iter([values[start : start + size] for start in range(0, len(values), size)])

    async def client() -> None:
        for part in parts:
            await send(part)

    began, used = time.perf_counter(), cpu_seconds(pid)
    await asyncio.gather(*(client() for _ in range(at_once)))
    seconds, used = time.perf_counter() - began, cpu_seconds(pid) - used
    return Rate(len(values) / seconds, used * 1e6 / len(values))


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[tuple[str, int]]:
    """A worker as a process of its own; gives the address to write to, and its process id."""
    port = free_port()
    variables = os.environ | {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_INGEST_RATE": "1000000"}
    command = (sys.executable, "-m", "streams", "worker", "--port", str(port))
    process = await asyncio.create_subprocess_exec(*command, env=variables, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(START_S):
            await _ready(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}/api/v1/events", process.pid
    finally:
        process.terminate()
        await process.wait()


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass  # it does not listen yet
            await asyncio.sleep(POLL_S)


if __name__ == "__main__":
    raise SystemExit(main())
