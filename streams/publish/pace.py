"""Synthetic traffic of now, at a steady pace."""

import asyncio
import time
from collections.abc import AsyncIterator

from streams.publish.routing import Message
from streams.publish.synthetic import Traffic

_TICK_S = 0.05
SEED = 20231124
"""The synthetic events are the same every time, but for their times."""


async def paced(rate: int, seconds: float | None = None) -> AsyncIterator[list[Message]]:
    """Gives what is due, again and again; some of the events break the contract on purpose.

    Args:
        rate: events a second, on average since the start.
        seconds: how long; None: until nobody asks any more.
    """
    traffic, start, sent = Traffic(SEED), time.monotonic(), 0
    while seconds is None or time.monotonic() - start < seconds:
        due = int((time.monotonic() - start) * rate) - sent
        yield traffic.events(time.time_ns() // 1_000, due)
        sent += due
        await asyncio.sleep(_TICK_S)
