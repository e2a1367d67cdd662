"""Synthetic traffic of every kind, valid and broken: the same seed gives the same records.

What is in it: executions and cancellations (before and after their execution, of late ones), repeats near and far and
in the other content mode, the same id from another source and on another key, infrastructure that comes and goes out
of order, surveys, indicators with revisions and slips, binary mode, and records that break every rule (``faults``).
"""

import random
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from schemas.topics import CANCELLED, EXECUTED, TRANSACTIONS
from tests.reference.decode import EPOCH, Record
from tests.traffic_city import City
from tests.traffic_faults import Faults
from tests.traffic_records import Event, record_of

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
SHANGHAI = timezone(timedelta(hours=8))
EPOCHS = (EPOCH, EPOCH, EPOCH.astimezone(SHANGHAI), EPOCH.astimezone(timezone(-timedelta(hours=5, minutes=30))))

MARKETS = [
    (exchange, product_type, cross_border)
    for exchange in ("bidex", "shenzhen", "shanghai", "guiyang")
    for product_type in ("dataset", "api", "report", "model", "computing", "service", "spatial")
    for cross_border in ("true", "false")
]
CURRENCIES = (("CNY", 2), ("CNY", 2), ("CNY", 2), ("HKD", 2), ("JPY", 0), ("KWD", 3))
AREAS = ("", "", "", "", ',"buyer_area":"110108"', ',"seller_area":"X-BDA"', ',"buyer_area":"SG","seller_area":"US-NY"')
EXTRAS = ("", "", "", "", "", "", ',"traceparent":"00-synthetic-01"', ',"district":"haidian","rank":7')


def mixed(seed: int, n: int, *, end: datetime, partitions: int = 4) -> Iterator[Record]:
    """``n`` records in the order in which they are published.

    Args:
        seed: of all chance.
        n: how many; from about 20,000 on every kind is there.
        end: aware; no valid event is later, and the last record is a transaction of this very time.
        partitions: of each topic; the key decides.
    """
    mixer = _Mixer(random.Random(seed), seed, n, (end - EPOCH) // timedelta(microseconds=1), partitions)
    for at in range(n - 1):
        yield mixer.next(at)
    if n:
        yield mixer.last()


class _Mixer:
    """``waiting`` holds records whose turn has not come; ``near``, ``far`` and ``executed`` what may be repeated."""

    def __init__(self, rng: random.Random, seed: int, n: int, end_us: int, partitions: int) -> None:
        self._rng = rng
        self._seed = seed
        self._n = max(1, n)
        self._end = end_us
        self._edges = _edges(end_us)
        self._partitions = partitions
        self._waiting: deque[Record] = deque()
        self._near: deque[Record] = deque(maxlen=50)
        self._far: list[Record] = []
        self._executed: deque[tuple[str, str, int, str]] = deque(maxlen=200)
        self._late: deque[tuple[str, str, int, str]] = deque(maxlen=50)
        self._city = City(rng, seed, n, end_us, partitions)
        self._faults = Faults(rng, seed, end_us, partitions)

    def next(self, at: int) -> Record:
        """The next record; ``at`` of ``n``."""
        chance = self._rng.random()
        if chance < 0.03 and self._near:
            return self._repeat(chance)
        if chance < 0.05:
            record, follower = self._faults.next(at)
            if follower is not None:
                self._waiting.append(follower)
            return record
        if chance < 0.09 and len(self._waiting) > 20:
            return self._waiting.popleft()
        if chance < 0.17:
            return self._keep(at, self._city.next(at, chance < 0.10))
        if chance < 0.23 and self._executed:
            return self._cancel(at, chance < 0.18)
        return self._keep(at, self._execute(at, chance))

    def last(self) -> Record:
        """A transaction at the very end, so that the event clock ends there."""
        _, data, _, _ = self._transaction(self._n, self._end)
        time, _ = _text(self._end, 0)
        return self._record(f"s{self._seed}-last", EXECUTED, time, data + "}", f"tx-{self._seed}-last", 0)

    def _keep(self, at: int, record: Record) -> Record:
        self._near.append(record)
        if at % 97 == 0 and len(self._far) < 5_000:
            self._far.append(record)
        return record

    def _repeat(self, chance: float) -> Record:
        """A duplicate, or what only looks like one: repeats of one partition count, keys decide on partitions."""
        if chance < 0.01 and self._far:
            return self._rng.choice(self._far)
        return self._rng.choice(self._near)

    def _execute(self, at: int, chance: float) -> Record:
        tx, data, us, time = self._transaction(at, self._moment(at))
        draw = int(chance * 1e6) % 100
        if us < self._end - 30 * DAY:
            self._late.append((tx, data, us, time))
        else:
            self._executed.append((tx, data, us, time))
        id_ = f"s{self._seed}-{at}"
        record = self._record(id_, EXECUTED, time, data + "}", tx, draw)
        if draw < 2:  # the execution comes after its cancellation
            self._waiting.append(record)
            return self._cancellation(at, tx, data, us, time)
        if draw == 2:  # the same event again, in the other content mode
            self._waiting.append(self._record(id_, EXECUTED, time, data + "}", tx, 5))
        if draw == 3:  # the same id from another source is another event
            self._waiting.append(self._record(id_, EXECUTED, time, data + "}", tx, 99, "/synthetic/other"))
        if draw == 4:  # the same event with another key: known only where both keys share a partition
            self._waiting.append(self._record(id_, EXECUTED, time, data + "}", f"{tx}-moved", 99))
        return record

    def _cancel(self, at: int, late: bool) -> Record:
        if late and self._late:
            return self._keep(at, self._cancellation(at, *self._rng.choice(self._late)))
        return self._keep(at, self._cancellation(at, *self._rng.choice(self._executed)))

    def _cancellation(self, at: int, tx: str, data: str, us: int, time: str) -> Record:
        when, _ = _text(min(self._end, us + self._rng.randrange(20 * MINUTE)), at)
        return self._record(f"s{self._seed}-c{at}", CANCELLED, when, f'{data},"executed_at":"{time}"}}', tx, at % 100)

    def _transaction(self, at: int, us: int) -> tuple[str, str, int, str]:
        """transaction_id, data without its closing brace, time, time as text."""
        bits = self._rng.getrandbits(64)
        exchange, product_type, cross_border = MARKETS[bits % len(MARKETS)]
        currency, decimals = CURRENCIES[(bits >> 8) % 6]
        amount = _amount(bits >> 16, decimals)
        time, us = _text(us, bits >> 12)
        tx = f"tx-{self._seed}-{at}"
        data = (
            f'{{"transaction_id":"{tx}","exchange":"{exchange}","product_type":"{product_type}","amount":"{amount}",'
            f'"currency":"{currency}","cross_border":{cross_border}{AREAS[(bits >> 24) % 7] if us > 0 else ""}'
        )
        return tx, data, us, time

    def _record(
        self, id_: str, type_: str, time: str, data: str, key: str, draw: int, source: str = "/synthetic/exchange"
    ) -> Record:
        event = Event(TRANSACTIONS, key, source, id_, type_, time, data, EXTRAS[draw % 8])
        return record_of(event, self._partitions, binary=5 <= draw < 10)

    def _moment(self, at: int) -> int:
        """An event time: mostly the last ten minutes in rough order, some of the month, edges, and long ago."""
        end, rng = self._end, self._rng
        kind = rng.random()
        if kind < 0.85:
            return end - 10 * MINUTE * (self._n - at) // self._n - int(rng.random() ** 4 * MINUTE)
        if kind < 0.93:
            return end - int(rng.random() * 30 * DAY)
        if kind < 0.97:
            return min(end, rng.choice(self._edges) + rng.choice((-SECOND, -1, 0, 1, SECOND)))
        if kind < 0.999:
            return end - 30 * DAY - int(rng.random() * 500 * DAY)
        return rng.choice((0, -1, 1, -365 * DAY))


def _edges(end_us: int) -> list[int]:
    """Where windows begin when the clock is at the end, and where days, months, quarters and years begin."""
    edges = [end_us]
    for width, pane in ((MINUTE, 10 * SECOND), (5 * MINUTE, 10 * SECOND), (HOUR, MINUTE), (DAY, MINUTE),
                        (7 * DAY, HOUR), (30 * DAY, HOUR)):  # fmt: skip
        edges += [end_us // pane * pane + pane - width] * 3
    today = (EPOCH + timedelta(microseconds=end_us)).astimezone(SHANGHAI)
    for month in range(15):
        year, index = divmod(today.year * 12 + today.month - 1 - month, 12)
        edges.append((datetime(year, index + 1, 1, tzinfo=SHANGHAI) - EPOCH) // timedelta(microseconds=1))
    midnight = datetime(today.year, today.month, today.day, tzinfo=SHANGHAI) - EPOCH
    edges += [midnight // timedelta(microseconds=1) - day * DAY for day in (0, 0, 0, 1)]
    return [edge for edge in edges if edge <= end_us]


def _amount(bits: int, decimals: int) -> str:
    """A decimal string; once in 4096 one with all 18 digits, once in 4096 the smallest."""
    rare = bits & 4095
    if rare == 0:
        return f"{'9' * (18 - decimals)}.{'9' * decimals}" if decimals else "9" * 18
    if rare == 1:
        return f"0.{'1'.rjust(decimals, '0')}" if decimals else "1"
    whole, fraction = 1 + (bits >> 12) % 5_000_000, (bits >> 36) % 1000
    if not decimals or rare < 400:
        return str(whole)
    return f"{whole}.{fraction:03d}"[: len(str(whole)) + 1 + decimals]


def _text(us: int, style: int) -> tuple[str, int]:
    """The time in one of several spellings, and what that spelling says: some have no more than milliseconds."""
    if style & 3:
        us -= us % 1_000
    text = (EPOCHS[style >> 2 & 3] + timedelta(microseconds=us)).isoformat()
    return (text[:-6] + "Z" if style & 16 and text.endswith("+00:00") else text), us
