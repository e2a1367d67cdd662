"""The fast path: structured events in plain ASCII, typed by msgspec.

It takes only what the strict path (``streams.decode.strict``) takes, and then gives the same event; everything else it
leaves to that one. msgspec checks shapes and closed lists while it reads; the rules of single values are the shared
ones of ``schemas.scalars``, remembered where few values come again and again.

The optional CloudEvents attributes and the distributed tracing and partitioning extensions are read here as strings
and dropped; an event with any other extension goes the strict path. So nothing is ever skipped unread.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal

import msgspec

from schemas import topics
from schemas.events import Event
from schemas.indicators import MAX_MULTIPLIER, Status, Unit, check_catalogue
from schemas.infrastructure import MAX_COUNT, AssetType, CapacityUnit, check_capacity, check_survey
from schemas.scalars import MAX_IDENTIFIER, check_date, check_slug, check_url, parse_signed_decimal, parse_time
from schemas.transactions import ProductType
from streams.decode import build

_Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_IDENTIFIER)]


class _Data(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    pass


class _Executed(_Data):
    transaction_id: _Identifier
    exchange: str
    product_type: ProductType
    amount: str
    currency: str
    cross_border: bool
    buyer_area: str | None = None
    seller_area: str | None = None


class _Cancelled(_Executed, kw_only=True):
    executed_at: str


class _Commissioned(_Data):
    asset_id: _Identifier
    asset_type: AssetType
    area: str
    capacity: str | None = None
    unit: CapacityUnit | None = None


class _Decommissioned(_Data):
    asset_id: _Identifier
    asset_type: AssetType
    area: str


class _Surveyed(_Data):
    asset_type: AssetType
    area: str
    count: Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)] | None = None
    capacity: str | None = None
    unit: CapacityUnit | None = None


class _Observed(_Data):
    indicator: str
    area: str
    period: str
    value: str
    unit: Unit
    status: Status
    vintage: str
    unit_multiplier: Annotated[int, msgspec.Meta(ge=-MAX_MULTIPLIER, le=MAX_MULTIPLIER)] = 0
    source_url: str | None = None


class _Envelope(msgspec.Struct, gc=False, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    specversion: Literal["1.0"]
    id: _Identifier
    source: _Identifier
    time: str
    datacontenttype: Literal["application/json", "application/json; charset=utf-8"] = "application/json"
    dataschema: str = ""
    subject: str = ""
    traceparent: str = ""
    tracestate: str = ""
    partitionkey: str = ""


class ExecutedEvent(_Envelope, tag=topics.EXECUTED):
    """An execution as it was written: shape and closed lists are checked, the rules of single values are not."""

    data: _Executed


class _CancelledEvent(_Envelope, tag=topics.CANCELLED):
    data: _Cancelled


class _CommissionedEvent(_Envelope, tag=topics.COMMISSIONED):
    data: _Commissioned


class _DecommissionedEvent(_Envelope, tag=topics.DECOMMISSIONED):
    data: _Decommissioned


class _SurveyedEvent(_Envelope, tag=topics.SURVEYED):
    data: _Surveyed


class _ObservedEvent(_Envelope, tag=topics.OBSERVED):
    data: _Observed


# As integers: looking for a byte is nine times as fast as looking for bytes of length one.
_BACKSLASH: Final = 0x5C
_DEL: Final = 0x7F
_BRACE: Final = 0x7B

_slugs: set[str] = set()
_REMEMBERED_SLUGS = 10_000


def check_slug_once(text: str) -> None:
    """``check_slug``, remembering what has passed.

    Raises:
        ValueError: not a slug.
    """
    if text not in _slugs:
        check_slug(text)
        if len(_slugs) >= _REMEMBERED_SLUGS:
            _slugs.clear()
        _slugs.add(text)


def _check_transaction(data: Any, _: bool) -> None:
    check_slug_once(data.exchange)


def _check_capacity(data: Any, _: bool) -> None:
    check_capacity(data.asset_type, data.capacity, data.unit)


def _check_survey(data: Any, _: bool) -> None:
    check_survey(data.asset_type, data.count, data.capacity, data.unit)


def _check_figure(data: Any, open_indicators: bool) -> None:
    check_slug_once(data.indicator)
    parse_signed_decimal(data.value)
    check_catalogue(data.indicator, data.unit, data.value, open_=open_indicators)
    check_date(data.vintage)
    if data.source_url is not None:
        check_url(data.source_url)


def _nothing(_data: Any, _: bool) -> None:
    pass


_Take = tuple[Callable[[Any, bool], None], build.Builder]

_EVENTS: Final[dict[str, tuple[type[_Envelope], Callable[[Any, bool], None]]]] = {
    topics.EXECUTED: (ExecutedEvent, _check_transaction),
    topics.CANCELLED: (_CancelledEvent, _check_transaction),
    topics.COMMISSIONED: (_CommissionedEvent, _check_capacity),
    topics.DECOMMISSIONED: (_DecommissionedEvent, _nothing),
    topics.SURVEYED: (_SurveyedEvent, _check_survey),
    topics.OBSERVED: (_ObservedEvent, _check_figure),
}


class FastPath:
    """Reads the plain events of one topic.

    Args:
        topic: a source topic.
        open_indicators: take indicators that the catalogue does not know.
    """

    def __init__(self, topic: str, open_indicators: bool) -> None:
        types = topics.SPECS[topic].types
        # All types, also where the topic has only one: msgspec insists on the tag in a union, not in a lone struct.
        event = reduce(or_, (event for event, _ in _EVENTS.values()))
        self._decode = msgspec.json.Decoder(event).decode
        self._decode_all = msgspec.json.Decoder(list[event]).decode  # type: ignore[valid-type]
        self._take: dict[type, _Take] = {
            _EVENTS[type_][0]: (_EVENTS[type_][1], build.BUILDERS[type_]) for type_ in types
        }
        self._open_indicators = open_indicators

    def __call__(self, value: bytes, latest_us: int) -> Event | None:
        """The event, or None when the strict path has to judge.

        Args:
            value: a record's value in structured mode.
            latest_us: events beyond this time are left to the strict path.
        """
        event = self.read(value)
        if event is None:
            return None
        try:
            time_us = parse_time(event.time)
            if time_us > latest_us:
                return None
            check, builder = self._take[type(event)]
            check(event.data, self._open_indicators)
            return builder(event.source, event.id, time_us, event.data)
        except (ValueError, KeyError):
            return None

    def read(self, value: bytes) -> Any:
        """The event as it was written, of any source type, or None when the strict path has to judge."""
        return _decoded(self._decode, value)

    def read_all(self, values: Sequence[bytes]) -> list[Any] | None:
        """The events as they were written, one for each value, or None when they have to be read one by one.

        The values become one JSON array. That none of them can reach into its neighbour, whatever is in it, follows
        from what is between two: a comma, a newline and, as each value begins with it, an opening brace. No string may
        hold a newline, and after the comma of an object or of its members no brace may come; there are no arrays.
        So each value gives at least one event, and as many events as values means one each.

        Args:
            values: at least one, none of them empty.
        """
        if {value[0] for value in values} != {_BRACE}:
            return None
        events: list[Any] | None = _decoded(self._decode_all, b"[%b]" % b",\n".join(values))
        return events if events is not None and len(events) == len(values) else None


def _decoded(decode: Callable[[bytes], Any], value: bytes) -> Any:
    # ASCII without escapes and DEL: no string in it holds a control character.
    if _BACKSLASH in value or _DEL in value or not value.isascii():
        return None
    try:
        return decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
