"""Synthetic traffic for demonstrations and tests. Nothing in it is a published figure.

Every event says so: its source begins with ``/synthetic/``, its exchange ends in ``-synthetic`` and its asset ids begin
with ``synthetic-``. Only the shape is real: a trade of about 2.65 million yuan on average (the Shenzhen Data Exchange
reported 415 trades worth 1.1 billion yuan by the end of 2022), with many small ones and few large ones.
"""

import math
import random
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from schemas.envelope import encode, encode_binary
from schemas.topics import (
    CANCELLED,
    COMMISSIONED,
    DECOMMISSIONED,
    EXECUTED,
    INFRASTRUCTURE,
    TRANSACTIONS,
)
from streams.publish.routing import Message, route

_BEIJING = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_REMEMBERED = 2_000
"""Recent events that may be repeated, cancelled or decommissioned."""

_KINDS = {"execution": 80, "asset": 14, "cancellation": 2, "duplicate": 2, "late": 1, "broken": 1}
"""What comes how often, in percent."""
_EXCHANGES = {"bidex-synthetic": 5, "shenzhen-synthetic": 4, "shanghai-synthetic": 3, "guiyang-synthetic": 2}
_PRODUCTS = {
    # product type -> (how often, median amount in yuan)
    "dataset": (6, 300_000),
    "api": (8, 20_000),
    "report": (4, 80_000),
    "model": (2, 1_500_000),
    "computing": (3, 2_500_000),
    "service": (5, 400_000),
    "spatial": (2, 900_000),
}
_SPREAD = 1.5
"""Standard deviation of the amount's logarithm."""
_CROSS_BORDER = 0.08
_FOREIGN = {"CNY": 5, "HKD": 3, "USD": 2}
_ASSETS = {
    # asset type -> (how often, unit of its capacity, capacity from, to)
    "base_station_5g": (80, "", 0, 0),
    "rack": (12, "kW", 4, 20),
    "computing_cluster": (2, "PFLOPS", 10, 400),
    "data_center": (2, "", 0, 0),
    "large_model": (1, "", 0, 0),
    "spatial_node": (3, "", 0, 0),
}
_DISTRICTS = dict.fromkeys(("110101", "110107", "110109", "110116", "110117", "110118", "110119", "X-BDA"), 2)
_DISTRICTS |= dict.fromkeys(("110102", "110106", "110111", "110112", "110113", "110114", "110115"), 5)
_DISTRICTS |= dict.fromkeys(("110105", "110108"), 10)
"""Area -> how often. Districts of Beijing (GB/T 2260); X-BDA is the Economic Development Zone."""


@dataclass(frozen=True, slots=True)
class _Made:
    source: str
    id: str
    type: str
    time: str
    data: dict[str, Any]

    def message(self) -> Message:
        return route(encode(self.source, self.id, self.type, self.time, self.data))


class Traffic:
    """Events in the proportions above, the same for the same seed and the same calls.

    Args:
        seed: of the random numbers; part of every event's id.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._count = 0
        self._executed: deque[_Made] = deque(maxlen=_REMEMBERED)
        self._in_service: deque[_Made] = deque(maxlen=_REMEMBERED)
        self._sent: deque[Message] = deque(maxlen=_REMEMBERED)

    def events(self, now_us: int, count: int) -> list[Message]:
        """The next events.

        Args:
            now_us: the clock, microseconds since the Unix epoch; events are up to two seconds older, unless late.
            count: how many.
        """
        return [self._next(now_us) for _ in range(count)]

    def _next(self, now_us: int) -> Message:
        match self._pick(_KINDS):
            case "cancellation" if self._executed:
                message = self._cancellation(now_us)
            case "duplicate" if self._sent:
                return self._random.choice(self._sent)
            case "late":
                message = self._execution(now_us - self._random.randint(31, 120) * _DAY_US).message()
            case "broken":
                return self._broken(now_us)
            case "asset":
                message = self._asset(now_us)
            case _:
                made = self._execution(now_us)
                self._executed.append(made)
                message = self._in_some_mode(made)
        self._sent.append(message)
        return message

    def _execution(self, now_us: int) -> _Made:
        number = self._number()
        exchange = self._pick(_EXCHANGES)
        product = self._pick({name: often for name, (often, _) in _PRODUCTS.items()})
        cross_border = self._random.random() < _CROSS_BORDER
        fen = max(100, round(100 * _PRODUCTS[product][1] * math.exp(self._random.gauss(0, _SPREAD))))
        data = {
            "transaction_id": f"synthetic-{number}",
            "exchange": exchange,
            "product_type": product,
            "amount": f"{fen // 100}.{fen % 100:02}",
            "currency": self._pick(_FOREIGN) if cross_border else "CNY",
            "cross_border": cross_border,
            "seller_area": self._pick(_DISTRICTS),
        }
        return _Made(f"/synthetic/{exchange}", number, EXECUTED, self._time(now_us), data)

    def _in_some_mode(self, made: _Made) -> Message:
        """One event in ten in CloudEvents' binary mode."""
        message = made.message()
        if self._random.random() >= 0.1:
            return message
        value, headers = encode_binary(made.source, made.id, made.type, made.time, made.data)
        return Message(message.topic, message.key, value, headers)

    def _cancellation(self, now_us: int) -> Message:
        index = self._random.randrange(len(self._executed))
        taken_back = self._executed[index]
        del self._executed[index]
        data = {**taken_back.data, "executed_at": taken_back.time}
        return _Made(taken_back.source, self._number(), CANCELLED, self._time(now_us, jitter=False), data).message()

    def _asset(self, now_us: int) -> Message:
        source, number, time = "/synthetic/assets", self._number(), self._time(now_us, jitter=False)
        if self._in_service and self._random.random() < 0.05:
            gone = self._in_service.popleft().data
            data = {name: gone[name] for name in ("asset_id", "asset_type", "area")}
            return _Made(source, number, DECOMMISSIONED, time, data).message()
        kind = self._pick({name: often for name, (often, *_) in _ASSETS.items()})
        _, unit, low, high = _ASSETS[kind]
        data = {"asset_id": f"synthetic-{number}", "asset_type": kind, "area": self._pick(_DISTRICTS)}
        if unit:
            data |= {"capacity": str(self._random.randint(low, high)), "unit": unit}
        made = _Made(source, number, COMMISSIONED, time, data)
        self._in_service.append(made)
        return made.message()

    def _broken(self, now_us: int) -> Message:
        """An event that breaks the contract, each time in another way."""
        good = self._execution(now_us)
        source, number, time, data = good.source, good.id, good.time, good.data
        topic, key = TRANSACTIONS, data["transaction_id"].encode()
        ways = (
            _Made(source, number, EXECUTED, time, {**data, "amount": float(data["amount"])}),  # a number, not a string
            _Made(source, number, EXECUTED, time, {**data, "amount": "-1.00"}),
            _Made(source, number, EXECUTED, time, {**data, "currency": "XYZ"}),
            _Made(source, number, EXECUTED, time, {**data, "discount": "0.10"}),  # an unknown field
            _Made(source, number, EXECUTED, self._time(now_us + 3_600 * _SECOND_US), data),  # from the future
            _Made(source, number, "citypulse.transaction.imagined.v1", time, data),
        )
        way = self._random.randrange(len(ways) + 2)
        if way < len(ways):
            return Message(topic, key, ways[way].message().value)
        value = encode(source, number, EXECUTED, time, data)
        if way == len(ways):
            return Message(topic, key, value[: len(value) // 2])  # cut off: no JSON
        # The wrong topic: one that has good events, too, else it would soon be one that is mostly refused.
        return Message(INFRASTRUCTURE, key, value)

    def _number(self) -> str:
        self._count += 1
        return f"{self._seed}-{self._count:08}"

    def _time(self, now_us: int, *, jitter: bool = True) -> str:
        if jitter:
            now_us -= self._random.randrange(2 * _SECOND_US)
        moment = (_EPOCH + timedelta(microseconds=now_us)).astimezone(_BEIJING)
        return moment.isoformat(timespec="milliseconds")

    def _pick(self, often: dict[str, int]) -> str:
        return self._random.choices(list(often), list(often.values()))[0]
