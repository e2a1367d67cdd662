"""How soon the live page shows an event, what its viewers cost a worker, and how many bytes it has.

``python benchmarks/page.py [--viewers 20] [--rate 500] [--seconds 15] [--rounds 3] [--events 50]``

One worker on an embedded broker takes synthetic events in steadily. First Chromium has the page open, and events of an
exchange of their own are posted, each after the one before was shown and a random rest, so that they are in step with
nothing. From just before the POST until it is answered, until a frame with the event has been read, and until the
page's document has its amount; Chromium and everything else share the cores.

Then rounds without viewers alternate with rounds with
them, so that what drifts hits both alike; the CPU time is the worker's own, of all its threads. A viewer is a
connection that reads every event of ``/api/v1/stream``; drawing is the browser's work and is not counted. Linux only:
CPU time comes from /proc.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import aiohttp
import cramjam
from playwright.async_api import async_playwright

from benchmarks.load import Trade
from benchmarks.machine import cpu_seconds
from schemas.envelope import STRUCTURED
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
MARK = "mark"
"""The exchange of the events that are waited for. Each is of 1.00 CNY, so its net amount says how many are shown."""
REST_S = 0.5
FRAME_BYTES = 1 << 22
NOTE_AMOUNTS = """name => {
    window.shown = {};
    new MutationObserver(() => {
        const number = document.querySelector(`#exchanges > [data-key="${name}"] .number`);
        if (number) window.shown[number.textContent] ??= Date.now() / 1000;
    }).observe(document.getElementById("exchanges"), {childList: true, characterData: true, subtree: true});
}"""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="What viewers of the live page cost.")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=50, help="that are posted and waited for in Chromium")
    arguments = parser.parse_args()
    files = bundle().values()
    packed = sum(len(cramjam.gzip.compress(asset.body, 1)) for asset in files)
    print(f"load average before: {os.getloadavg()[0]:.1f}")
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
        await _live(url, arguments.events)
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


async def _live(url: str, events: int) -> None:
    """Prints how soon events that are posted are answered, in a frame and in the document of a Chromium."""
    answered, framed, shown = [], [], []
    rests = random.Random(7)
    frames: defaultdict[str, asyncio.Future[float]] = defaultdict(asyncio.get_running_loop().create_future)
    async with async_playwright() as playwright, aiohttp.ClientSession(read_bufsize=FRAME_BYTES) as session:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = await browser.new_page()
        await page.goto(f"{url}/")
        await page.locator("#spans-all").check(force=True)
        await page.evaluate(NOTE_AMOUNTS, MARK)
        reading = asyncio.create_task(_read_frames(session, url, frames))
        for number in range(1, events + 1):
            await asyncio.sleep(REST_S * rests.random())
            event = Trade(number, (MARK, "dataset", "CNY", False), 100, datetime.now(UTC)).value()
            began = time.time()
            async with session.post(f"{url}/api/v1/events", data=event, headers={"Content-Type": STRUCTURED}) as answer:
                answer.raise_for_status()
            answered.append(time.time() - began)
            amount = f"{number:,}.00"
            seen = await page.wait_for_function("amount => window.shown[amount]", arg=amount)
            shown.append(await seen.json_value() - began)
            await asyncio.wait((frames[amount], reading), return_when=asyncio.FIRST_COMPLETED)  # a reader may fail
            framed.append(frames[amount].result() - began)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await browser.close()
    for name, waits in (("answered", answered), ("in a frame", framed), ("in the document", shown)):
        cuts = statistics.quantiles(waits, n=20)
        print(
            f"POST until {name}: p50 {1000 * cuts[9]:.0f} ms, p95 {1000 * cuts[18]:.0f} ms, "
            f"most {1000 * max(waits):.0f} ms, of {events} events"
        )
    print(f"load average then: {os.getloadavg()[0]:.1f}")


async def _read_frames(
    session: aiohttp.ClientSession, url: str, frames: defaultdict[str, "asyncio.Future[float]"]
) -> None:
    """Notes when the first frame with each amount of the marks was read."""
    async with session.get(url + PATH, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        async for line in answer.content:
            if line.startswith(b"data: "):
                for one in json.loads(line[6:]).get("exchange", ()):
                    for exchange in one["exchanges"]:
                        if exchange["name"] == MARK:
                            frame = frames[f"{float(exchange['amounts']['all']):,.2f}"]
                            if not frame.done():
                                frame.set_result(time.time())


async def _watch(stack: AsyncExitStack, url: str, viewers: int) -> list[int]:
    """Connects the viewers; the list counts the bytes that each has read."""
    read, begun = [0] * viewers, [asyncio.Event() for _ in range(viewers)]
    connector = aiohttp.TCPConnector(limit=viewers)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def watch(number: int) -> None:
        async with session.get(url + PATH, timeout=aiohttp.ClientTimeout(total=None)) as answer:
            async for piece in answer.content.iter_any():
                read[number] += len(piece)
                begun[number].set()

    tasks = [asyncio.create_task(watch(number)) for number in range(viewers)]

    async def leave() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(leave)
    for event in begun:
        await event.wait()
    return read


async def _cpu(pid: int, seconds: float) -> float:
    """CPU time of a process over so many seconds, in percent of a core."""
    before, began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
