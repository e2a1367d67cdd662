"""Records for the tests of the reference, one event each."""

import json
from datetime import datetime
from typing import Any

from schemas.topics import INDICATORS, INFRASTRUCTURE, TRANSACTIONS
from tests.reference.decode import EPOCH, Record


def micros(text: str) -> int:
    """Microseconds since the epoch of an ISO time with an offset."""
    gone = datetime.fromisoformat(text) - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds


def event(topic: str, what: str, id_: str, time: str, data: dict[str, Any], partition: int = 0) -> Record:
    """An event in structured mode."""
    attributes = {"specversion": "1.0", "id": id_, "source": "/test", "type": f"citypulse.{what}.v1", "time": time}
    return Record(topic, partition, b"key", json.dumps(attributes | {"data": data}).encode(), [])


def executed(id_: str, time: str, amount: str = "10.00", partition: int = 0, **more: Any) -> Record:
    """An execution of 10 yuan on one exchange; ``more`` changes fields."""
    return event(TRANSACTIONS, "transaction.executed", id_, time, trade(id_, amount) | more, partition)


def cancelled(id_: str, time: str, executed_at: str, amount: str = "10.00", partition: int = 0) -> Record:
    """A cancellation."""
    data = trade(id_, amount) | {"executed_at": executed_at}
    return event(TRANSACTIONS, "transaction.cancelled", id_, time, data, partition)


def trade(id_: str, amount: str) -> dict[str, Any]:
    """``data`` of an execution."""
    return {
        "transaction_id": id_,
        "exchange": "bidex",
        "product_type": "api",
        "amount": amount,
        "currency": "CNY",
        "cross_border": False,
    }


def asset(what: str, id_: str, time: str, partition: int = 0, **more: Any) -> Record:
    """``what`` is commissioned or decommissioned; the asset is a rack in Haidian unless ``more`` says otherwise."""
    data = {"asset_id": "rack-1", "asset_type": "rack", "area": "110108"} | more
    return event(INFRASTRUCTURE, f"infrastructure.{what}", id_, time, data, partition)


def survey(id_: str, time: str, **numbers: Any) -> Record:
    """A survey of the base stations in Beijing."""
    data = {"asset_type": "base_station_5g", "area": "110000"} | numbers
    return event(INFRASTRUCTURE, "infrastructure.surveyed", id_, time, data)


def figure(indicator: str, period: str, value: str, vintage: str, **more: Any) -> Record:
    """A figure for Beijing in 10^8 yuan unless ``more`` says otherwise."""
    data: dict[str, Any] = {"indicator": indicator, "area": "110000", "period": period, "value": value, "unit": "CNY"}
    data |= {"unit_multiplier": 8, "status": "A", "vintage": vintage} | more
    id_ = f"{indicator}:{data['area']}:{period}:{vintage}:{value}"
    return event(INDICATORS, "indicator.observed", id_, "2024-06-01T00:00:00Z", data)


def percent(indicator: str, period: str, value: str, vintage: str) -> Record:
    """A figure in percent."""
    return figure(indicator, period, value, vintage, unit="PERCENT", unit_multiplier=0)
