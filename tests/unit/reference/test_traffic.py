"""The traffic holds what it promises."""

import json
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from schemas.topics import INDICATORS, INFRASTRUCTURE, TRANSACTIONS
from tests.reference.decode import Asset, Figure, Record, Survey, Transaction, decode
from tests.reference.reference import compute, indicators_answer
from tests.traffic import mixed
from tests.traffic_faults import KINDS, Faults
from tests.traffic_records import partition_of
from tests.unit.reference.builders import micros

END = datetime(2025, 4, 1, 9, 17, 23, 456_789, tzinfo=UTC)
END_US = micros(END.isoformat())
REASONS = {"not_json", "not_cloudevent", "unknown_type", "invalid_field", "wrong_topic", "too_large", "from_the_future"}


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(mixed(11, 20_000, end=END))


@pytest.fixture(scope="module")
def events(records: list[Record]) -> list[Transaction | Asset | Survey | Figure]:
    decoded = [decode(record, END_US) for record in records]
    return [event for event in decoded if not isinstance(event, str)]


def test_the_same_seed_gives_the_same_records(records: list[Record]) -> None:
    assert list(mixed(11, 300, end=END)) == list(mixed(11, 300, end=END))
    assert list(mixed(11, 300, end=END)) != list(mixed(12, 300, end=END))
    assert len(records) == 20_000
    assert list(mixed(11, 0, end=END)) == []


def test_every_outcome_and_reason(records: list[Record]) -> None:
    totals = compute(records, wall_us=END_US)
    outcomes = {outcome for topic, outcome in totals.events if topic == TRANSACTIONS}
    assert outcomes == {"applied", "late", "duplicate", "rejected"}
    for topic in (INFRASTRUCTURE, INDICATORS):
        assert {outcome for of, outcome in totals.events if of == topic} == {"applied", "duplicate", "rejected"}
    assert {reason for _, reason in totals.dead_letters} == REASONS
    assert totals.events.total() == len(records)
    assert 0.8 < sum(record.topic == TRANSACTIONS for record in records) / len(records) < 0.95
    assert 0.01 < totals.dead_letters.total() / len(records) < 0.03
    assert totals.clock_us == END_US


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_fault_is_refused_for_its_reason(kind: int) -> None:
    record, mended = Faults(random.Random(1), 1, END_US, 4).make(0, kind)
    assert decode(record, END_US) == KINDS[kind][0]
    assert mended is None or isinstance(decode(mended, END_US), Transaction)


def test_transactions_are_of_every_kind(records: list[Record], events: list[object]) -> None:
    trades = [event for event in events if isinstance(event, Transaction)]
    assert max(trade.time_us for trade in trades) == END_US
    assert {trade.series[2] for trade in trades} == {"CNY", "HKD", "JPY", "KWD"}
    assert {trade.series[3] for trade in trades} == {True, False}
    assert len({trade.series for trade in trades}) > 150
    assert any(trade.time_us < 0 for trade in trades)
    assert any(trade.time_us == END_US // 10_000_000 * 10_000_000 + 10_000_000 - 60_000_000 for trade in trades)
    assert sum(trade.time_us > END_US - 660_000_000 for trade in trades) > 0.6 * len(trades)
    assert any(len(trade.amount.as_tuple().digits) == 18 for trade in trades)
    assert any(later.time_us < trade.time_us for trade, later in pairwise(trades))
    modes = Counter("ce_id" in dict(record.headers) for record in records if record.topic == TRANSACTIONS)
    assert 0.02 < modes[True] / modes.total() < 0.08


def test_cancellations_come_before_and_after_their_execution(records: list[Record]) -> None:
    first: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.topic == TRANSACTIONS and record.key is not None and not record.headers:
            event = decode(record, END_US)
            if isinstance(event, Transaction):
                id_ = json.loads(record.value or b"")["data"]["transaction_id"]
                if event.cancelled and "executed" not in first[id_]:
                    first[id_].add("early")
                first[id_].add("cancelled" if event.cancelled else "executed")
    assert sum({"early", "executed"} <= seen for seen in first.values()) > 10
    assert sum({"cancelled", "executed"} <= seen and "early" not in seen for seen in first.values()) > 100


def test_ids_are_repeated_near_far_elsewhere_and_by_others(records: list[Record]) -> None:
    places: dict[str, list[tuple[int, int, str, bool]]] = defaultdict(list)
    for at, record in enumerate(records):
        event = decode(record, END_US)
        if isinstance(event, Transaction):
            places[event.id].append((at, record.partition, event.source, bool(record.headers)))
    pairs = [(one, other) for seen in places.values() for one, other in pairwise(seen)]
    same = [(one, other) for one, other in pairs if one[1:3] == other[1:3]]
    assert any(other[0] - one[0] < 100 for one, other in same)
    assert any(other[0] - one[0] > 5_000 for one, other in same)
    assert any(one[3] != other[3] for one, other in same)
    assert any(one[2] != other[2] for one, other in pairs)
    assert any(one[1] != other[1] for one, other in pairs)


def test_the_key_decides_on_the_partition(records: list[Record]) -> None:
    assert all(record.partition == partition_of(record.key or b"", 4) for record in records)
    assert {record.partition for record in records if record.topic == TRANSACTIONS} == {0, 1, 2, 3}
    assert {record.partition for record in mixed(1, 1_000, end=END, partitions=1)} == {0}


def test_a_mended_event_keeps_its_id(records: list[Record]) -> None:
    keys = Counter((record.topic, record.key) for record in records if b"-b" in (record.key or b""))
    assert any(n > 1 for n in keys.values())


def test_the_city(events: list[object]) -> None:
    assets = [event for event in events if isinstance(event, Asset)]
    by_id: dict[str, list[Asset]] = defaultdict(list)
    for asset in assets:
        by_id[asset.asset_id].append(asset)
    assert any(asset.capacity for asset in assets)
    assert any(asset.area == "110228" for asset in assets)
    assert any(one.time_us > other.time_us for seen in by_id.values() for one, other in pairwise(seen))
    assert any(
        one.time_us == other.time_us and one.gone != other.gone
        for seen in by_id.values()
        for one in seen
        for other in seen
    )
    surveys = [event for event in events if isinstance(event, Survey)]
    assert any(survey.count is None for survey in surveys)
    assert any(survey.capacity is None for survey in surveys)


def test_figures_are_revised_and_some_contradict_others(records: list[Record]) -> None:
    answer = indicators_answer(compute(records, wall_us=END_US))
    versions = Counter((row["indicator"], row["area"], row["period"]) for row in answer["figures"])
    assert max(versions.values()) > 1
    assert {row["status"] for row in answer["figures"]} >= {"A", "P", "M"}
    assert {"unit_slip", "stock_falls"} <= {row["rule"] for row in answer["inconsistencies"]}
