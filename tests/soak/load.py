"""The load of a soak as a process of its own: ``python -m tests.soak.load BOOTSTRAP RATE``.

It prints one JSON object a line: what is acknowledged, once a second, and at the end what the totals must be. A line
on its standard input has it publish more: ``again`` duplicates, ``fill TOPIC N`` so many events of one topic, at once;
when they are acknowledged, ``filled`` says how many in all. The end of its input ends it.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from streams.transport.clocks import monotonic, wall_us
from tests.soak.traffic import Message, Place, Traffic

_TICK_S = 0.05
_CATCH_UP_S = 5.0
"""After an outage, or when the machine is busy, no more than what would have come in that time is caught up."""

_AT_ONCE = 2_000
_FILL_AT_ONCE = 12_000
"""A full batch for every partition."""

_PATIENCE_MS = 600_000


class _Publisher:
    """Publishes batches that are made here, each of one partition: a tenth of the cost of record after record."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._failure: BaseException | None = None
        self.acknowledged: Counter[Place] = Counter()

    async def publish(self, messages: Iterable[Message]) -> None:
        """Hands messages over, in order; waits while the broker does not keep up."""
        if self._failure is not None:
            raise self._failure
        by_place: dict[Place, list[Message]] = {}
        for message in messages:
            by_place.setdefault(message.place, []).append(message)
        await asyncio.gather(*(self._all(*waiting) for waiting in by_place.items()))

    async def flush(self) -> None:
        """Waits until all is acknowledged.

        Raises:
            KafkaError: something was not.
        """
        await self._producer.flush()
        await asyncio.sleep(0)
        await self.publish([])

    async def _all(self, place: Place, messages: list[Message]) -> None:
        while messages:
            messages = await self._batch(place, messages)

    async def _batch(self, place: Place, messages: list[Message]) -> list[Message]:
        """Hands over as many as a batch holds, and gives back the others."""
        batch = self._producer.create_batch()
        count = 0
        for message in messages:
            if batch.append(key=message.key, value=message.value, timestamp=None) is None:
                break
            count += 1
        sent = await self._producer.send_batch(batch, place[0], partition=place[1])
        sent.add_done_callback(lambda done: self._done(place, count, done))
        return messages[count:]

    def _done(self, place: Place, count: int, sent: "asyncio.Future[object]") -> None:
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        self._failure = self._failure or error
        if error is None:
            self.acknowledged[place] += count


def _now() -> datetime:
    return datetime.fromtimestamp(wall_us() / 1e6, UTC)


def _say(acknowledged: Counter[Place], **more: object) -> None:
    ends = [[*place, count] for place, count in acknowledged.items()]
    print(json.dumps({"ends": ends, **more}), flush=True)


async def _commands(reader: asyncio.StreamReader, traffic: Traffic, publisher: _Publisher, lock: asyncio.Lock) -> None:
    filled = 0
    while line := await reader.readline():
        async with lock:
            match line.decode().split():
                case "fill", topic, count:
                    await _fill(traffic, publisher, topic, int(count))
                    filled += int(count)
                    _say(publisher.acknowledged, filled=filled)
                case _:
                    await publisher.publish(traffic.again())


async def _fill(traffic: Traffic, publisher: _Publisher, topic: str, count: int) -> None:
    """Publishes events of a topic, as fast as the broker takes them, until all are acknowledged."""
    for left in range(count, 0, -_FILL_AT_ONCE):
        await publisher.publish(traffic.filling(topic, _now(), min(left, _FILL_AT_ONCE)))
    await publisher.flush()


async def _main(bootstrap: str, rate: float) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=1 << 20,
        max_request_size=4 << 20,
        request_timeout_ms=_PATIENCE_MS,
    )
    traffic, lock = Traffic(), asyncio.Lock()
    async with producer:
        publisher = _Publisher(producer)
        history: list[Message] = []
        for message in traffic.history(_now()):
            history.append(message)
            if len(history) == _AT_ONCE:
                await publisher.publish(history)
                history = []
        await publisher.publish(history)
        commands = asyncio.create_task(_commands(reader, traffic, publisher, lock))
        due, before, said = 0.0, monotonic(), 0.0
        while not commands.done():
            await asyncio.sleep(_TICK_S)
            now = monotonic()
            due, before = due + min(now - before, _CATCH_UP_S) * rate, now
            async with lock:
                await publisher.publish(traffic.events(_now(), int(due)))
            due -= int(due)
            if now - said >= 1.0:
                said = now
                _say(publisher.acknowledged)
        commands.result()
        await publisher.flush()
    expected = vars(traffic.expected)
    _say(publisher.acknowledged, expected={name: list(counts.items()) for name, counts in expected.items()})


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2])))
