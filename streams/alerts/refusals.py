"""Says when a topic's records are mostly refused: then nothing is lost, but hardly anything is counted either."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

WITHIN_S: Final = 60.0
"""The share is that of the records taken in within this time."""

AT_LEAST: Final = 10
"""Refused records in that time: one broken record in a quiet hour is no alarm."""


class _Sample(NamedTuple):
    at: float
    counts: dict[str, tuple[int, int]]  # topic -> records, refused ones


class RefusalWatch:
    """Watches the share of dead letters of each topic.

    It goes by the counts of all partitions and workers, which are those of the records that are in the totals; so every
    worker says the same. While the totals are incomplete, and until they have been complete for a minute, it says
    nothing: what a worker reads when it starts is not what has just come.

    Args:
        topics: to watch.
        limit: share of refused records, 0 to 1, that is too much when it is exceeded; 1 never is.
    """

    def __init__(self, topics: Iterable[str], limit: float) -> None:
        self._limit = limit
        self._samples: deque[_Sample] = deque()
        self.shares: dict[str, float] = dict.fromkeys(topics, 0.0)
        self.reasons: dict[str, str] = {}

    def observe(self, events: Mapping[tuple[str, str], int], complete: bool, now: float) -> None:
        """Judges the counts of a moment; ``shares`` and ``reasons``, by topic, follow.

        Args:
            events: records by topic and outcome.
            complete: the counts are those of all partitions.
            now: the monotonic clock, seconds.
        """
        if not complete:
            self._samples.clear()
            self.reasons = {}
            return
        self._samples.append(_Sample(now, {topic: _counts(events, topic) for topic in self.shares}))
        while len(self._samples) > 1 and now - self._samples[1].at >= WITHIN_S:
            self._samples.popleft()
        first = self._samples[0]
        judged = now - first.at >= WITHIN_S
        self.reasons = {}
        for topic in self.shares:
            (records, refused), (before, refused_before) = self._samples[-1].counts[topic], first.counts[topic]
            records, refused = records - before, refused - refused_before
            self.shares[topic] = refused / records if records else 0.0
            if judged and refused >= AT_LEAST and self.shares[topic] > self._limit:
                self.reasons[topic] = (
                    f"{refused} of the {records} records that {topic} had in the last {WITHIN_S:.0f} s were refused:"
                    " see its dead letters"
                )


def _counts(events: Mapping[tuple[str, str], int], topic: str) -> tuple[int, int]:
    counts = {outcome: count for (of, outcome), count in events.items() if of == topic}
    return sum(counts.values()), counts.get("rejected", 0)
