"""The clocks. Everything else takes time as an argument."""

import time


def wall_us() -> int:
    """The wall clock, microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def monotonic() -> float:
    """A clock that never goes back, seconds."""
    return time.monotonic()
