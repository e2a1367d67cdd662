"""Broken records of the synthetic traffic, one after the other, each with the reason that it must be refused for."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from schemas.topics import INDICATORS, INFRASTRUCTURE, TRANSACTIONS
from tests.reference.decode import EPOCH, Record
from tests.traffic_records import partition_of

DROP = object()

Event = dict[str, Any]
Headers = list[tuple[str, bytes]]

RAW: tuple[tuple[str, bytes | None], ...] = (
    ("not_json", None),
    ("not_json", b""),
    ("not_json", b"  "),
    ("not_json", b"\xff\xfe\x00"),
    ("not_json", b'{"specversion":"1.0","id":"\xe4\xb8"}'),
    ("not_json", b'{"specversion":"1.0"'),
    ("not_json", b"id=1;amount=2"),
    ("not_json", b'{"specversion":"1.0"} {}'),
    ("not_json", b"{'specversion':'1.0'}"),
    ("not_json", b'{"specversion":NaN}'),
    ("not_json", b'{"specversion":1e999}'),
    ("not_json", b'{"specversion":"\\ud800"}'),
    ("not_json", b"\xef\xbb\xbf{}"),
    ("not_json", b"[" * 30_000),
    ("not_json", b"[" * 100 + b"]" * 100),
    ("not_cloudevent", b"null"),
    ("not_cloudevent", b"17"),
    ("not_cloudevent", b'"text"'),
    ("not_cloudevent", b"[]"),
    ("not_cloudevent", b"{}"),
    ("too_large", b'{"specversion":"1.0","padding":"' + b"x" * 65_536 + b'"}'),
)

ATTRIBUTES: tuple[tuple[str, Event], ...] = (
    ("not_cloudevent", {"specversion": DROP}),
    ("not_cloudevent", {"specversion": "0.3"}),
    ("not_cloudevent", {"specversion": 1.0}),
    ("not_cloudevent", {"id": DROP}),
    ("not_cloudevent", {"id": ""}),
    ("not_cloudevent", {"id": 7}),
    ("not_cloudevent", {"id": "a\nb"}),
    ("not_cloudevent", {"source": DROP}),
    ("not_cloudevent", {"source": "s" * 257}),
    ("not_cloudevent", {"type": DROP}),
    ("not_cloudevent", {"type": None}),
    ("not_cloudevent", {"datacontenttype": "application/xml"}),
    ("unknown_type", {"type": "citypulse.transaction.settled.v1"}),
    ("unknown_type", {"type": "citypulse.transaction.executed.v2"}),
    ("unknown_type", {"type": "citypulse.alert.fired.v1"}),
    ("wrong_topic", {"type": "citypulse.infrastructure.commissioned.v1"}),
    ("wrong_topic", {"type": "citypulse.indicator.observed.v1"}),
    ("invalid_field", {"time": DROP}),
    ("invalid_field", {"time": ""}),
    ("invalid_field", {"time": 1_700_000_000}),
    ("invalid_field", {"time": "2023-11-24 09:30"}),
    ("invalid_field", {"time": "2023-11-24T09:30:00"}),
    ("invalid_field", {"time": "2023-02-30T00:00:00Z"}),
    ("invalid_field", {"time": "2023-11-24T09:30:60Z"}),
    ("invalid_field", {"time": "2023-11-24T09:30:00+08:60"}),
    ("invalid_field", {"time": "1899-11-24T09:30:00Z"}),
    ("from_the_future", {"time": "2200-01-01T00:00:00+08:00"}),
    ("invalid_field", {"data": DROP}),
    ("invalid_field", {"data": None}),
    ("invalid_field", {"data": "text"}),
    ("invalid_field", {"data": []}),
    ("invalid_field", {"data": {}}),
    ("invalid_field", {"data_base64": "e30="}),
)

DATA: tuple[Event, ...] = (
    {"amount": "0"},
    {"amount": "0.00"},
    {"amount": "-5.00"},
    {"amount": "+5.00"},
    {"amount": 12.5},
    {"amount": 12},
    {"amount": "1e3"},
    {"amount": "1.234"},
    {"amount": ""},
    {"amount": "."},
    {"amount": "5."},
    {"amount": ".5"},
    {"amount": " 5"},
    {"amount": "1,000"},
    {"amount": "１２"},  # noqa: RUF001 - full-width digits are what it is about
    {"amount": "1234567890123456789"},
    {"amount": "NaN"},
    {"amount": DROP},
    {"currency": "XXX"},
    {"currency": "cny"},
    {"currency": None},
    {"currency": DROP},
    {"cross_border": "false"},
    {"cross_border": 0},
    {"cross_border": DROP},
    {"product_type": "song"},
    {"product_type": ""},
    {"exchange": "BIDEX"},
    {"exchange": "total"},
    {"exchange": ""},
    {"exchange": "e" * 65},
    {"exchange": "数据"},
    {"transaction_id": ""},
    {"transaction_id": DROP},
    {"transaction_id": 17},
    {"transaction_id": "a\u0000b"},
    {"buyer_area": "999999"},
    {"buyer_area": "110228"},  # not in force any more
    {"seller_area": "CN-BJ"},
    {"seller_area": ""},
    {"colour": "red"},
    {"executed_at": "2023-11-24T09:30:00Z"},  # of cancellations only
)

OTHERS: tuple[tuple[str, str, Event], ...] = tuple(
    (topic, f"citypulse.{what}.v1", data)
    for topic, what, data in (
        (INFRASTRUCTURE, "infrastructure.commissioned", {"asset_id": "f-1", "asset_type": "road", "area": "SG"}),
        (INFRASTRUCTURE, "infrastructure.commissioned", {"asset_id": "f-1", "asset_type": "rack", "area": "beijing"}),
        (INFRASTRUCTURE, "infrastructure.commissioned",
         {"asset_id": "f-1", "asset_type": "rack", "area": "SG", "capacity": "5"}),
        (INFRASTRUCTURE, "infrastructure.commissioned",
         {"asset_id": "f-1", "asset_type": "rack", "area": "SG", "capacity": "-5", "unit": "kW"}),
        (INFRASTRUCTURE, "infrastructure.commissioned",
         {"asset_id": "f-1", "asset_type": "rack", "area": "SG", "capacity": "5", "unit": "PFLOPS"}),
        (INFRASTRUCTURE, "infrastructure.decommissioned", {"asset_type": "rack", "area": "SG"}),
        (INFRASTRUCTURE, "infrastructure.surveyed", {"asset_type": "rack", "area": "SG"}),
        (INFRASTRUCTURE, "infrastructure.surveyed", {"asset_type": "rack", "area": "SG", "count": -1}),
        (INFRASTRUCTURE, "infrastructure.surveyed", {"asset_type": "rack", "area": "SG", "count": "5"}),
        (INDICATORS, "indicator.observed", {"indicator": "happiness"}),
        (INDICATORS, "indicator.observed", {"period": "2023-Q5"}),
        (INDICATORS, "indicator.observed", {"value": "1.5e3"}),
        (INDICATORS, "indicator.observed", {"value": "-5"}),
        (INDICATORS, "indicator.observed", {"unit": "PERCENT"}),
        (INDICATORS, "indicator.observed", {"unit_multiplier": 19}),
        (INDICATORS, "indicator.observed", {"status": "R"}),
        (INDICATORS, "indicator.observed", {"vintage": "2023-13-01"}),
        (INDICATORS, "indicator.observed", {"source_url": "ftp://example.org/x"}),
    )
)  # fmt: skip

FIGURE = {"indicator": "gdp", "area": "SG", "period": "2023", "value": "5", "unit": "CNY", "status": "A",
          "vintage": "2024-01-20"}  # fmt: skip

HEADERS: tuple[tuple[str, Event], ...] = (
    ("not_cloudevent", {"ce_id": None}),
    ("not_cloudevent", {"ce_source": None}),
    ("not_cloudevent", {"ce_specversion": b"0.3"}),
    ("not_cloudevent", {"ce_id": b"\xff"}),
    ("not_cloudevent", {"content-type": b"text/plain"}),
    ("unknown_type", {"ce_type": b"nothing"}),
    ("wrong_topic", {"ce_type": b"citypulse.indicator.observed.v1"}),
    ("invalid_field", {"ce_time": None}),
    ("from_the_future", {"ce_time": b"2200-01-01T00:00:00Z"}),
)


class Faults:
    """Takes turns through all kinds of broken records."""

    def __init__(self, rng: random.Random, seed: int, end_us: int, partitions: int) -> None:
        self._rng = rng
        self._seed = seed
        self._end = EPOCH + timedelta(microseconds=end_us)
        self._partitions = partitions
        self._turn = rng.randrange(len(KINDS))

    def next(self, at: int) -> tuple[Record, Record | None]:
        """A broken record; with some, the same event mended: a rejected event is no earlier occurrence of its id."""
        self._turn += 1
        return self.make(at, self._turn % len(KINDS))

    def make(self, at: int, kind: int) -> tuple[Record, Record | None]:
        """The record of one of ``KINDS``."""
        _, build = KINDS[kind]
        event = self._valid(at)
        topic, value, headers = build(event)
        key = f"tx-{self._seed}-b{at}".encode()
        record = Record(topic, partition_of(key, self._partitions), key, value, headers)
        if kind % 3:
            return record, None
        return record, Record(TRANSACTIONS, record.partition, key, _dump(event), [])

    def _valid(self, at: int) -> Event:
        time = self._end - timedelta(microseconds=self._rng.randrange(600_000_000))
        return {
            "specversion": "1.0",
            "id": f"s{self._seed}-b{at}",
            "source": "/synthetic/exchange",
            "type": "citypulse.transaction.executed.v1",
            "time": time.isoformat(),
            "datacontenttype": "application/json",
            "data": {
                "transaction_id": f"tx-{self._seed}-b{at}",
                "exchange": "bidex",
                "product_type": "api",
                "amount": "12.50",
                "currency": "CNY",
                "cross_border": False,
            },
        }


Built = tuple[str, bytes | None, Headers]


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _changed(fields: Event, changes: Event) -> Event:
    return {name: value for name, value in (fields | changes).items() if value is not DROP}


def _raw(value: bytes | None) -> Callable[[Event], Built]:
    return lambda _: (TRANSACTIONS, value, [])


def _attributes(changes: Event) -> Callable[[Event], Built]:
    return lambda event: (TRANSACTIONS, _dump(_changed(event, changes)), [])


def _data(changes: Event) -> Callable[[Event], Built]:
    return lambda event: (TRANSACTIONS, _dump(event | {"data": _changed(event["data"], changes)}), [])


def _cancelled_early(event: Event) -> Built:
    data = event["data"] | {"executed_at": "9999-01-01T00:00:00Z"}
    return TRANSACTIONS, _dump(event | {"type": "citypulse.transaction.cancelled.v1", "data": data}), []


def _other(topic: str, type_: str, data: Event) -> Callable[[Event], Built]:
    fields = FIGURE | data if topic == INDICATORS else data
    return lambda event: (topic, _dump(event | {"type": type_, "data": fields}), [])


def _headers(changes: Event) -> Callable[[Event], Built]:
    def build(event: Event) -> Built:
        named = {f"ce_{name}": event[name].encode() for name in ("specversion", "id", "source", "type", "time")}
        headers = named | {"content-type": b"application/json"} | changes
        return TRANSACTIONS, _dump(event["data"]), [(name, text) for name, text in headers.items() if text is not None]

    return build


KINDS: tuple[tuple[str, Callable[[Event], Built]], ...] = (
    *((reason, _raw(value)) for reason, value in RAW),
    *((reason, _attributes(changes)) for reason, changes in ATTRIBUTES),
    *(("invalid_field", _data(changes)) for changes in DATA),
    ("invalid_field", _cancelled_early),
    *(("invalid_field", _other(*other)) for other in OTHERS),
    *((reason, _headers(changes)) for reason, changes in HEADERS),
)
"""Every kind of broken record: its reason, and how it is made of a valid execution."""
