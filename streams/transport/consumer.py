"""A faust transport that delivers slices: one faust message for many records of a partition.

Offsets are the owners' business (``streams.transport.ownership``): where to begin comes from the state log, and the
group's committed offset is a hint that follows it. So faust's own book-keeping of acknowledged messages is left aside.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import aiokafka
import faust
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport import drivers
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from streams.transport.fetching import fetch
from streams.transport.slices import RecordSlice

log = logging.getLogger(__name__)

SCHEME = "slices"
"""Of the broker URL that selects this transport."""

COMMIT_WITHIN = 5.0
"""Seconds; aiokafka would ask for as long as the broker is away, and a worker that is told to end would wait."""

FETCH_WAIT_MS = 50
"""How long a broker may hold back an answer when there is nothing new."""


class SliceThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The consumer's thread: fetches and drains."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_thread_stop(self) -> None:
        """Ends the client. Without a broker aiokafka may wait for a fetch that it has itself cancelled, and raise that
        as if we were: faust would not notice that the thread has ended, and wait for it for a minute.
        """
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            log.warning("the consumer's client was not closed in order: a fetch was under way")

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: faust watches its own book-keeping here, which this transport leaves aside, and would log every few
        seconds that healthy partitions are stuck. ``citypulse_partition_lag`` and ``/readyz`` tell what is.
        """

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """A commit is a hint: faust would end the app over a broker that is away, or a group that has moved on."""
        assigned = self.assignment()
        hints = {TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items() if tp in assigned}
        try:
            async with asyncio.timeout(COMMIT_WITHIN):
                await self._ensure_consumer().commit(hints)
        except (KafkaError, OSError) as error:
            log.warning("the group's offsets could not be committed: %r", error)
            return False
        return True

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, list[RecordSlice]]:
        if not self.consumer.flow_active:
            return {}
        slices = await fetch(consumer, active_partitions, timeout or 0, self.app.conf.broker_check_crcs)
        return {tp: [part] for tp, part in slices.items()}

    async def _seek_wait(self, consumer: aiokafka.AIOKafkaConsumer, partitions: dict[TP, int]) -> None:
        """Moves on at once: faust would wait for a position, which is what has just been set."""
        for tp, offset in partitions.items():
            if consumer._subscription.is_assigned(tp):
                consumer.seek(tp, offset)
                self.consumer._read_offset[tp] = offset


class SliceConsumer(driver.Consumer):  # type: ignore[misc]
    """Delivers slices; its message's offset is that of the slice's last record."""

    def _new_consumer_thread(self) -> SliceThread:
        return SliceThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: RecordSlice) -> Any:
        return ConsumerMessage(
            record.topic,
            record.partition,
            record.next_offset - 1,
            record.appended_ms / 1000.0,
            0,
            None,
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    @property
    def _ownership(self) -> Any:
        return self.app.ownership

    # -- offsets

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets inside a slice are no gaps."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for acked in (*self._acked.values(), *self._acked_index.values()):
            acked.clear()
        return iter(self.assignment())

    def _new_offset(self, tp: TP) -> int | None:
        offset: int | None = self._ownership.durable_offset(tp)
        return offset

    async def perform_seek(self) -> None:
        """Everything that follows a rebalance, or a fetch that was thrown away: owners say where to go on."""
        self.stop_flow()  # callers resume it; nothing may slip in before the queues are cleared
        await self._ownership.seek_all(self)

    async def seek_and_resume(self, tp: TP, offset: int) -> None:
        """Delivers a partition from an offset on."""
        await self.seek_wait({tp: offset})
        if tp in self.assignment():
            self.resume_partitions({tp})

    async def begins_at(self, tp: TP) -> int:
        """The first offset that the partition still has."""
        return int((await self.earliest_offsets(tp))[tp])

    # -- rebalances

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Counts the rebalance; ``perform_seek`` follows."""
        self._ownership.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Owners make durable what they have before the partitions go."""
        self.stop_flow()
        await self._ownership.revoked(revoked)
        await super().on_partitions_revoked(revoked)


class SliceTransport(driver.Transport):  # type: ignore[misc]
    """``slices://host:port`` as a faust broker."""

    Consumer = SliceConsumer


drivers.TRANSPORTS.aliases[SCHEME] = f"{__name__}:SliceTransport"


class SliceSchema(faust.Schema):  # type: ignore[misc]
    """Slices are decoded record by record in the agent."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """A slice has no key."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> RecordSlice:
        """The slice itself."""
        value: RecordSlice = message.value
        return value


def server_urls(bootstrap: str) -> list[str]:
    """Bootstrap servers as faust wants them."""
    return [f"{SCHEME}://{server.strip()}" for server in bootstrap.split(",") if server.strip()]
