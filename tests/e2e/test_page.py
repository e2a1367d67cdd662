"""The live page in a real Chromium, fed by a worker."""

import asyncio
import itertools
import re
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from streams.publish import Publisher
from streams.publish.routing import Message
from streams.publish.story import story
from streams.publish.synthetic import Traffic
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.e2e.conftest import PATIENCE_S
from tests.ports import free_port
from tests.workers import WorkerProcess

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = """
thresholds:
  - {name: AnyTrade, metric: citypulse_exchange_amount_net, labels: {currency: CNY}, op: ">", limit: "1",
     severity: critical, summary: There is trade, runbook: docs/runbooks/CityPulseWatchdog.md}
  - {name: NoShare, metric: citypulse_indicator_value, labels: {indicator: digital_economy_share}, op: "<",
     limit: "0.1", severity: warning, summary: The share is low}
"""
NOTE_WHAT_IS_SAID = """() => {
    window.said = [];
    const announce = document.getElementById("announce");
    new MutationObserver(() => window.said.push(announce.textContent)).observe(announce, {childList: true});
}"""
BEYOND = """width => [...document.querySelectorAll("body *:not(.hidden, .skip, .scroll *)")]
    .filter(one => one.getBoundingClientRect().right > width).map(one => one.outerHTML.slice(0, 90))"""
AMOUNT = re.compile(r"\d\.\d\d|[mb]illion")
OF = {"24h": "of the last 24 hours", "30d": "of the last 30 days", "year": "this year", "all": "of all time"}
BROKEN_WORDS = re.compile(r"NaN|undefined|null|\{\w+\}|Infinity")


class City:
    """A worker on a port of its own that can be restarted, and a publisher."""

    def __init__(self, settings: Settings, thresholds: Path) -> None:
        self._settings = settings
        self._thresholds = thresholds
        self._traffic = Traffic(7)
        self._port = free_port()
        self.sent = 0
        self.worker = self._new_worker()

    def _new_worker(self) -> WorkerProcess:
        return WorkerProcess(
            self._settings.broker,
            "--port",
            str(self._port),
            app_id=self._settings.app_id,
            thresholds_file=self._thresholds,
        )

    def publish(self, count: int) -> None:
        """Synthetic events of now."""
        self.send(self._traffic.events(time.time_ns() // 1_000, count))

    def send(self, messages: list[Message]) -> None:
        async def send() -> None:
            async with Publisher(bootstrap_servers=self._settings.broker) as publisher:
                for message in messages:
                    await publisher.send_unchecked(message)
                await publisher.flush()

        _run(send())
        self.sent += len(messages)

    def restart(self) -> None:
        self.worker = self._new_worker().start()

    def totals(self) -> Any:
        return self.worker.get("/api/v1/totals")


def _run(work: Coroutine[Any, Any, object]) -> None:
    """In a thread of its own: Playwright has an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@pytest.fixture
def city(fresh_broker: Broker, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[City]:
    settings = make_settings(broker=fresh_broker.bootstrap, replication_factor=1)
    _run(create_topics(settings))
    (tmp_path / "thresholds.yaml").write_text(RULES)
    city = City(settings, tmp_path / "thresholds.yaml")
    city.worker.start()
    try:
        city.send(story())
        city.publish(300)
        yield city
    finally:
        city.worker.__exit__()


@pytest.fixture
def view(browser: Browser, city: City) -> Iterator[Callable[..., Page]]:
    """Opens the page and waits until it shows complete numbers; no page may say an error of its own."""
    errors: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "net::ERR_" not in message.text:
            errors.append(message.text)

    def open_page(width: int = 1440, **context: Any) -> Page:
        page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
        page.on("console", said)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(city.worker.url + "/")
        expect(page.locator("#trust")).to_have_attribute("data-level", "ok")
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert errors == []


def choose(page: Page, group: str, value: str) -> None:
    page.locator(f"#{group}-{value}").check(force=True)


def plain(text: str | None) -> str:
    return (text or "").replace(",", "")


def offsets(page: Page) -> dict[str, int]:
    """What the page says it has counted, by partition."""
    rows = page.locator("#partitions tr").evaluate_all(
        "rows => rows.map(r => [r.dataset.key, r.children[2].textContent])"
    )
    return {key: int(plain(text)) for key, text in rows}


def settled(page: Page, city: City) -> Any:
    """The API's totals, once the worker has taken in all that was sent, and the page has the same offsets.

    A lag of zero would not do: it is as of the worker's last fetch, and what was sent since is not in it.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        totals = city.totals()
        api = {f"{part['topic']}/{part['partition']}": part["next_offset"] for part in totals["partitions"]}
        if sum(api.values()) >= city.sent and offsets(page) == api:
            return totals
        assert time.monotonic() < deadline, f"{city.sent} were sent, the page has {offsets(page)}, the API {api}"
        time.sleep(0.05)


def amount(series: list[Any], span: str, **wanted: Any) -> Decimal:
    chosen = [row for row in series if all(row[name] == value for name, value in wanted.items())]
    if span == "all":
        return sum((Decimal(row["net"]) for row in chosen), Decimal(0))
    return sum((Decimal(row["rolling"].get(span) or row["to_date"][span]) for row in chosen), Decimal(0))


def bars(page: Page, name: str) -> dict[str, str]:
    rows = page.locator(f"#{name} > li").evaluate_all(
        "rows => rows.map(r => [r.dataset.key, r.querySelector('.number').textContent])"
    )
    return {key: plain(text) for key, text in rows}


def test_numbers_equal_the_apis_at_the_same_offsets(city: City, view: Callable[..., Page]) -> None:
    page = view()
    series = settled(page, city)["series"]
    for currency in ("CNY", "HKD"):
        choose(page, "currencies", currency)
        expect(page.locator("#code")).to_have_text(currency)
        for span, words in OF.items():
            choose(page, "spans", span)
            expect(page.locator("#of")).to_have_text(
                f"Net volume {words}"
            )  # drawn anew, also where the amount is equal
            total = amount(series, span, currency=currency)
            expect(page.locator("#amount")).to_have_text(f"{total:,.2f}")
            of_exchanges = {name: amount(series, span, currency=currency, exchange=name) for name in
                            {row["exchange"] for row in series}}  # fmt: skip
            shown = {name: f"{value:.2f}" for name, value in of_exchanges.items() if value}
            assert bars(page, "exchanges") == shown
            assert sum(map(Decimal, bars(page, "products").values()), Decimal(0)) == total
            crossing = amount(series, span, currency=currency, cross_border=True)
            expect(page.locator("#crossamount")).to_contain_text(f"{crossing:,.2f}")
    infrastructure = city.worker.get("/api/v1/infrastructure")
    counted = {
        row["area"]: str(row["count"]) for row in infrastructure["assets"] if row["asset_type"] == "base_station_5g"
    }
    assert bars(page, "districts") == dict(sorted(counted.items(), key=lambda item: (-int(item[1]), item[0]))[:20])
    topics = {row["topic"]: row["outcomes"] for row in city.worker.get("/api/v1/events")["topics"]}
    for topic, outcomes in topics.items():
        for outcome, count in outcomes.items():
            cell = page.locator(f'[data-topic="{topic}"] [data-outcome="{outcome}"] dd')
            expect(cell).to_have_text(f"{count:,}")


def test_new_events_arrive_by_themselves_and_the_window_can_be_switched(city: City, view: Callable[..., Page]) -> None:
    page = view()
    choose(page, "spans", "24h")
    expect(page.locator("#of")).to_have_text("Net volume of the last 24 hours")
    settled(page, city)
    before = page.locator("#amount").text_content()
    city.publish(200)
    expect(page.locator("#amount")).not_to_have_text(before or "")
    series = settled(page, city)["series"]
    expect(page.locator("#amount")).to_have_text(f"{amount(series, '24h', currency='CNY'):,.2f}")
    expect(page.locator("#of")).to_have_text("Net volume of the last 24 hours")
    choose(page, "spans", "all")
    expect(page.locator("#of")).to_have_text("Net volume of all time")
    expect(page.locator("#exchanges > li[data-key=bidex]")).to_be_visible()  # the story's, long past
    page.reload()
    expect(page.locator("#spans-all")).to_be_checked()  # the choice is kept
    assert page.locator("#chart canvas").count() == 1


def test_a_restart_of_the_worker_is_survived(city: City, view: Callable[..., Page]) -> None:
    page = view()
    choose(page, "spans", "all")
    expect(page.locator("#of")).to_have_text("Net volume of all time")
    settled(page, city)
    before = page.locator("#amount").text_content()
    city.worker.stop(signal.SIGKILL)
    expect(page.locator("#trust")).to_have_attribute("data-level", "bad")
    expect(page.locator("#verdict")).to_contain_text(
        "Do not rely on these numbers: the connection to the worker is lost"
    )
    expect(page.locator("#announce")).to_contain_text("connection to the worker is lost")
    expect(page.locator("#complete")).to_have_text("\u2013")
    assert page.locator("#amount").text_content() == before  # the last known number stays, marked
    city.restart()
    expect(page.locator("#trust")).to_have_attribute("data-level", "ok")
    expect(page.locator("#amount")).to_have_text(before or "")
    city.publish(100)
    series = settled(page, city)["series"]
    expect(page.locator("#amount")).to_have_text(f"{amount(series, 'all', currency='CNY'):,.2f}")


def test_what_is_inconsistent_provisional_synthetic_or_breached_is_marked(
    city: City, view: Callable[..., Page]
) -> None:
    page = view()
    settled(page, city)
    finding = page.locator("#findings > li.bad")
    expect(finding).to_have_count(1)
    for text in (
        "Inconsistent",
        "Off by 1000?",
        "unit_slip",
        "1,406,000,000 CNY",
        "not shown as current",
        "2023-11-25",
    ):
        expect(finding).to_contain_text(text)
    figure = page.locator('#figures > li[data-key="110000 digital_economy_value_added"]')
    expect(figure).to_contain_text("1,406,000,000,000 CNY")
    expect(figure.locator(".chip")).to_have_text(["estimated"])
    expect(figure).to_contain_text("Jan\u2013Sep 2023")
    expect(page.locator("#exchanges .chip.made").first).to_have_text("synthetic")
    expect(page.locator("#synthetic")).to_contain_text("100 %")
    expect(page.locator("#cities")).to_contain_text("104,000")
    breached = page.locator("#thresholds > li").first
    expect(breached).to_contain_text("Breached")
    expect(breached).to_contain_text("There is trade")
    expect(breached.locator("a").first).to_have_attribute("href", "api/v1/thresholds?threshold=AnyTrade")
    breached.get_by_role("link", name="What to do (runbook)").click()
    expect(page.locator("h1")).to_have_text("CityPulseWatchdog")
    page.get_by_role("link", name="CityPulse, live").click()
    expect(page.locator("#breached")).to_have_text("1 of 2")


@pytest.mark.parametrize(("language", "code"), [("en-GB", "en"), ("zh-CN", "zh-Hans")])
def test_no_overflow_no_violation_no_word_missing(view: Callable[..., Page], language: str, code: str) -> None:
    for width, scheme in itertools.product((380, 1440), ("light", "dark")):
        page = view(width, locale=language, color_scheme=scheme)
        expect(page.locator("#figures > li").first).to_be_visible()
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(BEYOND, width) == [], (width, scheme)
        assert BROKEN_WORDS.findall(page.locator("body").inner_text()) == []
        assert page.locator("html").get_attribute("lang") == code
        page.evaluate(AXE)
        found = page.evaluate(f"axe.run(document, {{runOnly: {TAGS}}})")
        violations = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found["violations"]]
        assert violations == [], (width, scheme)
        assert len(found["passes"]) > 20


def test_language_and_theme_are_switched_by_the_keyboard(view: Callable[..., Page]) -> None:
    page = view(locale="en-GB", color_scheme="light")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h2").first).to_have_text("交易额")
    expect(page.locator("#short")).to_contain_text(re.compile("[亿万]"))
    page.keyboard.press("Enter")
    expect(page.locator("h2").first).to_have_text("Exchange volume")
    expect(page.locator("#short")).to_contain_text(re.compile("[mb]illion"))
    page.keyboard.press("Tab")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#theme")).to_have_text("Theme: dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.locator("#spans-1h").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#spans-24h")).to_be_checked()
    expect(page.locator("#of")).to_have_text("Net volume of the last 24 hours")


def test_a_screen_reader_hears_states_and_not_numbers(city: City, view: Callable[..., Page]) -> None:
    page = view()
    settled(page, city)
    live = page.locator("[aria-live], [role=status], [role=alert], output")
    expect(live).to_have_count(1)
    expect(live).to_have_text("The numbers are complete. Thresholds breached: 1. Inconsistent figures: 1.")
    page.evaluate(NOTE_WHAT_IS_SAID)
    before = page.locator("#amount").text_content()
    city.publish(100)
    expect(page.locator("#amount")).not_to_have_text(before or "")
    settled(page, city)
    # A busy machine may be behind for a moment, which is said; an amount is not, however often it changes.
    assert [text for text in page.evaluate("window.said") if AMOUNT.search(text)] == []
