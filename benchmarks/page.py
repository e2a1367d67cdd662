"""What viewers of the live page cost a worker, and how many bytes the page has.

``python benchmarks/page.py [--viewers 20] [--rate 500] [--seconds 15] [--rounds 3]``

One worker on an embedded broker takes synthetic events in steadily. Rounds without viewers alternate with rounds with
them, so that what drifts hits both alike; the CPU time is the worker's own, of all its threads. A viewer is a
connection that reads every event of ``/api/v1/stream``; drawing is the browser's work and is not counted. Linux only:
CPU time comes from /proc.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from contextlib import AsyncExitStack

import aiohttp
import cramjam

from benchmarks.machine import cpu_seconds
from streams.exposition.page import bundle
from streams.exposition.stream import PATH
from streams.ports import free_port
from streams.publish import Publisher
from streams.publish.pace import paced
from streams.publish.story import story
from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics

TICK_S = 0.05
WARM_UP_S = 5.0
START_S = 60.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What viewers of the live page cost.")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    files = bundle().values()
    packed = sum(len(cramjam.gzip.compress(asset.body, 1)) for asset in files)
    print(f"page: {len(files)} files, {sum(len(asset.body) for asset in files):,} bytes, {packed:,} as sent (gzip)")
    port = free_port()
    command = [sys.executable, "-m", "streams", "worker", "--port", str(port)]
    with EmbeddedBroker() as broker:
        asyncio.run(create_topics(Settings(broker=broker.bootstrap)))
        environment = {**os.environ, "CITYPULSE_BROKER": broker.bootstrap}
        worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            asyncio.run(_measure(arguments, broker.bootstrap, f"http://127.0.0.1:{port}", worker.pid))
        finally:
            worker.terminate()
            worker.wait()


async def _measure(arguments: argparse.Namespace, bootstrap: str, url: str, pid: int) -> None:
    publishing = asyncio.create_task(_publish(bootstrap, arguments.rate))
    try:
        await _ready(url)
        await asyncio.sleep(WARM_UP_S)
        without, watched = [], []
        for number in range(arguments.rounds):
            without.append(await _cpu(pid, arguments.seconds))
            async with AsyncExitStack() as stack:
                read = await _watch(stack, url, arguments.viewers)
                watched.append(await _cpu(pid, arguments.seconds))
            print(
                f"round {number + 1}: {without[-1]:.1f} % of a core without viewers, {watched[-1]:.1f} % with "
                f"{arguments.viewers} ({sum(read) / arguments.viewers / arguments.seconds / 1000:.0f} kB/s each)"
            )
        more = statistics.median(watched) - statistics.median(without)
        print(f"{arguments.viewers} viewers at {arguments.rate} events/s: {more:+.1f} % of a core")
    finally:
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


async def _publish(bootstrap: str, rate: int) -> None:
    async with Publisher(bootstrap_servers=bootstrap) as publisher:
        for message in story():
            await publisher.send_unchecked(message)
        async for messages in paced(rate):
            for message in messages:
                await publisher.send_unchecked(message)


async def _ready(url: str) -> None:
    async with asyncio.timeout(START_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass  # it does not listen yet
            await asyncio.sleep(TICK_S)


async def _watch(stack: AsyncExitStack, url: str, viewers: int) -> list[int]:
    """Connects the viewers; the list counts the bytes that each has read."""
    read = [0] * viewers
    connector = aiohttp.TCPConnector(limit=viewers)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def watch(number: int) -> None:
        async with session.get(url + PATH, timeout=aiohttp.ClientTimeout(total=None)) as answer:
            async for piece in answer.content.iter_any():
                read[number] += len(piece)

    tasks = [asyncio.create_task(watch(number)) for number in range(viewers)]

    async def leave() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(leave)
    while not all(read):  # noqa: ASYNC110 - all of them are waited for, and only once
        await asyncio.sleep(TICK_S)
    return read


async def _cpu(pid: int, seconds: float) -> float:
    """CPU time of a process over so many seconds, in percent of a core."""
    before, began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
