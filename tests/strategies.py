"""Hypothesis strategies for valid events of every type: what a publisher may send, and what decoding must accept."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

from hypothesis import strategies as st

from schemas import areas, topics
from schemas.currencies import EXPONENTS
from schemas.envelope import Headers, encode, encode_binary
from schemas.indicators import CATALOGUE, MAX_MULTIPLIER
from schemas.infrastructure import MAX_COUNT, UNITS, AssetType
from schemas.transactions import ProductType

NOW_US = 1_900_000_000_000_000
"""A wall clock later than every drawn event."""

_FIRST, _LAST = datetime(2016, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001 - hypothesis wants them naive


@dataclass(frozen=True)
class Sent:
    """An event as its publisher means it."""

    source: str
    id: str
    type: str
    time: str
    data: dict[str, Any]

    @property
    def topic(self) -> str:
        return topics.TOPIC_OF[self.type]

    def structured(self) -> bytes:
        return encode(self.source, self.id, self.type, self.time, self.data)

    def binary(self) -> tuple[bytes, Headers]:
        return encode_binary(self.source, self.id, self.type, self.time, self.data)


def _printable(low: str, high: str) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=ord(low), max_codepoint=ord(high)), min_size=1, max_size=24)


identifiers = _printable(" ", "~") | _printable("一", "龥") | st.sampled_from(["a" * 256, 'quote"back\\slash', "é/ü"])
slugs = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True).filter(lambda slug: slug != "total")


@st.composite
def times(draw: Callable[..., Any], latest: datetime = _LAST) -> str:
    """RFC 3339 in any offset, with no fraction, milliseconds, microseconds or more digits than those."""
    moment = draw(st.datetimes(_FIRST + timedelta(days=2), latest)).replace(tzinfo=UTC)
    zone = timezone(timedelta(minutes=draw(st.integers(-14 * 60, 14 * 60))))
    text: str = moment.astimezone(zone).isoformat(
        timespec=draw(st.sampled_from(["seconds", "milliseconds", "microseconds"]))
    )
    if draw(st.booleans()):
        text = (
            moment.replace(tzinfo=None).isoformat(timespec="microseconds")
            + draw(st.sampled_from(["", "9", "000"]))
            + "Z"
        )
    return text


@st.composite
def decimals(draw: Callable[..., Any], places: int = 17, smallest: int = 0) -> str:
    """Plain decimal strings of at most 18 digits, with at most ``places`` of them after the point."""
    after = draw(st.integers(0, places))
    digits = str(draw(st.integers(smallest, 10**18 - 1))).rjust(after + 1, "0")[-18:]
    if int(digits) < smallest:
        digits = str(smallest).rjust(after + 1, "0")
    return f"{digits[:-after]}.{digits[-after:]}" if after else digits


in_force = st.sampled_from(
    sorted(area for area, (start, end) in areas.SPANS.items() if start <= 1_451_600_000_000_000 and end > 1 << 62)
)
"""Areas valid at every drawn time."""


@st.composite
def executed(draw: Callable[..., Any]) -> dict[str, Any]:
    currency = draw(st.sampled_from(["CNY", "HKD", "USD", "JPY", "KWD", "CLF"]))
    data: dict[str, Any] = {
        "transaction_id": draw(identifiers),
        "exchange": draw(slugs),
        "product_type": draw(st.sampled_from(get_args(ProductType))),
        "amount": draw(decimals(places=EXPONENTS[currency], smallest=1)),
        "currency": currency,
        "cross_border": draw(st.booleans()),
    }
    data |= draw(st.fixed_dictionaries({}, optional={"buyer_area": in_force, "seller_area": in_force}))
    return data


_asset_types = st.sampled_from(get_args(AssetType))


@st.composite
def _capacity(draw: Callable[..., Any], asset_type: str) -> dict[str, Any]:
    if asset_type not in UNITS or draw(st.booleans()):
        return {}
    return {"capacity": draw(decimals()), "unit": draw(st.sampled_from(UNITS[asset_type]))}


@st.composite
def decommissioned(draw: Callable[..., Any]) -> dict[str, Any]:
    return {"asset_id": draw(identifiers), "asset_type": draw(_asset_types), "area": draw(in_force)}


@st.composite
def commissioned(draw: Callable[..., Any]) -> dict[str, Any]:
    data: dict[str, Any] = draw(decommissioned())
    data |= draw(_capacity(data["asset_type"]))
    return data


@st.composite
def surveyed(draw: Callable[..., Any]) -> dict[str, Any]:
    data = {"asset_type": draw(_asset_types), "area": draw(in_force)}
    data |= draw(_capacity(data["asset_type"]))
    if "capacity" not in data or draw(st.booleans()):
        data["count"] = draw(st.integers(0, MAX_COUNT))
    return data


@st.composite
def observed(draw: Callable[..., Any]) -> dict[str, Any]:
    indicator = draw(st.sampled_from(list(CATALOGUE.values())))
    year = draw(st.integers(1990, 2030))
    periods = ("", "-A1", "-S2", "-T3", "-Q3", "-M09", "-09", "-W05", "-01-01/P9M", "-01-01/P1Y", "-02-03/P1Y2M3D")
    sign = draw(st.sampled_from(["", "-", "+"])) if indicator.signed else ""
    data: dict[str, Any] = {
        "indicator": indicator.slug,
        "area": draw(in_force),
        "period": f"{year}{draw(st.sampled_from(periods))}",
        "value": sign + draw(decimals()),
        "unit": draw(st.sampled_from(indicator.units)),
        "status": draw(st.sampled_from("APEFBIM")),
        "vintage": draw(st.dates(_FIRST.date(), _LAST.date())).isoformat(),
    }
    multiplier = st.integers(-MAX_MULTIPLIER, MAX_MULTIPLIER)
    url = st.sampled_from(["https://example.org/releases/2023-q3?lang=zh#gdp", "http://example.org/数字经济"])
    data |= draw(st.fixed_dictionaries({}, optional={"unit_multiplier": multiplier, "source_url": url}))
    return data


DATA: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    topics.EXECUTED: executed(),
    topics.COMMISSIONED: commissioned(),
    topics.DECOMMISSIONED: decommissioned(),
    topics.SURVEYED: surveyed(),
    topics.OBSERVED: observed(),
}


@st.composite
def events(draw: Callable[..., Any], types: tuple[str, ...] = topics.SOURCE_TYPES) -> Sent:
    """A valid event of one of ``types``."""
    type_ = draw(st.sampled_from(types))
    if type_ != topics.CANCELLED:
        return Sent(draw(identifiers), draw(identifiers), type_, draw(times()), draw(DATA[type_]))
    executed_at = draw(times(latest=datetime(2029, 1, 1)))  # noqa: DTZ001
    time = draw(st.sampled_from([executed_at, "2029-06-01T00:00:00Z"]))
    return Sent(draw(identifiers), draw(identifiers), type_, time, draw(executed()) | {"executed_at": executed_at})
