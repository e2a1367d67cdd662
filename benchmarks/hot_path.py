"""CPU time per event of each stage of the hot path, alone: no broker, no network, one thread.

``python benchmarks/hot_path.py [--events 196608] [--rounds 7] [--json]``

The events are the synthetic transactions of ``throughput.py``. They go through three times in turn: decoded as columns,
as columns with one in fifty a cancellation or broken, and one by one. The least time of each stage counts, so that a
busy machine disturbs all alike and little.
"""

import argparse
import gc
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks.load import synthetic
from benchmarks.machine import circumstances
from schemas.batch import Batch
from schemas.currencies import exponent
from schemas.topics import CANCELLED, TRANSACTIONS
from streams.aggregate.dedupe import Dedupe
from streams.aggregate.partition import PartitionAggregate, Taken
from streams.aggregate.transactions import TransactionsPending
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.windows import Calendar
from streams.decode import Decoder
from streams.transport.slices import CHUNK

SLICE = 4096
"""Events that come at once, as in a slice of a partition under load."""

CHECKPOINT = 8
"""Slices in a checkpoint."""

PARTITIONS = 4
HORIZON = 1_000_000
NOW_US = 1 << 60


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """What decoding reads of a Kafka record."""

    value: bytes | None
    headers: tuple[()] = ()


Slices = list[list[FakeRecord]]


def slices(events: int, *, odd: bool) -> Slices:
    """One partition's records; with ``odd`` every 50th is a cancellation or no JSON."""
    values = [synthetic(index * PARTITIONS)[1] for index in range(events)]
    if odd:
        for at in range(0, events, 50):
            values[at] = _cancellation(values[at]) if at % 100 else values[at][:-1]
    records = [FakeRecord(value) for value in values]
    return [records[at : at + SLICE] for at in range(0, events, SLICE)]


def _cancellation(value: bytes) -> bytes:
    event = msgspec.json.decode(value)
    event["type"] = CANCELLED
    event["data"]["executed_at"] = event["time"]
    return msgspec.json.encode(event)


class Way:
    """A worker's way from Kafka records to totals, and the CPU seconds that each stage has taken."""

    def __init__(self) -> None:
        self.decoder = Decoder(TRANSACTIONS)
        self.work = PartitionAggregate(TransactionsPending([], 10_000, Calendar("UTC")), Dedupe(HORIZON), "event")
        self._fold = TransactionsFold(Calendar("UTC"), exponent)
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def _timed(self, stage: str, call: Callable[..., Any], *arguments: Any) -> Any:
        started = time.process_time()
        result = call(*arguments)
        self.seconds[stage] += time.process_time() - started
        return result

    def go(self, some: Slices, decode: Callable[[Decoder, Sequence[FakeRecord]], Batch]) -> None:
        """Takes slices in, with a checkpoint after every few."""
        for number, records in enumerate(some, 1):
            batch = self._timed("decode", decode, self.decoder, records)
            self._timed("hash, dedupe, windows", self.work.add, batch, NOW_US)
            if number % CHECKPOINT == 0 or number == len(some):
                self._checkpoint()

    def _checkpoint(self) -> None:
        taken = self._timed("take", self.work.take, NOW_US)
        value = self._timed("state record", self._log, taken)
        self._timed("fold", self._fold.apply, 0, value[0], taken.clock_us)
        self._timed("fold", self._fold.advance, taken.clock_us)

    def _log(self, taken: Taken) -> Any:
        """To the bytes of the state log and back."""
        return msgspec.msgpack.decode(msgspec.msgpack.encode(taken))


def as_columns(decoder: Decoder, records: Sequence[FakeRecord]) -> Batch:
    return decoder.batch((records[at : at + CHUNK] for at in range(0, len(records), CHUNK)), NOW_US)


def one_by_one(decoder: Decoder, records: Sequence[FakeRecord]) -> Batch:
    return Batch.of([decoder(record.value, record.headers, NOW_US) for record in records])


def measure(events: int, rounds: int) -> dict[str, dict[str, float]]:
    """The least CPU microseconds per event: way of decoding -> stage."""
    plain, mixed = slices(events, odd=False), slices(events, odd=True)
    ways = {"columns": (plain, as_columns), "columns, mixed": (mixed, as_columns), "one by one": (plain, one_by_one)}
    least: dict[str, dict[str, float]] = {name: {} for name in ways}
    gc.freeze()
    gc.disable()  # the worker's collector runs seldom
    for _ in range(rounds):
        for name, (some, decode) in ways.items():
            way = Way()
            way.go(some, decode)
            for stage, seconds in way.seconds.items():
                taken = seconds / events * 1e6
                least[name][stage] = min(least[name].get(stage, taken), taken)
    return least


def main() -> int:
    parser = argparse.ArgumentParser(description="CPU time per event of each stage of the hot path.")
    parser.add_argument("--events", type=int, default=48 * SLICE, help="synthetic transactions (%(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="of which the least counts (%(default)s)")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    arguments = parser.parse_args()
    least = measure(arguments.events, arguments.rounds)
    if arguments.json:
        print(json.dumps({"circumstances": circumstances(), "us_per_event": least}, indent=2))
        return 0
    for name, value in circumstances().items():
        print(f"{name:<22} {value}")
    print(f"{'us per event':<22} {'  '.join(f'{name:>14}' for name in least)}")
    for stage in least["columns"]:
        print(f"{stage:<22} {'  '.join(f'{way[stage]:14.2f}' for way in least.values())}")
    print(f"{'sum':<22} {'  '.join(f'{sum(way.values()):14.2f}' for way in least.values())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
