"""The history at an instant is what the plain reference makes of the records whose time had come by then."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.currencies import exponent
from streams.verify.reference.history import History, samples
from tests.reference.decode import EPOCH, Record, Rules, decode
from tests.reference.reference import indicators_answer, infrastructure_answer, totals_answer
from tests.reference.totals import HOUR, MINUTE, ReferenceTotals, compute
from tests.traffic import mixed
from tests.unit.reference.builders import asset, cancelled, executed, figure, micros, survey

END = datetime(2024, 8, 14, 7, 30, 5, tzinfo=UTC)
WALL_US = (END - EPOCH) // timedelta(microseconds=1)
Values = dict[tuple[str, ...], float]


def history(records: Iterable[Record], step_us: int, wall_us: int = WALL_US) -> History:
    made = History(step_us, wall_us, Rules())
    for record in records:
        made.take(record)
    return made


def at(made: History, instant: int, prefix: str = "") -> Values:
    """Metric and label values -> value, of all series at an instant."""
    found: Values = {}
    for metric, labels, changes in made.timelines():
        if metric.startswith(prefix):
            for _, value in samples(changes, range(instant, instant + 1)):
                assert (metric, *labels) not in found
                found[metric, *labels] = value
    return found


def dated(records: Iterable[Record]) -> list[tuple[int, Record]]:
    """The events among the records, with their times."""
    decoded = ((decode(record, WALL_US), record) for record in records)
    return [(event.time_us, record) for event, record in decoded if not isinstance(event, str)]


def before(events: list[tuple[int, Record]], now_us: int) -> ReferenceTotals:
    """The reference's totals at a time, of the events whose time had come."""
    return compute([record for time_us, record in events if time_us <= now_us], wall_us=WALL_US, now_us=now_us)


def exchanges(totals: Mapping[str, Any]) -> Values:
    found: Values = {}
    for row in totals["series"]:
        labels = (row["exchange"], row["product_type"], row["currency"], "true" if row["cross_border"] else "false")
        name = "citypulse_exchange_"
        found[f"{name}amount_gross_total", *labels] = float(row["gross"])
        found[f"{name}amount_cancelled_total", *labels] = float(row["cancelled"])
        found[f"{name}amount_net", *labels] = float(row["net"])
        found[f"{name}transactions_total", *labels, "executed"] = row["executed"]
        found[f"{name}transactions_total", *labels, "cancelled"] = row["cancelled_count"]
        for window, net in row["rolling"].items():
            found[f"{name}amount_rolling", *labels, window] = float(net)
        for period, net in row["to_date"].items():
            found[f"{name}amount_to_date", *labels, period] = float(net)
    return found


def places(infrastructure: Mapping[str, Any]) -> Values:
    found: Values = {}
    for row in infrastructure["assets"]:
        place = (row["asset_type"], row["area"], row["city"])
        found["citypulse_infrastructure_assets", *place] = row["count"]
        for unit, capacity in row["capacity"].items():
            found["citypulse_infrastructure_capacity", *place, unit] = float(capacity)
    return found


@pytest.mark.parametrize("step_us", [10_000_000, HOUR, 24 * HOUR], ids=["10s", "1h", "1d"])
def test_mixed_traffic_at_many_instants(step_us: int) -> None:
    records = list(mixed(21, 2_000, end=END))
    events = dated(records)
    made = history(records, step_us)
    last = WALL_US // step_us
    for back in (0, 1, 3, 30, 700):
        instant = last - back
        wanted = before(events, instant * step_us)
        assert at(made, instant, "citypulse_exchange") == exchanges(totals_answer(wanted)), back
        found = at(made, instant, "citypulse_infrastructure")
        reported = {name: value for name, value in found.items() if name[0].endswith("_reported")}
        assert {name: value for name, value in found.items() if name not in reported} == places(
            infrastructure_answer(wanted)
        ), back


def test_now_surveys_and_figures_are_those_of_the_reference() -> None:
    records = list(mixed(22, 3_000, end=END))
    made = history(records, MINUTE)
    totals = compute(records, wall_us=WALL_US, now_us=WALL_US)
    long_after = WALL_US // MINUTE + 100 * 365 * 24 * 60
    reported = infrastructure_answer(totals)["reported"]
    name = "citypulse_infrastructure_assets_reported"
    assert at(made, long_after, name) == {
        (name, row["asset_type"], row["area"]): row["count"] for row in reported if row["count"] is not None
    }
    current = indicators_answer(totals)["current"]
    name = "citypulse_indicator_value"
    assert current
    assert at(made, long_after, name) == {
        (name, row["indicator"], row["area"], row["unit"]): float(row["value"]) for row in current
    }


def test_a_cancellation_takes_its_amount_out_of_the_windows_when_it_comes() -> None:
    records = [
        executed("1", "2024-06-01T00:00:00Z"),
        cancelled("2", "2024-06-01T02:30:00Z", executed_at="2024-06-01T00:00:00Z"),
    ]
    made = history(records, HOUR)
    start = micros("2024-06-01T00:00:00+00:00") // HOUR
    name = ("bidex", "api", "CNY", "false")
    rolling = [at(made, start + hour).get(("citypulse_exchange_amount_rolling", *name, "24h")) for hour in range(-1, 5)]
    assert rolling == [None, 10, 10, 10, 0, 0]
    hourly = [at(made, start + hour)["citypulse_exchange_amount_rolling", *name, "1h"] for hour in range(3)]
    assert hourly == [10, 0, 0]
    assert at(made, start + 3)["citypulse_exchange_amount_cancelled_total", *name] == 10
    assert exponent("CNY") == 2


def test_an_asset_that_moves_leaves_nothing_behind_and_one_that_goes_leaves_a_zero() -> None:
    records = [
        asset("commissioned", "1", "2024-06-01T00:00:00Z", capacity="5", unit="kW"),
        asset("commissioned", "2", "2024-06-01T02:00:00Z", area="110105"),
        asset("decommissioned", "3", "2024-06-01T04:00:00Z", area="110105"),
    ]
    made = history(reversed(records), HOUR)
    start = micros("2024-06-01T00:00:00+00:00") // HOUR
    count, capacity = "citypulse_infrastructure_assets", "citypulse_infrastructure_capacity"
    assert at(made, start + 1) == {
        (count, "rack", "110108", "110000"): 1,
        (capacity, "rack", "110108", "110000", "kW"): 5,
    }
    assert at(made, start + 2) == {(count, "rack", "110105", "110000"): 1}
    assert at(made, start + 9) == {(count, "rack", "110105", "110000"): 0}


def test_figures_stand_from_the_end_of_their_period_and_what_is_inconsistent_never() -> None:
    records = [
        figure("gdp", "2022", "100", "2023-01-20"),
        figure("gdp", "2022", "101", "2023-06-20"),
        figure("large_models", "2023-M06", "20", "2023-07-01", unit="COUNT", unit_multiplier=0),
        figure("large_models", "2023-M09", "10", "2023-10-01", unit="COUNT", unit_multiplier=0),
        survey("s1", "2023-03-01T00:00:00Z", count=7),
    ]
    made = history(records, HOUR)
    gdp = ("citypulse_indicator_value", "gdp", "110000", "CNY")
    new_year = micros("2023-01-01T00:00:00+00:00") // HOUR
    assert gdp not in at(made, new_year - 1)
    assert at(made, new_year)[gdp] == 101e8
    assert at(made, new_year)["citypulse_indicator_period_end_timestamp_seconds", "gdp", "110000"] == new_year * 3600
    assert not [name for name in at(made, new_year + 20_000) if name[1] == "large_models"]
    reported = ("citypulse_infrastructure_assets_reported", "base_station_5g", "110000")
    surveyed = micros("2023-03-01T00:00:00+00:00") // HOUR
    assert (made.first, made.last) == (surveyed, surveyed)
    assert [at(made, instant).get(reported) for instant in (surveyed - 1, surveyed)] == [None, 7]
