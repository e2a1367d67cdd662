"""Which partitions this worker owns: acquires them when they are assigned, releases them when they are revoked.

One task for each partition claims it, recovers it from the state log, has the consumer begin where the state ends, and
writes checkpoints. Whatever goes wrong, what is not durable is dropped and the partition acquired anew: nothing is
skipped and nothing is counted twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka.errors import KafkaError
from faust.types.tuples import TP

from schemas.topics import FAMILY
from streams.decode import Decoder
from streams.errors import CityPulseError
from streams.state.owner import Owner
from streams.state.recovery import FencedError, ReadIds
from streams.transport.clocks import monotonic, wall_us
from streams.transport.producer import WorkerProducer
from streams.transport.slices import RecordSlice

log = logging.getLogger(__name__)

RELEASE_WITHIN = 5.0
"""Seconds for a last checkpoint when a partition is revoked; less than the session timeout."""

AFTER_FENCED = 5.0
"""Seconds before a partition that another worker claimed is claimed back. If the other one is right, the group tells
us so in the meantime; if it was woken up from a pause, the group tells it."""

AFTER_ERROR = 1.0


class Consumer(Protocol):
    """What the owners need of the consumer."""

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Delivers nothing of them."""

    async def seek_and_resume(self, tp: TP, offset: int) -> None:
        """Delivers a partition from an offset on."""

    async def begins_at(self, tp: TP) -> int:
        """The first offset that the partition still has."""


class RecordsMissingError(CityPulseError):
    """The source does not have what the state goes on with."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a worker wants to know of its owners."""

    batch_done: Callable[[str, float], None]  # a slice of a topic took so many seconds
    rebalanced: Callable[[], None]  # there is a new assignment
    recovered: Callable[[float], None]  # seconds from a partition's assignment until its records are taken in
    fatal: Callable[[BaseException], None]  # what the worker cannot live with


class Ownership:
    """The owners of this worker.

    Args:
        new_owner: makes the owner of a family's partition.
        decoders: by topic.
        producer: for dead letters.
        read_ids: see ``Owner.acquire``.
        hooks: told what happens.
    """

    def __init__(
        self,
        new_owner: Callable[[str, int], Owner],
        decoders: Mapping[str, Decoder],
        producer: WorkerProducer,
        read_ids: ReadIds,
        hooks: Hooks,
    ) -> None:
        self._new_owner = new_owner
        self._decoders = decoders
        self._producer = producer
        self._read_ids = read_ids
        self.hooks = hooks
        self._consumer: Consumer | None = None
        self._assigned: set[TP] = set()
        self._owners: dict[TP, Owner] = {}
        self._tasks: dict[TP, asyncio.Task[None]] = {}
        self._short: set[TP] = set()  # partitions whose last slice told of an end before what is expected
        self._closed = False
        self._recovered = False  # since memory was last given back
        self._changing = asyncio.Lock()  # a partition must not be acquired anew while it is still being released

    def owned(self) -> set[tuple[str, int]]:
        """The (topic, partition) whose records this worker takes in now."""
        return {(tp.topic, tp.partition) for tp, owner in self._owners.items() if owner.active}

    def durable_offset(self, tp: TP) -> int | None:
        """What may be committed to the group; after ``close`` too, for the last commit of a worker that ends."""
        owner = self._owners.get(tp)
        return owner.durable_offset if owner is not None and (owner.active or self._closed) else None

    # -- assignment

    def assigned(self, tps: Iterable[TP]) -> None:
        """The group has given this worker these partitions, and no others; ``seek_all`` follows."""
        self._assigned = set(tps)
        self.hooks.rebalanced()
        _changed("assigned", self._assigned)

    async def seek_all(self, consumer: Consumer) -> None:
        """Has every assigned partition go on where its owner is; those without one are acquired.

        What is assigned is what the group said last: between a revocation and the next assignment that is nothing,
        while the client still names the partitions from before.
        """
        self._consumer = consumer
        async with self._changing:
            for tp in sorted(self._assigned):
                task, owner = self._tasks.get(tp), self._owners.get(tp)
                if owner is not None and owner.active and owner.next_offset is not None:
                    await consumer.seek_and_resume(tp, owner.next_offset)
                else:
                    consumer.pause_partitions({tp})
                    if task is None or task.done():
                        self._tasks[tp] = asyncio.create_task(self._own(tp, consumer), name=f"own {tp}")

    async def revoked(self, tps: Iterable[TP]) -> None:
        """Makes durable what the owners have, within bounds, and lets them go."""
        tps = set(tps)
        self._assigned -= tps
        async with self._changing:
            await asyncio.gather(*(self._release(tp) for tp in tps))
        if tps:
            _changed("revoked", tps)

    async def close(self) -> None:
        """Lets go of everything."""
        await self.revoked(list(self._owners))
        self._closed = True

    def forget_lost(self) -> bool:
        """Frees the memory of partitions that are other workers' by now.

        Returns:
            Whether that, or a recovery since the last call, has freed much.
        """
        freed, self._recovered = self._recovered, False
        for tp, owner in self._owners.items():
            if tp not in self._tasks:  # else it is being acquired
                freed |= owner.forget_if_lost()
        return freed

    async def _release(self, tp: TP) -> None:
        owner, task = self._owners.get(tp), self._tasks.pop(tp, None)
        if owner is not None and owner.active:
            try:
                async with asyncio.timeout(RELEASE_WITHIN):
                    await owner.release()
            except (FencedError, KafkaError, OSError) as error:
                log.warning("%s was given up before its last records were durable: %r", _name(tp), error)
                owner.abandon()
        elif owner is not None:
            owner.abandon()
        if task is not None:
            task.cancel()

    async def _own(self, tp: TP, consumer: Consumer) -> None:
        """Owns a partition until it is revoked, whatever happens meanwhile."""
        try:
            owner = self._owners.get(tp) or self._owners.setdefault(tp, self._new_owner(FAMILY[tp.topic], tp.partition))
        except CityPulseError as error:
            self.hooks.fatal(error)
            return
        while self._tasks.get(tp) is asyncio.current_task():  # aiokafka may lose a cancellation
            try:
                started = monotonic()
                await self._open(tp, owner, consumer)
                seconds = monotonic() - started
                self.hooks.recovered(seconds)
                self._recovered = True
                log.info("%s recovered in %.1f s", _name(tp), seconds, extra={"change": "recovered", **_place(tp)})
                await owner.run()
                return
            except FencedError as error:
                extra = {"change": "fenced", **_place(tp)}
                log.warning("fenced: %s; trying again in %.0f s", error, AFTER_FENCED, extra=extra)
                wait = AFTER_FENCED
            except (KafkaError, OSError) as error:
                log.warning("%s is stuck, trying again: %r", _name(tp), error)
                wait = AFTER_ERROR
            except Exception as error:  # noqa: BLE001 - a bug or broken state: stop rather than go on wrong
                owner.abandon()
                self.hooks.fatal(error)
                return
            owner.abandon()
            consumer.pause_partitions({tp})
            await asyncio.sleep(wait)

    async def _open(self, tp: TP, owner: Owner, consumer: Consumer) -> None:
        offset = await owner.acquire(self._read_ids)
        first = await consumer.begins_at(tp)
        if offset is None:
            offset = first
        elif first > offset:
            raise _missing(tp, offset, f"begins at {first}: retention has removed records before they were counted")
        if self._tasks.get(tp) is not asyncio.current_task():
            raise asyncio.CancelledError
        owner.begin(offset)
        await consumer.seek_and_resume(tp, offset)

    # -- records

    async def take_in(self, part: RecordSlice) -> None:
        """Takes a slice in: decode, dead letters, aggregate."""
        try:
            await self._take_in(part)
        except (KafkaError, OSError) as error:
            # The slice is not taken in; the owner's task meets the same trouble and acquires the partition anew.
            log.warning("%s: a slice could not be taken in: %r", part.topic, error)
            await self._again(TP(part.topic, part.partition))
        except Exception as error:  # noqa: BLE001 - faust would take the slice for done and go on
            self.hooks.fatal(error)

    async def _take_in(self, part: RecordSlice) -> None:
        tp = TP(part.topic, part.partition)
        owner = self._owners.get(tp)
        if owner is None:
            return
        await owner.room()
        expected = owner.next_offset
        if not owner.active or expected is None:
            return
        if part.end_offset < expected:
            # Perhaps it was fetched before the partition went to another worker and came back: one more look tells.
            if tp in self._short:
                raise _missing(tp, expected, f"ends at {part.end_offset}: it has been deleted or truncated")
            self._short.add(tp)
            await self._again(tp)
            return
        self._short.discard(tp)
        if part.start > expected:
            log.info("%s delivered offset %d, expected %d: going back", _name(tp), part.start, expected)
            await self._again(tp)
            return
        if part.next_offset <= expected:
            return
        started = monotonic()
        batch = self._decoders[part.topic].batch(part.chunks_since(expected), wall_us())
        acks: list[Awaitable[Any]] = []
        if batch.refused:
            records = part.since(expected)
            refused = [(records[position], rejection) for position, rejection in batch.refused]
            acks = await self._producer.dead_letters(part, refused)
        if not owner.expects(expected):
            return  # lost while dead letters were handed over; whoever goes on writes them again
        owner.add(
            batch,
            next_offset=part.next_offset,
            end_offset=part.end_offset,
            appended_us=part.appended_ms * 1000,
            size=batch.size,
            acks=acks,
        )
        self.hooks.batch_done(part.topic, monotonic() - started)

    async def _again(self, tp: TP) -> None:
        """Has the consumer deliver from where the owner is."""
        owner = self._owners.get(tp)
        if self._consumer is not None and owner is not None and owner.active and owner.next_offset is not None:
            await self._consumer.seek_and_resume(tp, owner.next_offset)


def _changed(what: str, tps: Iterable[TP]) -> None:
    """A line of the log: which partitions came or went."""
    partitions: dict[str, list[int]] = {}
    for tp in sorted(tps):
        partitions.setdefault(tp.topic, []).append(tp.partition)
    told = ", ".join(f"{topic} {' '.join(map(str, numbers))}" for topic, numbers in partitions.items())
    log.info("%s: %s", what, told or "nothing", extra={"change": what, "partitions": partitions})


def _place(tp: TP) -> dict[str, object]:
    return {"topic": tp.topic, "partition": tp.partition}


def _name(tp: TP) -> str:
    return f"{tp.topic} partition {tp.partition}"


def _missing(tp: TP, offset: int, what: str) -> RecordsMissingError:
    return RecordsMissingError(
        f"the state of {_name(tp)} goes on at offset {offset}, but the partition {what}",
        "restore the topic, or begin anew from what is left under another CITYPULSE_APP_ID",
    )
