"""Synthetic traffic that costs little to make and whose exact totals are known without keeping it.

Of a hundred events two cancel an earlier transaction, one is published again, one is broken, one is late, five are
about assets; the others are executions. No chance is in it: the number of an event decides. All times are the moment
of publishing, in order, so that what the totals must be is plain sums of integers.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.topics import CANCELLED, COMMISSIONED, DECOMMISSIONED, EXECUTED, INFRASTRUCTURE, TRANSACTIONS

EXCHANGES = ("bidex", "shenzhen", "shanghai", "guiyang", "guangzhou", "hangzhou", "tianjin", "hebei")
PRODUCTS = ("dataset", "api", "report", "model", "computing", "service", "spatial")
SERIES = [(exchange, product) for exchange in EXCHANGES for product in PRODUCTS]
AREAS = ("110105", "110108", "110115", "X-BDA")
PARTITIONS = 4
ASSETS = 20_000
AGAIN = 300
"""Records of each partition that are published once more when asked for."""

_HISTORY_HOURS, _HISTORY_MINUTES = 700, 1440
_LATE = timedelta(days=40)
_CANCELLED_AFTER = 5_000
"""Executions between one and its cancellation."""

_EVENT = (
    b'{"specversion":"1.0","id":"%b-%d","source":"/synthetic/soak","type":"%b","time":"%b",'
    b'"datacontenttype":"application/json","data":{%b}}'
)
_TRANSACTION = b'"transaction_id":"tx-%d","exchange":"%b","product_type":"%b","amount":"%d.%02d","currency":"CNY",'
_ASSET = b'"asset_id":"synthetic-%d","asset_type":"base_station_5g","area":"%b"'

Place = tuple[str, int]
"""Topic and partition."""


class Message(NamedTuple):
    """What is published."""

    place: Place
    key: bytes
    value: bytes


class _Execution(NamedTuple):
    number: int
    time: bytes
    partition: int


@dataclass
class Expected:
    """What the totals of all messages so far must be."""

    gross: Counter[int]  # series -> fen
    cancelled: Counter[int]
    executions: Counter[int]
    cancellations: Counter[int]
    outcomes: Counter[tuple[str, str]]
    in_service: dict[int, bool]  # asset


class Traffic:
    """Makes messages, and counts what comes of them.

    Args:
        partitions: of each topic.
    """

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self._partitions = partitions
        self._number = 0
        self._executed: deque[_Execution] = deque()
        self._recent: dict[int, deque[Message]] = {at: deque(maxlen=AGAIN) for at in range(partitions)}
        self.expected = Expected(Counter(), Counter(), Counter(), Counter(), Counter(), {})

    def history(self, now: datetime) -> Iterator[Message]:
        """One execution for each series, partition and pane of the day and the month before ``now``.

        After it every window is as full as it will ever be, so that memory has no reason to grow any more.
        """
        hours = [timedelta(hours=hour) for hour in range(_HISTORY_HOURS, 24, -1)]
        minutes = [timedelta(minutes=minute) for minute in range(_HISTORY_MINUTES, 0, -1)]
        for before in hours + minutes:
            time = _time(now - before)
            for partition in range(self._partitions):
                for series in range(len(SERIES)):
                    yield self._execute(series, time, partition)

    def events(self, now: datetime, count: int) -> Iterator[Message]:
        """The next events.

        Args:
            now: their time; never earlier than before.
            count: how many.
        """
        time, late = _time(now), _time(now - _LATE)
        for _ in range(count):
            number = self._number
            kind, partition, series = number % 100, number // 100 % self._partitions, number * 7_919 % len(SERIES)
            if kind in (10, 60) and len(self._executed) > _CANCELLED_AFTER:
                yield self._cancel()
            elif kind == 20 and self._recent[partition]:
                yield self._again(self._recent[partition][-1])
            elif kind == 30:
                yield self._break(time, partition)
            elif kind == 40:
                yield self._execute(series, late, partition, "late")
            elif kind in (5, 25, 45, 65, 85):
                yield self._asset(time, number // 20 % ASSETS)
            else:
                partition = number % self._partitions
                message = self._execute(series, time, partition)
                self._executed.append(_Execution(number, time, partition))
                self._recent[partition].append(message)
                yield message

    def filling(self, topic: str, now: datetime, count: int) -> Iterator[Message]:
        """Events of one topic, for all its partitions in turn: executions, or events about assets.

        Args:
            topic: of transactions or infrastructure.
            now: see ``events``; at most ``ASSETS`` may have the same.
            count: how many.
        """
        time = _time(now)
        for _ in range(count):
            if topic == INFRASTRUCTURE:
                yield self._asset(time, self._number % ASSETS)
            else:
                yield self._execute(self._number * 7_919 % len(SERIES), time, self._number % self._partitions)

    def again(self) -> Iterator[Message]:
        """The latest executions of every partition once more: duplicates."""
        for recent in self._recent.values():
            for message in list(recent):
                yield self._again(message)

    def _execute(self, series: int, time: bytes, partition: int, outcome: str = "applied") -> Message:
        number, expected = self._next(), self.expected
        expected.gross[series] += _amount(number)
        expected.executions[series] += 1
        expected.outcomes[TRANSACTIONS, outcome] += 1
        data = _transaction(number, series) + b'"cross_border":false'
        value = _EVENT % (b"e", number, EXECUTED.encode(), time, data)
        return Message((TRANSACTIONS, partition), b"tx-%d" % number, value)

    def _cancel(self) -> Message:
        self._next()
        of = self._executed.popleft()
        while len(self._executed) > _CANCELLED_AFTER:
            of = self._executed.popleft()
        series, expected = of.number * 7_919 % len(SERIES), self.expected
        expected.cancelled[series] += _amount(of.number)
        expected.cancellations[series] += 1
        expected.outcomes[TRANSACTIONS, "applied"] += 1
        data = _transaction(of.number, series) + b'"cross_border":false,"executed_at":"%b"' % of.time
        value = _EVENT % (b"c", of.number, CANCELLED.encode(), of.time, data)
        return Message((TRANSACTIONS, of.partition), b"tx-%d" % of.number, value)

    def _again(self, message: Message) -> Message:
        self._next()
        self.expected.outcomes[TRANSACTIONS, "duplicate"] += 1
        return message

    def _break(self, time: bytes, partition: int) -> Message:
        number = self._next()
        self.expected.outcomes[TRANSACTIONS, "rejected"] += 1
        value = _EVENT % (b"b", number, EXECUTED.encode(), time, b'"transaction_id":"tx-%d"' % number)
        return Message((TRANSACTIONS, partition), b"tx-%d" % number, value)

    def _asset(self, time: bytes, asset: int) -> Message:
        number, expected = self._next(), self.expected
        stands = expected.in_service[asset] = not expected.in_service.get(asset, False)
        expected.outcomes[INFRASTRUCTURE, "applied"] += 1
        kind = COMMISSIONED if stands else DECOMMISSIONED
        data = _ASSET % (asset, AREAS[asset % len(AREAS)].encode())
        value = _EVENT % (b"a", number, kind.encode(), time, data)
        return Message((INFRASTRUCTURE, asset % self._partitions), b"synthetic-%d" % asset, value)

    def _next(self) -> int:
        self._number += 1
        return self._number - 1


def _amount(number: int) -> int:
    return number * 9_973 % 100_000_000 + 1


def _transaction(number: int, series: int) -> bytes:
    exchange, product = SERIES[series]
    amount = _amount(number)
    return _TRANSACTION % (number, exchange.encode(), product.encode(), amount // 100, amount % 100)


def _time(at: datetime) -> bytes:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
