"""Publishing for a worker's HTTP interface: what comes in is judged and sent, and every event gets its verdict."""

import asyncio
import time
from collections.abc import Sequence

from schemas.events import Rejection
from streams.exposition.verdicts import Accepted, Failed, Incoming, Verdict
from streams.publish.checking import Checker
from streams.publish.client import Delivery, Publisher
from streams.publish.errors import NotDelivered

DEADLINE_S = 5.0
"""Seconds until a client is told that the broker is away; it then sends again."""

_EVENTS_A_SLICE = 50
"""Events judged between two turns of the event loop: about 1 ms."""


class Intake:
    """Judges and publishes events; see ``streams.exposition.verdicts.Publish``.

    Args:
        publisher: with ``DEADLINE_S`` as its deadline.
        check: by the worker's own settings.
    """

    def __init__(self, publisher: Publisher, check: Checker) -> None:
        self._publisher = publisher
        self._check = check

    async def __call__(self, events: Sequence[Incoming]) -> Sequence[Verdict]:
        """A verdict for each event, in their order."""
        handed: list[Delivery | Rejection | Failed] = []
        away: Failed | None = None
        for number, event in enumerate(events, 1):
            message = self._check(event.value, time.time_ns() // 1_000, event.headers)
            if isinstance(message, Rejection):
                handed.append(message)
            elif away is not None:
                handed.append(away)
            else:
                try:
                    handed.append(await self._publisher.send_unchecked(message))
                except NotDelivered as error:  # the deadline has passed: no other event waits as long again
                    away = Failed(error.message)
                    handed.append(away)
            if number % _EVENTS_A_SLICE == 0:
                await asyncio.sleep(0)
        return [await _verdict(one) if isinstance(one, asyncio.Future) else one for one in handed]


async def _verdict(delivery: Delivery) -> Accepted | Failed:
    try:
        delivered = await delivery
    except NotDelivered as error:
        return Failed(error.message)
    return Accepted(delivered.topic, delivered.partition, delivered.offset)
