"""Synthetic transactions for benchmarks: structured CloudEvents without chance in them, and what they add up to."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas.topics import EXECUTED

EXCHANGES = ("bidex", "shenzhen", "shanghai", "guiyang", "guangzhou", "hangzhou", "tianjin", "hebei")
PRODUCTS = ("dataset", "api", "report", "model", "computing", "service", "spatial")
CURRENCIES = ("CNY", "HKD", "USD")
SERIES = len(EXCHANGES) * len(PRODUCTS) * len(CURRENCIES)
START = datetime(2023, 11, 24, tzinfo=UTC)
SPAN = timedelta(hours=24)
"""Event times are spread evenly over this, in order."""

BATCH_BYTES = 256 * 1024

REPEATED = 100
"""Of so many events of a partition one is, in the mixed load, an earlier one again."""
REPEATED_AFTER = 64
BROKEN = 1_000
"""Of so many events of a partition one is, in the mixed load, broken: its amount is negative."""

SeriesKey = tuple[str, str, str, bool]
Pane = tuple[SeriesKey, int]
"""A series and the start of a minute, milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One transaction; ``amount`` in minor units."""

    index: int
    series: SeriesKey
    amount: int
    at: datetime

    @property
    def key(self) -> bytes:
        """Its Kafka key."""
        return b"tx-%09d" % self.index

    def value(self, *, broken: bool = False) -> bytes:
        """Its Kafka value."""
        exchange, product, currency, border = self.series
        sign = "-" if broken else ""
        return (
            f'{{"specversion":"1.0","id":"bench-{self.index:09d}","source":"/synthetic/{exchange}","type":"{EXECUTED}",'
            f'"time":"{self.at.isoformat(timespec="milliseconds")}","datacontenttype":"application/json",'
            f'"data":{{"transaction_id":"tx-{self.index:09d}","exchange":"{exchange}","product_type":"{product}",'
            f'"amount":"{sign}{self.amount // 100}.{self.amount % 100:02d}","currency":"{currency}",'
            f'"cross_border":{"true" if border else "false"}}}}}'
        ).encode()


def record_of(of: Callable[[int], Trade]) -> Callable[[int], tuple[bytes, bytes]]:
    """Kafka key and value of each, instead of the transaction."""

    def record(index: int) -> tuple[bytes, bytes]:
        one = of(index)
        return one.key, one.value()

    return record


def trade(index: int, at: datetime | None = None) -> Trade:
    """The transaction with this number, at its place of the day or at a given time."""
    kind = index * 7_919 % SERIES
    currency = CURRENCIES[kind // 56]
    series = (EXCHANGES[kind % 8], PRODUCTS[kind // 8 % 7], currency, currency != "CNY")
    return Trade(index, series, _amount(index), at or _time(index))


def _amount(index: int) -> int:
    return index * 9_973 % 100_000_000 + 1


def _time(index: int) -> datetime:
    # A 24 h day of a million events leaves 86.4 ms between two: whole milliseconds are exact enough.
    return START + SPAN * (index % 1_000_000) / 1_000_000


def wide(index: int, series: int, partitions: int) -> Trade:
    """The transaction with this number when there are so many series, each of them in every partition.

    In a partition the series take turns, so that each event is of another one than the many before it.
    """
    kind = index // partitions * 7_919 % series
    currency = CURRENCIES[kind // 7 % 3]
    key = (f"exchange-{kind // 21:05d}", PRODUCTS[kind % 7], currency, currency != "CNY")
    return Trade(index, key, _amount(index), _time(index))


def synthetic(index: int) -> tuple[bytes, bytes]:
    """Kafka key and value of the transaction with this number."""
    return record_of(trade)(index)


def origin(index: int, partitions: int) -> tuple[int, bool]:
    """Which transaction stands at a place of the mixed load, and whether it is broken."""
    at = index // partitions
    if at % REPEATED == REPEATED - 1:
        return index - REPEATED_AFTER * partitions, False
    return index, at % BROKEN == BROKEN // 2


def mixed(index: int, partitions: int) -> tuple[bytes, bytes]:
    """Key and value at a place of the mixed load: some repeat an earlier one of their partition, some are broken."""
    number, broken = origin(index, partitions)
    one = trade(number)
    return one.key, one.value(broken=broken)


def reference(events: int, partitions: int) -> dict[Pane, tuple[int, int]]:
    """What the mixed load adds up to, by minutes: transactions and minor units. Plain, and each identity once."""
    counts: Counter[Pane] = Counter()
    amounts: Counter[Pane] = Counter()
    seen = set()
    for index in range(events):
        number, broken = origin(index, partitions)
        if broken or number in seen:
            continue
        seen.add(number)
        one = trade(number)
        pane = one.series, int(one.at.replace(second=0, microsecond=0).timestamp()) * 1_000
        counts[pane] += 1
        amounts[pane] += one.amount
    return {pane: (count, amounts[pane]) for pane, count in counts.items()}


def totals(events: int, of: Callable[[int], Trade] = trade) -> Counter[SeriesKey]:
    """Minor units per series of the first transactions, each once."""
    sums: Counter[SeriesKey] = Counter()
    for index in range(events):
        one = of(index)
        sums[one.series] += one.amount
    return sums


def packed(
    producer: AIOKafkaProducer, partitions: int, events: int, record: Callable[[int], tuple[bytes, bytes]]
) -> Iterator[tuple[int, BatchBuilder]]:
    """Full batches of events, each with its partition; the events go to partitions in turn."""
    batches = [producer.create_batch() for _ in range(partitions)]
    for index in range(events):
        key, value = record(index)
        partition = index % partitions
        if batches[partition].append(key=key, value=value, timestamp=None) is None:
            yield partition, batches[partition]
            batches[partition] = producer.create_batch()
            batches[partition].append(key=key, value=value, timestamp=None)
    yield from enumerate(batches)


async def pour(producer: AIOKafkaProducer, topic: str, batches: Iterable[tuple[int, BatchBuilder]]) -> None:
    """Sends batches and returns when the broker has them."""
    sent = [await producer.send_batch(batch, topic, partition=partition) for partition, batch in batches]
    await asyncio.gather(*sent)


async def preload(
    broker: str, topic: str, partitions: int, events: int, record: Callable[[int], tuple[bytes, bytes]]
) -> int:
    """Fills a topic that is there, partitions in turn.

    Returns:
        The size of all values in bytes.
    """
    size = 0

    def measured(index: int) -> tuple[bytes, bytes]:
        nonlocal size
        key, value = record(index)
        size += len(value)
        return key, value

    async with AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=BATCH_BYTES) as producer:
        await pour(producer, topic, packed(producer, partitions, events, measured))
    return size
