"""The soak's own parts: its sums are those of the reference, its judge sees what is wrong, its report says what was."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from schemas.topics import INFRASTRUCTURE, TRANSACTIONS
from tests.faults.schedule import OF_THREE
from tests.reference.decode import Record
from tests.reference.reference import infrastructure_answer, totals_answer
from tests.reference.totals import compute
from tests.soak.judge import differences
from tests.soak.report import PANELS, chart, table
from tests.soak.run import FILL, FILL_STEP, KINDS, fill, plan
from tests.soak.samples import COLUMNS
from tests.soak.traffic import PARTITIONS, Place, Traffic
from tests.workers import ROOT

START = datetime(2024, 8, 14, 15, 30, tzinfo=UTC)


class FakeRun:
    """Load, ledger and workers: what is published is counted when the workers are waited for, and not before."""

    def __init__(self, published: dict[str, int]) -> None:
        self.published = published
        self.ledger = self
        self.most_at_once = self._waiting = 0

    def ends(self) -> dict[Place, int]:
        return {(topic, partition): count // 2 for topic, count in self.published.items() for partition in range(2)}

    async def fill(self, topic: str, count: int) -> None:
        self.published[topic] += count
        self._waiting += count
        self.most_at_once = max(self.most_at_once, self._waiting)

    async def recovered(self) -> float:
        self._waiting = 0
        return 0.0


@pytest.fixture(scope="module")
def told() -> tuple[dict[str, Any], Counter[Place], dict[str, Any], dict[str, Any]]:
    """What the traffic expects, where partitions end, and what the reference answers."""
    traffic = Traffic()
    messages = [message for tick in range(12) for message in traffic.events(START + timedelta(seconds=tick), 1_000)]
    messages += traffic.again()
    messages += traffic.filling(INFRASTRUCTURE, START + timedelta(seconds=12), 2_000)
    messages += traffic.filling(TRANSACTIONS, START + timedelta(seconds=13), 2_000)
    records = [Record(*message.place, message.key, message.value, []) for message in messages]
    reference = compute(sorted(records, key=lambda record: record[:2]), wall_us=int(START.timestamp() + 3600) * 10**6)
    ends = Counter(message.place for message in messages)
    totals = totals_answer(reference)
    totals["partitions"] = [
        {"topic": topic, "partition": partition, "next_offset": end} for (topic, partition), end in ends.items()
    ]
    expected = {name: list(counts.items()) for name, counts in vars(traffic.expected).items()}
    return expected, ends, totals, infrastructure_answer(reference)


def test_what_the_traffic_expects_is_what_the_reference_finds(told: tuple[Any, Any, Any, Any]) -> None:
    assert differences(*told) == []
    outcomes = dict(told[0]["outcomes"])
    names = {name for topic, name in outcomes if topic == TRANSACTIONS}
    assert names == {"applied", "late", "duplicate", "rejected"}
    assert outcomes[INFRASTRUCTURE, "applied"] > 500
    assert sum(count for _, count in told[0]["cancellations"]) > 50


@pytest.mark.parametrize("topic", [INFRASTRUCTURE, TRANSACTIONS])
def test_every_partition_of_a_topic_is_filled_alike(topic: str) -> None:
    places = Counter(message.place for message in Traffic().filling(topic, START, 400))
    assert places == {(topic, partition): 100 for partition in range(PARTITIONS)}


async def test_before_time_is_taken_every_topic_of_the_load_is_filled(capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun({TRANSACTIONS: 900_000, INFRASTRUCTURE: 10})
    await fill(run, run, 1_000_000)  # type: ignore[arg-type]
    assert run.published == {TRANSACTIONS: 1_000_000, INFRASTRUCTURE: 1_000_000}
    assert run.most_at_once == FILL_STEP
    assert "10 of 1,000,000 in" in capsys.readouterr().out
    assert f"{FILL} times\nas many records as identities" in (ROOT / "docs" / "soak.md").read_text()


@pytest.mark.parametrize("wrong", ["series", "outcome", "offset", "assets"])
def test_the_judge_sees_what_is_wrong(told: tuple[Any, Any, Any, Any], wrong: str) -> None:
    expected, ends, totals, infrastructure = told
    if wrong == "series":
        totals = {**totals, "series": totals["series"][1:]}
    elif wrong == "outcome":
        totals = {**totals, "events": {**totals["events"], TRANSACTIONS: {"applied": 1}}}
    elif wrong == "offset":
        totals = {**totals, "partitions": totals["partitions"][1:]}
    else:
        infrastructure = {"assets": infrastructure["assets"][1:]}
    found = differences(expected, ends, totals, infrastructure)
    assert found
    assert all(line.startswith(wrong) for line in found)


def test_only_the_second_worker_and_the_broker_are_met_by_faults() -> None:
    faults = [fault for fault, _ in zip(plan(1), range(60), strict=False)]
    assert {fault.worker for fault in faults} == {1}
    assert {fault.kind for fault in faults} == KINDS
    assert not KINDS & OF_THREE


def test_the_report_has_a_line_for_every_ten_minutes_and_every_panel() -> None:
    rows = [{**dict.fromkeys(COLUMNS, 1.0), "seconds": 10.0 * at, "per_second": 20_000.0} for at in range(181)]
    rows[5] |= {"rss_0_mib": 500.0, "rss_1_mib": 300.0}
    faults = [(100.0, "kill"), (700.0, "broker"), (710.0, "cut")]
    lines = table(rows, faults).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 0 to 10", "| 10 to 20", "| 20 to 30", "| 30 to 30"]
    assert [line.split(" | ")[-2] for line in lines[2:]] == ["1", "2", "0", "0"]
    assert lines[2].split(" | ")[2:6] == ["1", "500", "1", "300"], "median and highest of both workers"
    drawn = ElementTree.fromstring(chart(rows, faults))
    assert len([line for line in drawn.iter() if line.tag.endswith("polyline")]) == sum(len(p.lines) for p in PANELS)
