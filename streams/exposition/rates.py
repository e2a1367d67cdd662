"""A rate limit for each of those who write: token buckets."""

from collections.abc import Callable


class RateLimit:
    """Lets each name have so many events a second, and a second's worth at once.

    A batch is let in while anything is left, and paid for in full: afterwards its owner waits the longer. So a large
    batch needs no large bucket.

    Args:
        rate: events a second.
        clock: seconds, monotonic.
    """

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # name -> (what was left, when)

    def take(self, name: str, count: int) -> float:
        """Takes ``count`` events for ``name``.

        Returns:
            0 when they are let in, else the seconds after which one more would be; nothing is taken then.
        """
        now = self._clock()
        left, since = self._buckets.get(name, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        wait = max(0.0, (1.0 - left) / self._rate) if count else 0.0
        self._buckets[name] = (left if wait else left - count, now)
        return wait
