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
from tests.soak.run import KINDS, plan
from tests.soak.samples import COLUMNS
from tests.soak.traffic import Place, Traffic

START = datetime(2024, 8, 14, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def told() -> tuple[dict[str, Any], Counter[Place], dict[str, Any], dict[str, Any]]:
    """What the traffic expects, where partitions end, and what the reference answers."""
    traffic = Traffic()
    messages = [message for tick in range(12) for message in traffic.events(START + timedelta(seconds=tick), 1_000)]
    messages += traffic.again()
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
    faults = [(100.0, "kill"), (700.0, "broker"), (710.0, "cut")]
    lines = table(rows, faults).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 0 to 10", "| 10 to 20", "| 20 to 30", "| 30 to 30"]
    assert [line.split(" | ")[-2] for line in lines[2:]] == ["1", "2", "0", "0"]
    drawn = ElementTree.fromstring(chart(rows, faults))
    assert len([line for line in drawn.iter() if line.tag.endswith("polyline")]) == sum(len(p.lines) for p in PANELS)
