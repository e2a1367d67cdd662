"""The reference's totals against numbers worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.topics import TRANSACTIONS
from tests.reference.decode import DEFAULTS, Transaction, decode
from tests.reference.reference import compute, infrastructure_answer, totals_answer
from tests.reference.totals import Recount, Seen
from tests.unit.reference.builders import asset, cancelled, executed, micros, survey

WALL = micros("2024-07-01T00:00:00+00:00")


def only_series(records: list[Any], **options: Any) -> dict[str, Any]:
    (row,) = totals_answer(compute(records, wall_us=WALL, **options))["series"]
    assert isinstance(row, dict)
    return row


def outcomes(records: list[Any], **options: Any) -> dict[str, int]:
    return {outcome: n for (_, outcome), n in compute(records, wall_us=WALL, **options).events.items()}


def test_gross_cancelled_net_and_counts() -> None:
    row = only_series(
        [
            executed("a", "2024-06-01T09:00:00+08:00", "2650000.00"),
            executed("b", "2024-06-01T09:00:01+08:00", "0.5"),
            cancelled("c", "2024-06-01T09:00:02+08:00", "2024-06-01T09:00:01+08:00", "0.5"),
        ]
    )
    assert (row["gross"], row["cancelled"], row["net"]) == ("2650000.50", "0.50", "2650000.00")
    assert (row["executed"], row["cancelled_count"]) == (2, 1)


def test_currencies_keep_their_decimals_and_are_never_added() -> None:
    time = "2024-06-01T09:00:00Z"
    rows = totals_answer(
        compute(
            [
                executed("a", time, "7", currency="JPY"),
                executed("b", time, "7", currency="KWD"),
                executed("c", time, "7", currency="CNY"),
            ],
            wall_us=WALL,
        )
    )["series"]
    assert {row["currency"]: row["gross"] for row in rows} == {"JPY": "7", "KWD": "7.000", "CNY": "7.00"}


@pytest.mark.parametrize(
    ("window", "first", "before"),
    [
        ("1m", "2024-06-30T11:59:50Z", "2024-06-30T11:59:49.999999Z"),
        ("5m", "2024-06-30T11:55:50Z", "2024-06-30T11:55:49.999999Z"),
        ("1h", "2024-06-30T11:01:00Z", "2024-06-30T11:00:59.999999Z"),
        ("24h", "2024-06-29T12:01:00Z", "2024-06-29T12:00:59.999999Z"),
        ("7d", "2024-06-23T13:00:00Z", "2024-06-23T12:59:59.999999Z"),
        ("30d", "2024-05-31T13:00:00Z", "2024-05-31T12:59:59.999999Z"),
    ],
)
def test_a_window_begins_at_its_first_pane(window: str, first: str, before: str) -> None:
    now = micros("2024-06-30T12:00:45+00:00")
    row = only_series([executed("a", first, "1.00"), executed("b", before, "100.00")], now_us=now)
    assert row["rolling"][window] == "1.00"


def test_a_window_ends_with_the_pane_that_the_clock_is_in() -> None:
    now = micros("2024-06-30T12:00:45+00:00")
    records = [executed("a", "2024-06-30T12:00:49.999999Z", "1.00"), executed("b", "2024-06-30T12:00:50Z", "100.00")]
    assert only_series(records, now_us=now)["rolling"]["1m"] == "1.00"


def test_a_cancellation_takes_its_amount_out_of_the_windows_of_the_execution() -> None:
    row = only_series(
        [
            executed("a", "2024-06-30T11:00:00Z"),
            cancelled("b", "2024-06-30T12:00:00Z", "2024-06-30T11:00:00Z"),
            executed("c", "2024-06-30T12:00:00Z", "1.00"),
        ]
    )
    assert row["rolling"] == dict.fromkeys(("1m", "5m", "1h", "24h", "7d", "30d"), "1.00")


def test_a_cancellation_may_come_first() -> None:
    records = [cancelled("b", "2024-06-30T12:00:00Z", "2024-06-30T11:59:59Z"), executed("a", "2024-06-30T11:59:59Z")]
    row = only_series(records)
    assert (row["net"], row["rolling"]["1m"], row["to_date"]["year"]) == ("0.00", "0.00", "0.00")


def test_periods_are_those_of_shanghai() -> None:
    row = only_series(
        [
            executed("now", "2024-04-01T00:30:00+08:00", "1.00"),
            executed("march", "2024-03-31T23:59:59.999999+08:00", "10.00"),
            executed("new year", "2024-01-01T00:00:00+08:00", "100.00"),
            executed("old year", "2023-12-31T23:59:59+08:00", "1000.00"),
        ]
    )
    assert row["to_date"] == {"day": "1.00", "month": "1.00", "quarter": "1.00", "year": "111.00"}
    assert row["gross"] == "1111.00"


def test_late_by_the_clock_of_its_own_partition() -> None:
    new, old = "2024-06-30T12:30:00Z", "2024-05-31T12:59:59Z"
    assert outcomes([executed("a", new), executed("b", old)]) == {"applied": 1, "late": 1}
    assert outcomes([executed("a", new, partition=1), executed("b", old)]) == {"applied": 2}
    assert outcomes([executed("b", old), executed("a", new)]) == {"applied": 2}
    assert outcomes([executed("b", old)], now_us=micros("2024-06-30T12:30:00+00:00")) == {"late": 1}


def test_a_cancellation_is_late_with_its_execution() -> None:
    records = [executed("a", "2024-06-30T12:30:00Z"), cancelled("b", "2024-06-30T12:30:00Z", "2024-05-31T12:59:59Z")]
    assert outcomes(records) == {"applied": 1, "late": 1}
    assert only_series(records)["to_date"]["year"] == "0.00"


def test_a_duplicate_moves_the_clock_but_counts_nowhere() -> None:
    records = [
        executed("a", "2024-05-01T00:00:00Z"),
        executed("a", "2024-06-30T12:30:00Z"),
        executed("b", "2024-05-31T12:59:59Z"),
    ]
    assert outcomes(records) == {"applied": 1, "duplicate": 1, "late": 1}
    assert only_series(records)["gross"] == "20.00"


def test_a_repeat_is_known_for_as_many_events_as_the_horizon() -> None:
    ids = ["a", "b", "a", "c", "d", "a", "b"]
    records = [executed(id_, "2024-06-30T12:30:00Z") for id_ in ids]
    # "a" is met again after 2 and after 3 events, "b" after 5.
    assert outcomes(records, horizon=2) == {"applied": 6, "duplicate": 1}
    assert outcomes(records, horizon=3) == {"applied": 5, "duplicate": 2}
    assert outcomes(records, horizon=5) == {"applied": 4, "duplicate": 3}


def test_a_rejected_event_is_no_earlier_occurrence_and_another_partition_neither() -> None:
    time = "2024-06-30T12:30:00Z"
    records = [executed("a", time, "0"), executed("a", time), executed("a", time, partition=1), executed("a", time)]
    totals = compute(records, wall_us=WALL)
    assert totals.events == {
        (TRANSACTIONS, "rejected"): 1,
        (TRANSACTIONS, "applied"): 2,
        (TRANSACTIONS, "duplicate"): 1,
    }
    assert totals.dead_letters == {(TRANSACTIONS, "invalid_field"): 1}


def test_ahead_of_the_wall_clock() -> None:
    records = [executed("a", "2024-07-01T00:05:00Z"), executed("b", "2024-07-01T00:05:00.000001Z")]
    assert compute(records, wall_us=WALL).dead_letters == {(TRANSACTIONS, "from_the_future"): 1}


def test_the_later_event_time_decides_on_an_asset() -> None:
    records = [
        asset("decommissioned", "2", "2024-03-01T00:00:00Z"),
        asset("commissioned", "1", "2024-02-01T00:00:00Z", partition=1, capacity="5", unit="kW"),
        asset("commissioned", "3", "2024-02-01T00:00:00Z", asset_id="rack-2", capacity="12.5", unit="kW"),
        asset("commissioned", "4", "2024-04-01T00:00:00Z", asset_id="rack-3", area="SG"),
        asset("decommissioned", "5", "2024-04-01T00:00:00Z", asset_id="rack-3", area="SG"),
    ]
    rows = infrastructure_answer(compute(records, wall_us=WALL))["assets"]
    assert rows == [
        {"asset_type": "rack", "area": "110108", "city": "110000", "count": 1, "capacity": {"kW": "12.5"}},
        {"asset_type": "rack", "area": "SG", "city": "SG", "count": 0, "capacity": {}},
    ]


def test_a_survey_that_does_not_fit_is_not_shown() -> None:
    records = [
        survey("1", "2022-10-01T00:00:00Z", count=285_000),
        survey("2", "2023-05-01T00:00:00Z", count=92_600),
        survey("3", "2023-10-01T00:00:00Z", count=104_000),
        survey("4", "2024-06-01T00:00:00Z", count=122_000),
        survey("5", "2024-06-15T00:00:00Z", count=1_000),
    ]
    (row,) = infrastructure_answer(compute(records, wall_us=WALL))["reported"]
    assert (row["count"], row["count_time"]) == (122_000, "2024-06-01T00:00:00.000000Z")


def test_sums_beyond_64_bits_are_exact() -> None:
    records = [executed(str(n), "2024-06-30T12:30:00Z", "9999999999999999.99") for n in range(30)]
    totals = compute(records, wall_us=WALL)
    assert next(iter(totals.series.values())).gross == Decimal("299999999999999999.70")


def recounted(records: list[Any], **rules: Any) -> Recount:
    counted = Recount(WALL, event_clock=False, rules=DEFAULTS._replace(**rules))
    for record in records:
        counted.take(record)
    return counted


def test_beyond_the_budget_of_a_partition_series_fold_into_other() -> None:
    time = "2024-06-30T12:00:00Z"
    came = [("CNY", 0), ("HKD", 0), ("USD", 0), ("USD", 0), ("CNY", 0), ("USD", 1)]
    records = [
        executed(str(n), time, "1.00", currency=currency, partition=partition)
        for n, (currency, partition) in enumerate(came)
    ]
    totals = recounted(records, series_budget=2).at(WALL)
    assert totals.folded == 2
    assert {key[0] + key[2]: row.gross for key, row in totals.series.items()} == {
        "bidexCNY": 2, "bidexHKD": 1, "otherUSD": 2, "bidexUSD": 1,
    }  # fmt: skip


def test_by_the_wall_clock_a_transaction_grows_late_while_it_is_kept() -> None:
    counted = recounted([executed("a", "2024-06-30T12:00:00Z")])
    assert counted.at(WALL).events == {(TRANSACTIONS, "applied"): 1}
    assert counted.at(WALL + 40 * 86_400_000_000).events == {(TRANSACTIONS, "late"): 1}


def test_a_record_that_was_too_early_is_judged_by_the_clock_of_then() -> None:
    counted = Recount(WALL, event_clock=False)
    record = executed("a", "2024-06-30T12:00:00Z")
    counted.take(record, micros("2024-06-30T11:00:00+00:00"))
    counted.take(executed("b", "2024-06-30T12:00:00Z"), micros("2024-06-30T12:00:00+00:00"))
    assert counted.at(WALL).dead_letters == {(TRANSACTIONS, "from_the_future"): 1}


def test_what_is_remembered_ends_with_the_horizon() -> None:
    seen = Seen()
    events = [decode(executed(str(n), "2024-06-30T12:00:00Z"), WALL) for n in range(10)]
    for event in events:
        assert isinstance(event, Transaction)
        assert not seen.repeats(event, 3)
    assert len(seen.numbers) == 3
    assert seen.repeats(events[9], 3)  # type: ignore[arg-type]
    assert not seen.repeats(events[6], 3)  # type: ignore[arg-type]
