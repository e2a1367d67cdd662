"""How far the state log has been read, and as of when.

That everything has been read takes two witnesses:

- *A fetch's high watermark.* A compacted log is consistent only there, because a record may have been removed for the
  sake of a later one. But a new leader's may be behind what its predecessor has given out, for as long as a follower is
  missing, and a fetch tells it all the same.
- *The answer to a question for the end.* A leader refuses it until its high watermark has come up (Kafka's KIP-207).
  But the embedded broker answers with too low a number, and never refuses.
"""

from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition


async def has_read(consumer: AIOKafkaConsumer, tp: TopicPartition, least: int) -> bool:
    """All that the last fetch knew of has been read, and all before a least offset, which a leader has told."""
    end = consumer.highwater(tp)
    return end is not None and await consumer.position(tp) >= max(end, least)


class Ends:
    """The moments up to which partitions have been read.

    Args:
        consumer: that reads them.
        clock: monotonic, seconds.
        wall_us: wall clock, microseconds; aiokafka's timestamps are of that.
    """

    def __init__(self, consumer: AIOKafkaConsumer, clock: Callable[[], float], wall_us: Callable[[], int]) -> None:
        self._consumer = consumer
        self._clock = clock
        self._wall_us = wall_us
        self._told: dict[TopicPartition, int] = {}
        self._fetched, self._answered = _Reached(), _Reached()

    def restart(self, tp: TopicPartition) -> None:
        """The partition is read again from its start."""
        for witness in (self._fetched, self._answered):
            witness.restart(tp)

    def answered(self, ends: Mapping[TopicPartition, int], asked: float) -> None:
        """The leaders have said where partitions end.

        Args:
            ends: what follows the last record.
            asked: when they were asked, by ``clock``.
        """
        for tp, end in ends.items():
            self._answered.wait_for(tp, end, asked)

    async def reached(self, tp: TopicPartition) -> bool:
        """Everything that both witnesses know of has been read, since the start or the restart."""
        answered = self._answered.until(tp, await self._consumer.position(tp))
        return answered is not None and await has_read(self._consumer, tp, 0)

    async def read_until(self, tp: TopicPartition) -> float | None:
        """A moment by ``clock``: all that was there by then has been read. None: no such moment is known."""
        position = await self._consumer.position(tp)
        self._fetched.until(tp, position)  # else the end of this fetch would find an earlier one waiting
        self._look_at_fetch(tp)
        fetched, answered = self._fetched.until(tp, position), self._answered.until(tp, position)
        return None if fetched is None or answered is None else min(fetched, answered)

    def _look_at_fetch(self, tp: TopicPartition) -> None:
        """A fetch's answer may have waited long before it is looked at: in a busy loop, or while the process was
        stopped. But it was sent after the answer before it had come; so its end stood at least until then.
        """
        end, told = self._consumer.highwater(tp), self._consumer.last_poll_timestamp(tp)
        before = self._told.get(tp)
        if end is None or told is None or told == before:
            return
        self._told[tp] = told
        if before is not None:
            self._fetched.wait_for(tp, end, self._clock() - (self._wall_us() / 1e6 - before / 1e3))


class _Reached:
    """By one witness: ends to reach, and the moments at which they still were the ends."""

    def __init__(self) -> None:
        self._waiting: dict[TopicPartition, tuple[int, float]] = {}
        self._until: dict[TopicPartition, float] = {}

    def restart(self, tp: TopicPartition) -> None:
        self._waiting.pop(tp, None)
        self._until.pop(tp, None)

    def wait_for(self, tp: TopicPartition, end: int, moment: float) -> None:
        """The next end; one that is not reached yet stays, because the log may grow faster than it is looked at."""
        self._waiting.setdefault(tp, (end, moment))

    def until(self, tp: TopicPartition, position: int) -> float | None:
        waiting = self._waiting.get(tp)
        if waiting is not None and position >= waiting[0]:
            del self._waiting[tp]
            self._until[tp] = waiting[1]
        return self._until.get(tp)
