"""The story that is shipped: within the contract, and what it comes to."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from schemas.events import Asset, Event, Figure, Rejection, Survey
from schemas.scalars import parse_time
from schemas.topics import EXECUTED, FAMILY
from streams.aggregate.indicators import IndicatorFold, IndicatorPending
from streams.aggregate.infrastructure import InfrastructureFold, InfrastructurePending
from streams.decode import Decoder
from streams.publish.story import story

EVENTS: list[dict[str, Any]] = [msgspec.json.decode(message.value) for message in story()]
NOW_US = parse_time("2024-06-30T00:00:00+08:00")


def decoded() -> list[Event]:
    """What a worker makes of the story."""
    events: list[Event] = []
    for message in story():
        event = Decoder(message.topic)(message.value, message.headers, NOW_US)
        assert not isinstance(event, Rejection), event
        events.append(event)
    return events


def indicators() -> IndicatorFold:
    pending, fold = IndicatorPending(), IndicatorFold()
    for event in decoded():
        if isinstance(event, Figure):
            pending.add(event)
    fold.apply(0, pending.take(), 0)
    return fold


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["id"])
def test_every_event_is_plain_and_dated_by_its_vintage(event: dict[str, Any]) -> None:
    required = {"specversion", "id", "source", "type", "time", "datacontenttype", "data"}
    assert required <= event.keys() <= required | {"note"}
    assert (event["specversion"], event["datacontenttype"]) == ("1.0", "application/json")
    assert event["time"].endswith("+08:00")
    assert event["data"].get("vintage", event["time"][:10]) == event["time"][:10]


def test_ids_are_unique_and_times_in_order() -> None:
    assert len({(event["source"], event["id"]) for event in EVENTS}) == len(EVENTS)
    transactions = [event["data"]["transaction_id"] for event in EVENTS if event["type"] == EXECUTED]
    assert len(set(transactions)) == len(transactions)
    times = [parse_time(event["time"]) for event in EVENTS]
    assert times == sorted(times)


def test_every_message_is_keyed_on_its_topic() -> None:
    assert {message.topic for message in story()} == set(FAMILY)
    assert {message.key for message in story()} >= {
        b"gdp:110000",
        b"base_station_5g:110000",
        b"bidex-cumulative-2023-11",
    }


def test_the_slip_is_the_only_inconsistency() -> None:
    fold = indicators()
    assert [(one.rule, one.value, one.hint) for one in fold.inconsistencies()] == [
        ("unit_slip", Decimal("1406000000"), "off by 1000?")
    ]
    assert [(one.rule, one.period) for one in fold.warnings()] == [("growth_mismatch", "2023-01-01/P9M")]


def test_what_the_story_shows_as_current() -> None:
    shown = {(one.area, one.indicator): one.value for one in indicators().observations() if one.current}
    assert {name: value for (area, name), value in shown.items() if area == "110000"} == {
        "digital_economy_value_added": Decimal("1406000000000"),
        "digital_economy_share": Decimal("0.443"),
        "digital_economy_growth": Decimal("0.083"),
        "core_industries_value_added": Decimal("822670000000"),
        "core_industries_share": Decimal("0.243"),
        "core_industries_growth": Decimal("0.106"),
        "gdp": Decimal("3172310000000"),
        "large_models": Decimal(24),
    }
    assert {area for area, _ in shown} == {"110000", "440300", "440000", "330100", "CN"}


def test_what_stands_of_infrastructure() -> None:
    pending, fold = InfrastructurePending(), InfrastructureFold()
    for event in decoded():
        if isinstance(event, Asset | Survey):
            pending.add(event)
    fold.apply(0, pending.take(), 0)
    assert {one.asset_type: one.count for one in fold.reported()} == {"base_station_5g": 104_000, "large_model": 24}
    assert [(one.area, one.count, one.capacity) for one in fold.assets()] == [("X-BDA", 1, {"PFLOPS": 3_000 * 10**18})]
    assert fold.inconsistencies() == ()


def test_the_exchanges_cumulative_amounts() -> None:
    amounts: dict[str, Decimal] = {}
    for event in EVENTS:
        if event["type"] == EXECUTED:
            data = event["data"]
            amounts[data["exchange"]] = amounts.get(data["exchange"], Decimal(0)) + Decimal(data["amount"])
            assert "single trades" in event["note"]
    assert amounts == {"bidex": 2 * 10**9, "shenzhen": Decimal(11) * 10**8, "shanghai": 10**8}
