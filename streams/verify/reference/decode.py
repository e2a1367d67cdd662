"""Records to events or reason codes: ``json.loads``, the published models, and one rule after the other."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any, NamedTuple

from schemas import topics
from schemas.areas import check_area, city_of
from schemas.envelope import is_json
from schemas.indicators import Observed, check_catalogue
from schemas.infrastructure import Commissioned, Decommissioned, Surveyed
from schemas.models import MODELS
from schemas.periods import parse_period
from schemas.transactions import Cancelled, Executed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
AHEAD_US = 5 * 60 * 1_000_000
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:[0-5]\d)", re.ASCII)
IDENTIFIER = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,256}")
MAX_DEPTH = 64


class Rules(NamedTuple):
    """The workers' settings that numbers depend on."""

    time_zone: str = "Asia/Shanghai"
    horizon: int = 1_000_000
    series_budget: int = 5_000
    max_event_bytes: int = 65_536
    open_indicators: bool = False


DEFAULTS = Rules()


class Record(NamedTuple):
    """What stands in Kafka."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Transaction:
    """``amount`` in major units; times in microseconds since the epoch, as everywhere here."""

    source: str
    id: str
    time_us: int
    effective_us: int
    cancelled: bool
    series: tuple[str, str, str, bool]
    amount: Decimal


@dataclass(frozen=True)
class Asset:
    """An asset that goes into service, or out of it."""

    source: str
    id: str
    time_us: int
    asset_id: str
    gone: bool
    asset_type: str
    area: str
    city: str
    unit: str
    capacity: Decimal | None

    def rank(self) -> tuple[Any, ...]:
        """The later time stays, at one time the decommissioning, then the content decides."""
        content = (self.asset_type, self.area, self.city, self.unit)
        return self.time_us, self.gone, *content, -1 if self.capacity is None else self.capacity


@dataclass(frozen=True)
class Survey:
    """What an authority reports."""

    source: str
    id: str
    time_us: int
    asset_type: str
    area: str
    count: int | None
    capacity: Decimal | None
    unit: str


@dataclass(frozen=True)
class Figure:
    """A published figure: ``value`` as printed, ``start`` and ``end`` (excluded) as ISO dates."""

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

    def slot(self) -> tuple[str, str, str]:
        """What only one figure of the area can be true of."""
        return self.indicator, self.start, self.end

    def version(self) -> tuple[Any, ...]:
        """The later vintage counts, in it the later event, then the content decides."""
        content = (self.value, self.unit, self.unit_multiplier, self.status, self.source_url, self.period)
        return self.vintage, self.time_us, *content

    @property
    def scale(self) -> Fraction:
        """What one of the printed units is in yuan, as a ratio, or as a count."""
        return Fraction(10) ** self.unit_multiplier / (100 if self.unit == "PERCENT" else 1)


Event = Transaction | Asset | Survey | Figure


class Refused(Exception):
    """The reason code is the only argument."""


def decode(record: Record, wall_us: int, rules: Rules = DEFAULTS) -> Event | str:
    """The event, or the reason code why it is none.

    Args:
        record: from Kafka.
        wall_us: the wall clock, microseconds since the epoch.
        rules: how large a value may be, and which indicators are known.
    """
    try:
        return read(record, wall_us, rules)
    except Refused as refused:
        return str(refused)
    except ValueError:  # of the rules of single values; those of pydantic's models are ValueErrors, too
        return "invalid_field"


def read(record: Record, wall_us: int, rules: Rules) -> Event:
    """The event.

    Raises:
        Refused: with the reason code.
        ValueError: a field breaks a rule.
    """
    if record.value is not None and len(record.value) > rules.max_event_bytes:
        raise Refused("too_large")
    document = parse(record.value)
    attributes = binary(record, document) if is_binary(record) else document
    if not is_cloudevent(attributes):
        raise Refused("not_cloudevent")
    type_ = attributes["type"]
    if type_ not in MODELS:
        raise Refused("unknown_type")
    if topics.TOPIC_OF[type_] != record.topic:
        raise Refused("wrong_topic")
    time_us = microseconds(attributes.get("time"))
    if attributes.get("data_base64") is not None:
        raise ValueError("data is JSON, not base64")
    event = build(attributes["source"], attributes["id"], time_us, type_, attributes.get("data"), rules.open_indicators)
    if time_us > wall_us + AHEAD_US:
        raise Refused("from_the_future")
    return event


def given(record: Record) -> dict[str, bytes]:
    """The headers that have a value; of those of one name the last."""
    return {name: value for name, value in record.headers if value is not None}


def is_binary(record: Record) -> bool:
    """Binary mode: CloudEvents attributes in the headers, and a content type that does not say structured."""
    headers = given(record)
    content_type = headers.get("content-type", b"").strip().lower()
    return "ce_specversion" in headers and not content_type.startswith(b"application/cloudevents")


def binary(record: Record, document: Any) -> dict[str, Any]:
    """The event whose attributes are in the headers and whose data is the value."""
    headers = given(record)
    try:
        attributes: dict[str, Any] = {name[3:]: text.decode() for name, text in headers.items() if name[:3] == "ce_"}
    except UnicodeDecodeError:
        raise Refused("not_cloudevent") from None
    if headers.get("content-type"):
        attributes["datacontenttype"] = headers["content-type"].decode(errors="replace")
    return {**attributes, "data": document}


def is_cloudevent(attributes: Any) -> bool:
    """Whether it is an event of CloudEvents 1.0 with JSON data. The time is a field like others."""
    if not isinstance(attributes, dict) or attributes.get("specversion") != "1.0":
        return False
    names = [attributes.get(name) for name in ("id", "source", "type")]
    content_type = attributes.get("datacontenttype")
    as_json = content_type is None or (isinstance(content_type, str) and is_json(content_type))
    return as_json and all(isinstance(name, str) and IDENTIFIER.fullmatch(name) for name in names)


def parse(value: bytes | None) -> Any:
    """The JSON value. Python alone takes NaN, Infinity and lone surrogates: they are no JSON in UTF-8.

    No event needs 64 levels; deeper nesting is refused, so that no reader of the stream runs out of stack.
    """
    text = value or b""
    try:
        document = json.loads(text.decode("utf-8"), parse_constant=finite, parse_float=finite)
        if b"\\u" in text:
            every_pair = json.loads(text, object_pairs_hook=list)  # of a key that comes twice, too
            json.dumps(every_pair, ensure_ascii=False).encode()
        too_deep = text.count(b"[") + text.count(b"{") > MAX_DEPTH and depth(document) > MAX_DEPTH
    except (ValueError, RecursionError):
        raise Refused("not_json") from None
    if too_deep:
        raise Refused("not_json")
    return document


def depth(document: Any) -> int:
    """How many levels of arrays and objects there are."""
    if isinstance(document, dict):
        document = list(document.values())
    return 1 + max(map(depth, document), default=0) if isinstance(document, list) else 0


def finite(text: str) -> float:
    """The number of a JSON text; NaN, the infinities and what is beyond a float's range are none."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def microseconds(text: object) -> int:
    """Microseconds since the epoch of an RFC 3339 time with an offset; further digits are cut off."""
    if not isinstance(text, str) or not RFC_3339.fullmatch(text.upper()):
        raise ValueError("no RFC 3339 time with an offset")
    instant = datetime.fromisoformat(text.upper())
    if instant.year < 1900 or not FIRST <= instant <= LAST:
        raise ValueError("not in the years 1900 to 9999")
    return (instant - EPOCH) // timedelta(microseconds=1)


def moment(time_us: int) -> datetime:
    """The time as a datetime, UTC."""
    return EPOCH + timedelta(microseconds=time_us)


def build(source: str, id_: str, time_us: int, type_: str, data: Any, open_: bool) -> Event:
    """The event with checked fields.

    Raises:
        ValueError: a field breaks a rule.
    """
    checked = MODELS[type_].model_validate(data)
    if isinstance(checked, Executed):
        for area in (checked.buyer_area, checked.seller_area):
            if area is not None:
                check_area(area, time_us)
        cancelled = isinstance(checked, Cancelled)
        effective_us = microseconds(checked.executed_at) if isinstance(checked, Cancelled) else time_us
        if effective_us > time_us:
            raise ValueError("cancelled before it was executed")
        series = (checked.exchange, checked.product_type, checked.currency, checked.cross_border)
        return Transaction(source, id_, time_us, effective_us, cancelled, series, Decimal(checked.amount))
    assert isinstance(checked, Commissioned | Decommissioned | Surveyed | Observed)
    area = check_area(checked.area, time_us)
    if isinstance(checked, Observed):
        check_catalogue(checked.indicator, checked.unit, checked.value, open_=open_)
        days = [day.isoformat() for day in parse_period(checked.period)]
        shared = checked.model_dump(exclude={"source_url", "area"})
        return Figure(source, id_, time_us, area=area, start=days[0], end=days[1],
                      source_url=checked.source_url or "", **shared)  # fmt: skip
    if isinstance(checked, Decommissioned):
        return Asset(source, id_, time_us, checked.asset_id, True, checked.asset_type, area, city_of(area), "", None)
    capacity = None if checked.capacity is None else Decimal(checked.capacity)
    unit = checked.unit or ""
    if isinstance(checked, Surveyed):
        return Survey(source, id_, time_us, checked.asset_type, area, checked.count, capacity, unit)
    return Asset(source, id_, time_us, checked.asset_id, False, checked.asset_type, area, city_of(area), unit, capacity)
