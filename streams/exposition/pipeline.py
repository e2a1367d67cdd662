"""What a worker measures of itself. One event loop writes and reads, so nothing here is locked."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate

VISIBLE_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 60.0
)  # fmt: skip
"""Seconds from Kafka append until readable. 0.15 and 0.4 are bounds because the targets are p50 < 0.15 s and
p99 < 0.4 s: the share within a target is then counted, not interpolated. Dense around them, sparse where it is only
a question of how late (a recovery, a stalled broker)."""

BATCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds one batch takes. An empty one costs about 1 ms; a full one must stay far below the visibility target."""


RECOVERY_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds one recovery takes; the target is 10 s."""

CLOCK_AHEAD = 300.0
"""Seconds that a producer's clock may be ahead of ours: as much as an event's time may be."""

OLDEST = 30 * 86_400.0
"""Seconds: what claims to have been appended before has a producer without a clock, or belongs to a replay."""


VERDICTS = ("accepted", "rejected", "failed")
"""What an event that came in over HTTP is answered with."""


class Histogram:
    """A cumulative histogram whose observations carry a weight.

    One batch stands for thousands of events with one latency; prometheus_client's observes one at a time.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, weight: int = 1) -> None:
        """Counts ``weight`` observations of ``value``. An upper bound is part of its bucket, as Prometheus has it."""
        self._counts[bisect_left(self._bounds, value)] += weight
        self._sum += value * weight

    @property
    def sum(self) -> float:
        """Sum of all observed values."""
        return self._sum

    def cumulative(self) -> list[tuple[float, int]]:
        """(upper bound, observations at or below it), the last bound being infinity."""
        return list(zip((*self._bounds, float("inf")), accumulate(self._counts), strict=True))


class PipelineMetrics:
    """The worker's own measurements, since it started.

    Args:
        topics: source topics; each has its histograms from the start, so that a rate is never missing its first step.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        topics = tuple(topics)
        self.visible = {topic: Histogram(VISIBLE_BUCKETS) for topic in topics}
        self.batches = {topic: Histogram(BATCH_BUCKETS) for topic in topics}
        self.rebalances = 0
        self.recoveries = Histogram(RECOVERY_BUCKETS)
        self.dead_letter_shares = dict.fromkeys(topics, 0.0)
        self.alarms: tuple[str, ...] = ()
        self.letters_waiting: Mapping[tuple[str, str], int] | None = None
        self.verdicts = dict.fromkeys(VERDICTS, 0)

    def event_visible(self, topic: str, seconds: float, weight: int) -> None:
        """``weight`` events became readable ``seconds`` after Kafka appended them.

        The append time is the broker's or the producer's clock; when that runs ahead, the wait counts as none. A time
        that no clock could have told (1970, 2200) says nothing of the wait, and the events are left out.
        """
        if -CLOCK_AHEAD <= seconds <= OLDEST:
            self.visible[topic].observe(max(0.0, seconds), weight)

    def refusals(self, shares: Mapping[str, float], alarms: tuple[str, ...]) -> None:
        """The share of dead letters by topic, and why that makes this worker not ready."""
        self.dead_letter_shares = dict(shares)
        self.alarms = alarms

    def waiting(self, letters: Mapping[tuple[str, str], int] | None) -> None:
        """Dead letters by topic and reason that have not been replayed; None while that is not known."""
        self.letters_waiting = letters

    def ingested(self, verdict: str) -> None:
        """An event that came in over HTTP was answered with this verdict, one of ``VERDICTS``."""
        self.verdicts[verdict] += 1

    def batch_duration(self, topic: str, seconds: float) -> None:
        """One batch took ``seconds`` from delivery until it was aggregated."""
        self.batches[topic].observe(seconds)

    def rebalanced(self) -> None:
        """The group gave this worker a new assignment."""
        self.rebalances += 1

    def recovered(self, seconds: float) -> None:
        """From assignment until the state was back and complete took ``seconds``."""
        self.recoveries.observe(seconds)
