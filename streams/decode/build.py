"""Checked ``data`` to events. Here are the last rules: those that need the event's time.

Each function takes the envelope's source, id and time (microseconds since the Unix epoch), and ``data`` with the
attributes of its type's model in ``schemas.models``, that model's rules kept. It raises FieldError if a rule is broken.
"""

from collections.abc import Callable
from typing import Any, Final

from schemas import topics
from schemas.areas import check_area, city_of
from schemas.events import Asset, Event, Figure, Survey, Transaction
from schemas.periods import parse_period
from schemas.scalars import FieldError, parse_amount, parse_capacity, parse_time


def _area(field: str, area: str, time_us: int) -> None:
    try:
        check_area(area, time_us)
    except ValueError as error:
        raise FieldError(field, str(error)) from None


def transaction(source: str, id_: str, time_us: int, data: Any, executed_us: int | None = None) -> Transaction:
    """An execution, or with ``executed_us`` the cancellation of one. Areas must be valid at the event's own time."""
    if data.buyer_area is not None:
        _area("buyer_area", data.buyer_area, time_us)
    if data.seller_area is not None:
        _area("seller_area", data.seller_area, time_us)
    # By position, in the order of the struct: keywords cost a tenth of the whole decoding.
    return Transaction(
        source,
        id_,
        time_us,
        data.transaction_id,
        executed_us is not None,
        time_us if executed_us is None else executed_us,
        data.exchange,
        data.product_type,
        data.currency,
        data.cross_border,
        parse_amount(data.amount, data.currency),
    )


def cancelled(source: str, id_: str, time_us: int, data: Any) -> Transaction:
    """A cancellation."""
    executed_us = parse_time(data.executed_at)
    if executed_us > time_us:
        raise FieldError("executed_at", "a cancellation cannot come before the execution")
    return transaction(source, id_, time_us, data, executed_us)


def commissioned(source: str, id_: str, time_us: int, data: Any) -> Asset:
    """A commissioning."""
    capacity = data.capacity
    return _asset(source, id_, time_us, data, None if capacity is None else parse_capacity(capacity), data.unit or "")


def decommissioned(source: str, id_: str, time_us: int, data: Any) -> Asset:
    """A decommissioning."""
    return _asset(source, id_, time_us, data, None, "", in_service=False)


def _asset(
    source: str, id_: str, time_us: int, data: Any, capacity: int | None, unit: str, *, in_service: bool = True
) -> Asset:
    _area("area", data.area, time_us)
    return Asset(
        source=source,
        id=id_,
        time_us=time_us,
        asset_id=data.asset_id,
        asset_type=data.asset_type,
        area=data.area,
        city=city_of(data.area),
        in_service=in_service,
        capacity=capacity,
        unit=unit,
    )


def survey(source: str, id_: str, time_us: int, data: Any) -> Survey:
    """What an authority reports."""
    _area("area", data.area, time_us)
    return Survey(
        source=source,
        id=id_,
        time_us=time_us,
        asset_type=data.asset_type,
        area=data.area,
        count=data.count,
        capacity=None if data.capacity is None else parse_capacity(data.capacity),
        unit=data.unit or "",
    )


def figure(source: str, id_: str, time_us: int, data: Any) -> Figure:
    """A published indicator."""
    _area("area", data.area, time_us)
    period = parse_period(data.period)
    return Figure(
        source=source,
        id=id_,
        time_us=time_us,
        indicator=data.indicator,
        area=data.area,
        period=data.period,
        start=period.start.isoformat(),
        end=period.end.isoformat(),
        value=data.value,
        unit=data.unit,
        unit_multiplier=data.unit_multiplier,
        status=data.status,
        vintage=data.vintage,
        source_url=data.source_url or "",
    )


Builder = Callable[[str, str, int, Any], Event]

BUILDERS: Final[dict[str, Builder]] = {
    topics.EXECUTED: transaction,
    topics.CANCELLED: cancelled,
    topics.COMMISSIONED: commissioned,
    topics.DECOMMISSIONED: decommissioned,
    topics.SURVEYED: survey,
    topics.OBSERVED: figure,
}
"""Event type -> what builds its event."""
