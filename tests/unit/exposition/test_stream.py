"""Server-sent events over a real port of the loopback."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, web

from schemas.topics import TRANSACTIONS
from streams.aggregate.views import Series, Snapshot, ThresholdState
from streams.exposition import stream
from streams.exposition.answers import series_row
from streams.exposition.sections import MOST_EXCHANGES, MOST_ROWS, SPANS
from streams.exposition.server import HttpServer
from streams.exposition.stream import PATH, LiveStream
from streams.exposition.times import time_text

FRAME_S = 0.01
DEADLINE_S = 60
WAITED_S = 0.2
ALL_SECTIONS = {"frame", "exchange", "partitions", "infrastructure", "indicators", "thresholds", "events"}
LONG_AGO = "9" * 30


class Live:
    """A stream on a port; ``show`` is what it shows, ``taken`` how many snapshots it took."""

    def __init__(self, snapshot: Snapshot, states: tuple[ThresholdState, ...], session: ClientSession) -> None:
        self.show: Callable[[], Snapshot] = lambda: snapshot
        self.taken = 0
        self.stream = LiveStream(self._take, lambda _: states, frame_s=FRAME_S, send_s=1.0)
        self._session = session
        self.url = ""

    def _take(self) -> Snapshot:
        self.taken += 1
        return self.show()

    async def open(self, last_event_id: str | None = None) -> ClientResponse:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        return await self._session.get(self.url, headers=headers)


@pytest.fixture
async def live(snapshot: Snapshot, states: tuple[ThresholdState, ...]) -> AsyncIterator[Live]:
    async with AsyncExitStack() as stack, asyncio.timeout(DEADLINE_S):
        session = await stack.enter_async_context(ClientSession())
        running = Live(snapshot, states, session)
        app = web.Application()
        app.router.add_get(PATH, running.stream.respond)
        app.on_shutdown.append(running.stream.close)
        server = HttpServer(app)
        running.url = f"http://127.0.0.1:{await server.start('127.0.0.1', 0)}{PATH}"
        stack.push_async_callback(server.stop)
        yield running


async def events(response: ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """(id, data) of each event."""
    last = ""
    async for raw in response.content:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name == "id":
            last = value
        elif name == "data":
            yield last, json.loads(value)


async def first(response: ClientResponse) -> tuple[str, dict[str, Any]]:
    return await anext(events(response))


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0)


async def test_the_first_frame_has_everything(live: Live, snapshot: Snapshot) -> None:
    response = await live.open()
    assert response.content_type == "text/event-stream"
    _, parts = await first(response)
    assert parts.keys() == ALL_SECTIONS
    assert parts["frame"] == {"clock": "2023-11-24T01:30:00.250000Z", "complete": True, "reasons": []}
    assert [part["next_offset"] for part in parts["partitions"]] == [p.next_offset for p in snapshot.partitions]
    assert parts["infrastructure"]["reported"]["rows"][0]["count"] == 104_000
    assert [row["hint"] for row in parts["indicators"]["inconsistencies"]["rows"]] == ["off by 1000?"] * 3
    assert all(row["current"] for row in parts["indicators"]["current"]["rows"])
    assert [row["breached"] for row in parts["thresholds"]] == [True, False]
    assert parts["events"]["outcomes"][TRANSACTIONS]["applied"] == 4


async def test_sums_are_those_of_the_api(live: Live, vary: Callable[..., Snapshot]) -> None:
    bidex = Series("bidex", "api", "CNY", True, 2, 900, 100, 2, 1, {"1h": 5, "30d": -3}, {"day": 7})
    made = replace(bidex, exchange="bidex-synthetic", product_type="model", cross_border=False)
    series = (*vary().series, bidex, made)
    live.show = lambda: vary(series=series)
    _, parts = await first(await live.open())

    def total(span: str, **wanted: object) -> Decimal:
        rows = [series_row(one) for one in series]
        amounts = (row["net"] if span == "all" else row["rolling"].get(span) or row["to_date"][span] for row in
                   rows if all(row[name] == value for name, value in wanted.items()))  # fmt: skip
        return sum(map(Decimal, amounts), Decimal(0))

    assert [one["currency"] for one in parts["exchange"]] == ["BHD", "CNY", "JPY"]
    for one in parts["exchange"]:
        currency = one["currency"]
        for span in SPANS:
            assert Decimal(one["total"][span]) == total(span, currency=currency)
            assert Decimal(one["cross_border"][span]) == total(span, currency=currency, cross_border=True)
            for row in one["exchanges"]:
                assert Decimal(row["amounts"][span]) == total(span, currency=currency, exchange=row["name"])
            for row in one["products"]:
                assert Decimal(row["amounts"][span]) == total(span, currency=currency, product_type=row["name"])
    cny = parts["exchange"][1]
    assert {row["name"]: row["synthetic"] for row in cny["exchanges"]} == {"bidex": False, "bidex-synthetic": True}
    assert cny["synthetic"]["all"] == "8.00"
    assert parts["exchange"][2]["total"]["all"] == "12345678901234567"  # beyond what a float can hold


async def test_a_frame_stays_small_with_many_exchanges_and_areas(live: Live, vary: Callable[..., Snapshot]) -> None:
    one = Series("", "api", "CNY", False, 2, 1, 0, 1, 0, {}, {})
    series = tuple(replace(one, exchange=f"x{number}", gross=number) for number in range(1, 501))
    assets = tuple(replace(vary().assets[0], area=f"X-{number}") for number in range(MOST_ROWS + 7))
    live.show = lambda: vary(series=series, assets=assets)
    _, parts = await first(await live.open())
    (row,) = parts["exchange"]
    assert [shown["name"] for shown in row["exchanges"][:2]] == ["x500", "x499"]
    assert row["rest"]["exchanges"] == 500 - MOST_EXCHANGES
    shown = sum(Decimal(exchange["amounts"]["all"]) for exchange in row["exchanges"])
    assert shown + Decimal(row["rest"]["amounts"]["all"]) == Decimal(row["total"]["all"])
    assert len(parts["infrastructure"]["assets"]["rows"]) == MOST_ROWS
    assert parts["infrastructure"]["assets"]["left_out"] == 7


async def test_only_what_changed_follows(live: Live, vary: Callable[..., Snapshot]) -> None:
    feed = events(await live.open())
    await anext(feed)
    assert (await anext(feed))[1].keys() == {"frame"}
    live.show = lambda: vary(complete=False, reasons=("reading",), assets=())
    async for _, parts in feed:
        if parts.keys() != {"frame"}:
            break
    assert parts.keys() == {"frame", "infrastructure"}
    assert parts["frame"]["reasons"] == ["reading"]


async def test_who_comes_back_gets_what_was_missed(live: Live, vary: Callable[..., Snapshot]) -> None:
    stays = events(await live.open())
    leaves = await live.open()
    seen, _ = await first(leaves)
    leaves.close()
    live.show = lambda: vary(assets=())
    async for _, parts in stays:
        if "infrastructure" in parts:
            break
    await anext(stays)
    _, parts = await first(await live.open(seen))
    assert parts.keys() == {"frame", "infrastructure"}


@pytest.mark.parametrize(
    "last", ["", "nonsense", "12345678-1", LONG_AGO, "{boot}-" + LONG_AGO, "{boot}--1", "{boot}-²"]
)
async def test_an_unknown_place_gets_everything(live: Live, last: str) -> None:
    boot = (await first(await live.open()))[0].partition("-")[0]
    _, parts = await first(await live.open(last.format(boot=boot)))
    assert parts.keys() == ALL_SECTIONS


async def test_one_snapshot_serves_all_viewers(live: Live, vary: Callable[..., Snapshot]) -> None:
    live.show = lambda: vary(series=(), clock_us=live.taken * 1_000_000)
    feeds = [events(await live.open()) for _ in range(20)]
    shown = [await anext(feed) for feed in feeds for _ in range(5)]
    numbers = {event_id.partition("-")[2]: parts["frame"]["clock"] for event_id, parts in shown}
    assert numbers == {number: time_text(int(number) * 1_000_000) for number in numbers}


async def test_nothing_is_made_when_nobody_watches(live: Live) -> None:
    response = await live.open()
    await first(response)
    response.close()
    await until(lambda: live.stream.viewers == 0)
    await until(lambda: live.stream.idle)
    before = live.taken
    await asyncio.sleep(FRAME_S * 5)
    assert live.taken == before
    _, parts = await first(await live.open())
    assert parts.keys() == ALL_SECTIONS


async def test_a_viewer_that_does_not_read_is_let_go(live: Live, vary: Callable[..., Snapshot]) -> None:
    phrases = [tuple(f"{n} {'x' * 100_000}" for n in range(start, start + 4)) for start in (0, 100)]
    turn = 0

    def large() -> Snapshot:
        nonlocal turn
        turn += 1
        return vary(complete=False, reasons=phrases[turn % 2])

    live.show = large
    host, port = live.url.removeprefix("http://").removesuffix(PATH).split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await until(lambda: live.stream.viewers == 1)
    reads = events(await live.open())
    await anext(reads)
    assert live.stream.viewers == 2
    async for _ in reads:
        if live.stream.viewers == 1:
            break
    assert (await anext(reads))[1]["frame"]["complete"] is False
    writer.close()


async def test_too_many_viewers_are_sent_elsewhere(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_VIEWERS", 1)
    await first(await live.open())
    refused = await live.open()
    assert refused.status == 503
    assert "ask another" in (await refused.json())["detail"]


async def test_a_worker_that_stops_lets_its_viewers_go(live: Live) -> None:
    response = await live.open()
    await first(response)
    await live.stream.close(web.Application())
    async for _ in events(response):
        pass  # the stream ends
    assert live.stream.viewers == 0


async def test_a_bug_ends_the_stream_and_not_the_next_one(
    live: Live, vary: Callable[..., Snapshot], caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Snapshot:
        raise LookupError("no board")

    response = await live.open()
    await first(response)
    live.show = broken
    with caplog.at_level(logging.ERROR):
        async for _ in events(response):
            pass
    assert "no frame for the live page" in caplog.text
    live.show = vary
    assert (await first(await live.open()))[1].keys() == ALL_SECTIONS


@pytest.mark.parametrize(
    ("took", "worked", "pause"),
    [(0.0, 0.0, 0.25), (0.01, 0.01, 0.24), (0.1, 0.1, 1.9), (60.0, 60.0, 2.0), (0.1, 0.005, 0.15), (60.0, 0.0, 0.0)],
)
def test_costly_frames_come_less_often(took: float, worked: float, pause: float) -> None:
    assert stream.pause(took, worked, 0.25) == pytest.approx(pause)


async def test_waiting_for_the_cpu_is_no_reason_for_fewer_frames(
    live: Live, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[tuple[float, float]] = []

    def pause(took: float, worked: float, frame_s: float) -> float:
        judged.append((took, worked))
        return frame_s

    def starved() -> Snapshot:
        time.sleep(WAITED_S)
        return snapshot

    monkeypatch.setattr(stream, "pause", pause)
    live.show = starved
    response = await live.open()
    while not judged:
        await first(response)
    took, worked = judged[0]
    assert took >= WAITED_S
    assert worked <= took - WAITED_S / 2
