"""What decoding yields: one of four events, or a rejection. Plain values, already checked.

Times are integer microseconds since the Unix epoch (UTC); money is an integer in the currency's minor unit
(ISO 4217 exponent); capacity is an integer in 10^-18 of its unit, so that sums are exact.
"""

from typing import Literal

import msgspec

Reason = Literal[
    "not_json", "not_cloudevent", "unknown_type", "invalid_field", "wrong_topic", "too_large", "from_the_future"
]

CAPACITY_SCALE = 18
"""Decimal places of a capacity: a decimal string has at most 18 digits, so 18 places hold every one of them."""


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """An execution, or a cancellation that takes one back.

    ``effective_us`` is the time it counts at: the event's own time for an execution, ``executed_at`` for a
    cancellation. ``time_us`` is always the event's own time.
    """

    source: str
    id: str
    time_us: int
    transaction_id: str
    cancelled: bool
    effective_us: int
    exchange: str
    product_type: str
    currency: str
    cross_border: bool
    amount: int


class Asset(msgspec.Struct, frozen=True, gc=False):
    """A commissioning (``in_service``) or a decommissioning of one asset. ``city`` is the area's city, "" if none."""

    source: str
    id: str
    time_us: int
    asset_id: str
    asset_type: str
    area: str
    city: str
    in_service: bool
    capacity: int | None
    unit: str


class Survey(msgspec.Struct, frozen=True, gc=False):
    """What an authority reports for an asset type in an area. At least one of count and capacity is there."""

    source: str
    id: str
    time_us: int
    asset_type: str
    area: str
    count: int | None
    capacity: int | None
    unit: str


class Figure(msgspec.Struct, frozen=True, gc=False):
    """A published indicator.

    ``period`` is SDMX as published; ``start`` and ``end`` are ISO dates, start inclusive, end exclusive.
    ``value`` is the decimal string as printed (its last digit's place is the rounding), in
    ``unit`` times 10^``unit_multiplier``. ``vintage`` is an ISO date.
    """

    source: str
    id: str
    time_us: int
    indicator: str
    area: str
    period: str
    start: str
    end: str
    value: str
    unit: str
    unit_multiplier: int
    status: str
    vintage: str
    source_url: str


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """Why a record is no event: the reason code, the path of the field at fault ("" if none) and a sentence."""

    reason: Reason
    field: str
    message: str


Event = Transaction | Asset | Survey | Figure
