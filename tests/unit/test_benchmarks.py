"""What benchmarks compute from what they saw; their figures are no test's business."""

import re
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from benchmarks import document
from benchmarks.document import put, spread
from benchmarks.drain import Drained, rows
from benchmarks.growth import first_series, folded
from benchmarks.latency import PARTITIONS, WARM_UP_S, Look, judge, row
from benchmarks.load import record_of, totals, wide
from benchmarks.pacing import Sent
from benchmarks.scraped import between, quantile, visible

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARKS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text())
DOCUMENTED = (ROOT / "docs" / "benchmarks.md").read_text()


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_every_benchmark_has_its_command_in_the_document(path: Path) -> None:
    commands = (f"python benchmarks/{path.name}", f"python -m benchmarks.{path.stem}", "make bench-peers")
    said = [command for command in commands if re.search(rf"``?{re.escape(command)}[ `(]", path.read_text())]
    assert said, "its own docstring names no command"
    assert any(re.search(rf"`{re.escape(command)}[ `]", DOCUMENTED) for command in said)


@pytest.mark.parametrize(("module", "arguments"), re.findall(r"`python -m benchmarks\.(\w+)([^`]*)`", DOCUMENTED))
def test_documented_arguments_exist(module: str, arguments: str) -> None:
    source = "".join((ROOT / "benchmarks" / f"{name}.py").read_text() for name in (module, "brokers", "drain"))
    assert [name for name in re.findall(r"--[a-z]+", arguments) if f'"{name}"' not in source] == []


def test_sections_that_benchmarks_write_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(document, "FILE", tmp_path / "copy.md")
    sections = [f"{name} {broker}" for name in ("latency", "scaling") for broker in ("embedded", "apache")]
    for section in (*sections, "growth", "scrape effect", "peers"):
        document.FILE.write_text(DOCUMENTED)
        put(section, "figures")
        assert f"<!-- {section} -->\nfigures\n<!-- /{section} -->" in document.FILE.read_text()


def test_quantile_is_linear_within_a_bucket() -> None:
    buckets = {0.1: 10.0, 0.2: 30.0, float("inf"): 40.0}
    assert quantile(buckets, 0.5) == pytest.approx(0.15)
    assert quantile(buckets, 0.125) == pytest.approx(0.05)
    assert quantile(buckets, 0.99) == 0.2  # beyond the last bound nothing is known
    with pytest.raises(ValueError, match="empty"):
        quantile({0.1: 0.0, float("inf"): 0.0}, 0.5)


def test_histogram_of_a_scrape_is_summed_over_topics() -> None:
    text = b"".join(
        b'citypulse_event_visible_seconds_bucket{topic="%s",le="%s"} %s\n' % parts
        for parts in ((b"a", b"0.1", b"1.0"), (b"b", b"0.1", b"2.0"), (b"a", b"+Inf", b"4.0"), (b"b", b"+Inf", b"8.0"))
    )
    assert visible(text) == {0.1: 3.0, float("inf"): 12.0}
    assert between({0.1: 1.0}, visible(text)) == {0.1: 2.0, float("inf"): 12.0}


def _seen(wait: float, *, late: float = 0.0) -> tuple[Sent, list[Look]]:
    """A mark every 20 ms in each partition, each seen after so many seconds."""
    stamps = [number * 0.02 for number in range(1, 1_001)]
    sent = Sent([stamps] * PARTITIONS, 4_000, 20.0, [late] * 1_000)
    looks = [
        Look(at + wait, dict.fromkeys(range(PARTITIONS), number), {0.1: 0.0, 0.2: 4.0 * number}, 0.5 * at)
        for number, at in enumerate(stamps, 1)
    ]
    return sent, looks


def test_latency_is_from_the_mark_to_the_scrape_that_shows_it() -> None:
    result = judge(200, *_seen(0.03), 4_000)
    assert result.observed == pytest.approx((0.03, 0.03))
    assert result.histogram == pytest.approx((0.15, 0.199))
    assert result.cpu == pytest.approx(0.5)
    assert result.pace == pytest.approx(200.0)
    assert result.void == ""


def test_latency_leaves_the_warm_up_out() -> None:
    sent, looks = _seen(0.03)
    slow = [Look(look.at + 9.0 * (look.at < WARM_UP_S), look.marks, look.visible, look.cpu) for look in looks]
    assert judge(200, sent, slow, 4_000).observed == pytest.approx((0.03, 0.03))


def test_latency_is_void_without_the_pace_or_an_event() -> None:
    assert "the pace was not held" in judge(203, *_seen(0.03), 4_000).void
    assert "60 ms late" in judge(200, *_seen(0.03, late=0.06), 4_000).void
    lost = judge(200, *_seen(0.03), 3_999)
    assert lost.void == "3,999 of 4,000 events were counted"
    assert row(200, [lost]) == ["200", "", "", "", "", "", lost.void]


def test_a_case_is_held_against_the_first_and_wrong_totals_are_void() -> None:
    results = {
        "one": [Drained(100.0, 4.0, 10.0, True), Drained(900.0, 9.0, 10.0, False), Drained(300.0, 4.0, 10.0, True)],
        "two": [Drained(300.0, 5.0, 20.0, True)],
        "three": [Drained(300.0, 5.0, 20.0, False)],
    }
    assert rows(results) == [
        ["one", "200 (100 - 300)", "1.00 x", "4.00 (4.00 - 4.00)", "1.00 x", "10 (10 - 10)", "exact in 2 of 3 runs"],
        ["two", "300", "1.50 x", "5.00", "1.25 x", "20", "exact in 1 of 1 runs"],
        ["three", "", "", "", "", "", "exact in 0 of 1 runs"],
    ]
    assert spread([1.0, 3.0, 2.0], 1) == "2.0 (1.0 - 3.0)"


@pytest.mark.parametrize("series", [1, 21, 1_000])
def test_every_series_of_the_wide_load_is_in_every_partition(series: int) -> None:
    trade = partial(wide, series=series, partitions=4)
    for partition in range(4):
        assert len({trade(index).series for index in range(partition, 4 * series, 4)}) == series
    key, value = record_of(trade)(7)
    assert key == b"tx-000000007"
    assert trade(7).series[0].encode() in value


def test_series_beyond_the_budget_are_other_ones() -> None:
    trade = partial(wide, series=50, partitions=4)
    kept = first_series(trade, 50, 30)
    sums = totals(400, trade)
    found = folded(sums, kept)
    assert len(kept) == 30
    assert sum(found.values()) == sum(sums.values())
    assert {key for key in found if key[0] != "other"} == set(kept)
    assert all(found[key] == sums[key] for key in kept)
    assert folded(sums, list(sums)) == Counter(sums)
