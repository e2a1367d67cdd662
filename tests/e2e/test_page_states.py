"""What the page says in states that a healthy worker is never in: Chromium, and a server that shows what it is told."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from schemas.topics import SOURCES, TRANSACTIONS
from streams.aggregate.consistency import finding
from streams.aggregate.consistency_rules import Expected
from streams.aggregate.figures import FigureRow
from streams.aggregate.views import Assets, Observation, Partition, Reported, Series, Snapshot, ThresholdState
from streams.exposition.api import create_app
from streams.exposition.ingest import Ingestion
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.server import HttpServer
from streams.exposition.verdicts import Failed, Incoming, Verdict
from streams.state.board import Board, StateSettings
from tests.lookups import no_lookups

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
Scheme = Literal["light", "dark"]
CLOCK_US = 1_700_789_400_250_000
HUGE = 123_456_789_012_345_678

CALM = Snapshot(
    clock_us=CLOCK_US,
    complete=True,
    reasons=(),
    partitions=tuple(Partition(topic, 0, 100, 100, CLOCK_US, "worker-a", True) for topic in SOURCES),
    series=(
        Series("bidex", "spatial", "CNY", False, 2, HUGE, 0, 3, 0, {"1h": HUGE}, {}),
        Series("szdex", "spatial", "CNY", True, 2, 5, 105, 3, 1, {"1h": -100}, {}),
        Series("b<b>x</b>", "dataset", "CNY", False, 2, 1, 0, 1, 0, {"1h": 1}, {}),
    ),
    assets=(Assets("rack", "110108", "110000", 2, {"kW": 12_500_000_000_000_000_001}),),
    reported=(Reported("rack", "110108", 7, CLOCK_US, None, None, ""),),
    observations=(
        Observation("pue", "US-NY", "2023-Q3", CLOCK_US, Decimal("1.30"), "RATIO", "1.30 RATIO", "P", True,
                    "2023-10-20", "", True, False),
    ),
    inconsistencies=(),
    warnings=(),
    events={(TRANSACTIONS, "applied"): 100},
    dead_letters={},
    folded=0,
)  # fmt: skip


class Shown:
    """What the server shows."""

    def __init__(self) -> None:
        self.snapshot = CALM
        self.thresholds: tuple[ThresholdState, ...] = ()
        self.url = ""


async def _nobody(events: Sequence[Incoming]) -> Sequence[Verdict]:
    """Nothing is published here."""
    return [Failed("there is no Kafka") for _ in events]


@pytest.fixture
def shown() -> Iterator[Shown]:
    """A server in a thread of its own: Playwright has an event loop in this one."""
    shown = Shown()
    loop = asyncio.new_event_loop()
    info = {"version": "0"}
    pipeline = PipelineMetrics(SOURCES)
    app = create_app(
        snapshot=lambda: shown.snapshot,
        pipeline=pipeline,
        thresholds=lambda _: shown.thresholds,
        info=info,
        lookups=no_lookups(pipeline),
        ingestion=Ingestion(_nobody, None, loopback=False, rate=1, pipeline=pipeline, clock=time.monotonic),
    )
    server = HttpServer(app)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop).result()
    shown.url = f"http://127.0.0.1:{port}/"
    yield shown
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def page(browser: Browser, shown: Shown) -> Iterator[Page]:
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(shown.url)
    expect(page.locator("#trust")).to_have_attribute("data-level", "ok")
    yield page
    page.context.close()


def test_an_exact_number_is_no_float(page: Page) -> None:
    page.locator("#spans-1h").check(force=True)
    expect(page.locator("#amount")).to_have_text("1,234,567,890,123,455.79")
    expect(page.locator("#short")).to_have_text("≈ 1,235 trillion CNY")
    expect(page.locator("#exchanges .number").first).to_have_text("1,234,567,890,123,456.78")
    expect(page.locator("#exchanges .number").last).to_have_text("-1.00")


def test_what_is_wrong_is_said_in_the_language_of_the_page_or_else_in_english(page: Page, shown: Shown) -> None:
    one, labels = Decimal(1), {"area": "110108"}
    both = ThresholdState("Both", "critical", True, labels, one, one, CLOCK_US, ">", "value", "Idle.", "", "机柜空置")
    shown.thresholds = (both, replace(both, threshold="English", summary="Too hot.", summary_zh=""))
    said = page.locator("#thresholds .title > span")
    expect(said).to_have_text(["Idle.", "Too hot."])
    assert [each.get_attribute("lang") for each in said.all()] == ["en", "en"]
    page.locator("#language").click()
    expect(said).to_have_text(["机柜空置", "Too hot."])
    assert [each.get_attribute("lang") for each in said.all()] == ["zh-Hans", "en"]
    page.locator("#language").click()
    expect(said).to_have_text(["Idle.", "Too hot."])
    assert [each.get_attribute("lang") for each in said.all()] == ["en", "en"]


WAITS = ThresholdState("Waits", "warning", False, {}, Decimal("99532800"), Decimal("13305600"), CLOCK_US - 60_000_000,
                       ">", "age", "It is overdue.", "", "逾期未发布")  # fmt: skip
HOLDS = replace(WAITS, threshold="Holds", value=Decimal(86_400), since_us=None)
UNKNOWN = replace(HOLDS, threshold="Unknown", severity="critical", value=None)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_only_a_number_within_its_limit_is_said_to_be(browser: Browser, shown: Shown, scheme: Scheme) -> None:
    shown.thresholds = (UNKNOWN, HOLDS, WAITS, replace(HOLDS, threshold="Also"))
    page = browser.new_context(locale="en-GB", color_scheme=scheme, timezone_id="UTC").new_page()
    page.goto(shown.url)
    summary = page.locator("#calmsum")
    expect(summary).to_have_text("1 beyond their limit, waiting · 2 within their limit · 1 without a value")
    summary.click()
    rows = page.locator("#calm > li")
    expect(rows.locator(".title")).to_have_text(
        [
            "… Beyond its limit, waiting (warning) It is overdue.",
            "✓ Within its limit (warning) Holds",
            "✓ Within its limit (warning) Also",
            "\u2013 No value yet (critical) Unknown",
        ]
    )
    expect(rows.locator(".compared")).to_have_text(
        [
            re.compile(r"^1,152 days > 154 days · since .*\d\d:\d\d"),
            *["24 h against a limit of 154 days"] * 2,
            "limit 154 days",
        ]
    )
    assert [row.get_attribute("class") for row in rows.all()] == ["warn", "fine", "fine", "unknown"]
    expect(page.locator("#thresholds > li")).to_have_count(0)
    page.evaluate(AXE)
    assert page.evaluate("axe.run()")["violations"] == []
    page.locator("#language").click()
    expect(summary).to_have_text("1 个已超出阈值、等待中 · 2 个未越限 · 1 个尚无数值")
    expect(rows.locator("strong")).to_have_text(
        [
            re.compile("^… 已超出阈值\uff0c等待中\uff08警告\uff09$"),
            *[re.compile("^✓ 未越限")] * 2,
            re.compile("^\u2013 尚无数值"),
        ]
    )
    expect(rows.locator(".title > span").first).to_have_text("逾期未发布")
    expect(rows.locator(".compared").nth(1)).to_have_text("24 小时\uff0c阈值 154 天")
    page.context.close()


def test_several_series_of_one_threshold_are_all_told(page: Page, shown: Shown) -> None:
    labels = {"area": "110108", "exchange": "beijing-synthetic", "currency": "CNY"}
    more = tuple(
        (labels | {"exchange": name}, Decimal("1500000000.50")) for name in ("shenzhen-synthetic", "<i>guiyang</i>")
    )
    several = replace(WAITS, breached=True, labels=labels, compare="value", beyond=3, others=more)
    everywhere = replace(
        several, threshold="Areas", labels={"area": "110105"}, beyond=1_235, others=(({"area": "110108"}, Decimal(1)),)
    )
    shown.thresholds = (several, everywhere)
    compared = page.locator("#thresholds .compared")
    expect(compared.first).to_contain_text(
        "· beijing-synthetic · and 2 more: shenzhen-synthetic 1.5 billion CNY, <i>guiyang</i> 1.5 billion CNY · since"
    )
    expect(compared.last).to_contain_text("· Chaoyang · and 1,234 more: Haidian 1, … · since")
    page.locator("#language").click()
    expect(compared.first).to_contain_text("· 另有 2 个\uff1ashenzhen-synthetic 15 亿 CNY、<i>guiyang</i> 15 亿 CNY ·")
    expect(compared.last).to_contain_text("· 朝阳区 · 另有 1,234 个\uff1a海淀区 1、… ·")


def test_a_finding_and_a_refusal_are_told_in_the_language_of_the_page(page: Page, shown: Shown) -> None:
    row = FigureRow("gdp", "110000", "2023-01-01", "2024-01-01", "2024-01-20", 0, "5", "CNY", 8, "A", "", "2023-A1")
    expected = Expected(Decimal(10**9), Decimal(2 * 10**9))
    one = finding(row, ["share_of_gdp"], expected, "")
    several = finding(row._replace(vintage="2024-02-20"), ["unit_slip", "share_of_gdp", "stock_falls"], expected, "")
    letters = {(TRANSACTIONS, "invalid_field"): 2, (TRANSACTIONS, "not_json"): 1_000}
    shown.snapshot = replace(CALM, inconsistencies=(one, several), dead_letters=letters)
    said = page.locator("#findings > li > p[lang]")
    expect(said).to_have_text([one.message, several.message])
    assert "; also breaks share_of_gdp, stock_falls" in several.message
    title = page.locator("#findings .title > span").first
    expect(title).to_have_text("GDP, Beijing, 2023 (not shown as current)")
    refused = page.locator(f'#topics > li[data-topic="{TRANSACTIONS}"] > p')
    expect(refused).to_have_text("not JSON 1,000, a field is invalid 2")
    page.locator("#language").click()
    expect(title).to_have_text("地区生产总值\uff0c北京市\uff0c2023年\uff08不作为当前数字显示\uff09")
    expect(said).to_have_text(
        [
            "",
            "同时违反\uff1a比重乘 GDP 应得总量\uff08share_of_gdp\uff09、存量不应回落\uff08stock_falls\uff09",
        ]
    )
    assert [each.get_attribute("lang") for each in said.all()] == ["zh-Hans"] * 2
    expect(said.first).to_be_hidden()
    expect(refused).to_have_text("不是 JSON 1,000、字段无效 2")
    expect(page.locator("#districts .aside").first).to_contain_text("主管部门公布\uff1a7\uff0c2023-11-24")
    page.locator("#language").click()
    expect(said).to_have_text([one.message, several.message])
    expect(said.first).to_be_visible()


def test_a_city_without_assets_is_said_to_have_none(page: Page, shown: Shown) -> None:
    none = page.locator("#nodistricts")
    expect(page.locator("#districts > li")).to_have_count(1)
    expect(none).to_have_text("")
    shown.snapshot = replace(CALM, assets=(), reported=())
    expect(none).to_have_text("No assets are counted yet.")
    expect(page.locator("#districts > li")).to_have_count(0)
    page.locator("#language").click()
    expect(none).to_have_text("尚未计入任何设施。")


def test_names_are_text(page: Page) -> None:
    expect(page.locator("#exchanges")).to_contain_text("b<b>x</b>")
    assert page.locator("#exchanges b").count() == 0


def test_incomplete(page: Page, shown: Shown) -> None:
    reasons = tuple(f"<i>partition</i> {number} has no live owner" for number in range(5))
    shown.snapshot = replace(CALM, complete=False, reasons=reasons)
    expect(page.locator("#trust")).to_have_attribute("data-level", "bad")
    expect(page.locator("#verdict")).to_contain_text("Do not rely on these numbers")
    expect(page.locator("#complete")).to_have_text("No")
    expect(page.locator("#reasons > li")).to_have_text([*reasons[:3], "and 2 more"])
    expect(page.locator("#announce")).to_contain_text("Do not rely on these numbers")
    page.set_viewport_size({"width": 380, "height": 800})  # a phone: the bar stays in view and leaves room
    expect(page.locator("#reasons > li")).to_have_text([reasons[0], "and 4 more"])
    page.locator("#language").click()
    expect(page.locator("#verdict")).to_contain_text("请勿采信")
    shown.snapshot = CALM
    expect(page.locator("#trust")).to_have_attribute("data-level", "ok")
    expect(page.locator("#reasons")).to_be_hidden()


def test_why_it_is_incomplete_is_said_in_the_language_of_the_page(page: Page, shown: Shown) -> None:
    board = Board(StateSettings("UTC", "wall"), {"transactions": 1})
    shown.snapshot = replace(CALM, complete=False, reasons=board.reasons(0.0))
    reasons = page.locator("#reasons > li")
    expect(reasons).to_have_text(
        [
            "Partition 0 of the state log has not been read to its end for 3 s.",
            "Transactions: partition 0 has no live owner.",
        ]
    )
    page.locator("#language").click()
    expect(reasons).to_have_text(["状态日志的分区 0 已有 3 秒未读到末尾", "交易的分区 0 无存活进程"])


@pytest.mark.parametrize(
    ("change", "level", "says"),
    [
        (lambda part: replace(part, end_offset=part.next_offset + 40_000), "warn", "120,000 events are waiting"),
        (lambda part: replace(part, watermark_us=CLOCK_US - 3_600_000_000), "note", "no new transaction for 60 min"),
        (
            lambda part: replace(part, next_offset=0, end_offset=0, watermark_us=None),
            "note",
            "nothing has been published",
        ),
    ],
    ids=["behind", "quiet", "empty"],
)
def test_not_the_newest(
    page: Page, shown: Shown, change: Callable[[Partition], Partition], level: str, says: str
) -> None:
    shown.snapshot = replace(CALM, partitions=tuple(map(change, CALM.partitions)))
    expect(page.locator("#trust")).to_have_attribute("data-level", level)
    expect(page.locator("#verdict")).to_contain_text(says)


def test_a_worker_that_says_nothing_is_lost(page: Page, shown: Shown) -> None:
    release = threading.Event()

    def hang() -> Snapshot:
        release.wait()
        return CALM

    hanging = type("Hanging", (), {"__getattr__": lambda _, name: getattr(hang(), name)})
    shown.snapshot = hanging()
    try:
        expect(page.locator("#verdict")).to_contain_text("connection to the worker is lost")
    finally:
        release.set()
    expect(page.locator("#trust")).to_have_attribute("data-level", "ok")


@pytest.mark.parametrize("width", [380, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_runbook_is_readable_everywhere(browser: Browser, shown: Shown, width: int, scheme: Scheme) -> None:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    page.goto(f"{shown.url}runbooks/CityPulseLagHigh.md")
    expect(page.locator("h1")).to_have_text("CityPulseLagHigh")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE)
    assert page.evaluate("axe.run()")["violations"] == []
    page.context.close()


def test_reported_stands_beside_counted_and_provisional_is_marked(page: Page) -> None:
    district = page.locator('#districts > li[data-key="110108"]')
    expect(district).to_contain_text("Haidian")
    expect(district.locator(".number")).to_have_text("2")
    expect(district.locator(".aside")).to_have_text(
        "12.500000000000000001 kW · Reported by the authority: 7, 2023-11-24"
    )
    figure = page.locator("#figures > li")
    expect(figure).to_contain_text("1.3")
    expect(figure).to_contain_text("Jul\u2013Sep 2023")
    expect(figure.locator(".chip")).to_have_text(["provisional"])
    expect(page.locator("#nothresholds")).to_contain_text("No thresholds are set")
