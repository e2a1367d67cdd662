"""What every Python peer shares: its order, the strict decoding of an event, and how it says where it is.

A peer is a process that gets its order as JSON in its one argument. It says ``started N`` when a fifth is counted, and
``done N`` when all is; then it writes its totals and says ``totals``. Only msgspec is needed here, so that a peer's
own packages decide the rest. msgspec is the fastest strict way to read JSON that we know of in Python, and all get it.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

WARM = 5
"""One part in so many is counted before the clock starts: start-up and just-in-time compilers are no one's figure."""

Totals = Iterable[tuple[str, int, int, int]]
"""Series, start of the minute in ms, transactions, minor units."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_DIGITS = 18

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class _Data(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    transaction_id: _Text
    exchange: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    product_type: Literal["dataset", "api", "report", "model", "computing", "service", "spatial"]
    amount: str
    currency: str
    cross_border: bool
    buyer_area: str | None = None
    seller_area: str | None = None


class _Executed(msgspec.Struct, gc=False):
    specversion: Literal["1.0"]
    id: _Text
    source: _Text
    type: Literal["citypulse.transaction.executed.v1"]
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    data: _Data
    datacontenttype: Literal["application/json"] = "application/json"


@dataclass(frozen=True, slots=True)
class Order:
    """What a peer shall do.

    Attributes:
        broker: bootstrap servers.
        topic: with the events, keyed by transaction id.
        partitions: of the topic.
        records: in the topic.
        counted: events among them that are valid and no duplicates.
        name: of the run: group, application id, prefix of topics.
        scratch: an empty folder for local state and for the totals.
        exponents: currency code -> decimals of its minor unit.
    """

    broker: str
    topic: str
    partitions: int
    records: int
    counted: int
    name: str
    scratch: str
    exponents: dict[str, int]


def order() -> Order:
    """The order from the command line."""
    return Order(**json.loads(sys.argv[1]))


class Progress:
    """Says where the peer is.

    Args:
        total: events until it is done.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._counted = 0
        self._next = total // WARM

    def add(self, events: int = 1) -> bool:
        """Counts; True once, when all are counted."""
        self._counted += events
        if self._counted < self._next:
            return False
        if self._next < self._total:
            _say(f"started {self._counted}")
            self._next = self._total
        if self._counted < self._total:
            return False
        _say(f"done {self._counted}")
        self._next = sys.maxsize
        return True


def _say(line: str) -> None:
    print(line, flush=True)


def hand_in(scratch: str, totals: Totals) -> None:
    """Writes the totals, a line a pane."""
    with Path(scratch, "totals").open("w") as file:
        file.writelines(f"{series} {minute} {count} {minor}\n" for series, minute, count, minor in totals)
    _say("totals")


Counted = tuple[str, str, int, int]
"""Identity, series, start of the minute in ms, minor units."""


def decoding(exponents: dict[str, int]) -> Callable[[bytes], Counted | None]:
    """Reads and validates a value; what the contract refuses gives None."""
    decode = msgspec.json.Decoder(_Executed).decode
    amount = re.compile(r"[0-9]+(?:\.([0-9]+))?", re.ASCII).fullmatch

    def read(value: bytes) -> Counted | None:
        try:
            event = decode(value)
            data = event.data
            exponent = exponents[data.currency]
        except (msgspec.DecodeError, KeyError):
            return None
        match = amount(data.amount)
        if match is None:
            return None
        decimals = match[1] or ""
        digits = data.amount.replace(".", "")
        minor = int(digits) * 10 ** (exponent - len(decimals)) if len(decimals) <= exponent else 0
        if not minor or len(digits) > _DIGITS:
            return None
        border = "true" if data.cross_border else "false"
        series = f"{data.exchange}|{data.product_type}|{data.currency}|{border}"
        return f"{event.source}\0{event.id}", series, (event.time - _EPOCH) // _MINUTE * 60_000, minor

    return read
