"""Publishes alert events: one worker for all, what the topic does not say already."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import KafkaError

from schemas.topics import ALERTS
from streams.alerts.evaluate import Judgement
from streams.alerts.log import AlertEvent, AlertLog
from streams.errors import BrokerUnreachable, NotAllowed
from streams.settings import Settings
from streams.transport.reading import read_partition

log = logging.getLogger(__name__)

EVERY: Final = 0.25
"""Seconds between judgements. A crossing is then published well within a second of its event."""

STANDBY_ROUNDS: Final = 20
"""A worker that does not publish judges once in so many rounds: it only keeps in mind since when limits are crossed."""


class AlertPublisher:
    """Judges now and then, and publishes what has changed.

    The worker that leads publishes. It begins by reading what the topic says, so that a failover repeats nothing; and
    again after an error, because nobody knows then what was written.

    Args:
        settings: where the cluster is.
        judge: gives what the thresholds come to now, or None while the numbers are incomplete.
        leads: whether this worker is the one that publishes.
        publish: writes an event and waits until it is acknowledged.
    """

    def __init__(
        self,
        settings: Settings,
        judge: Callable[[], Judgement | None],
        leads: Callable[[], bool],
        publish: Callable[[AlertEvent], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._judge = judge
        self._leads = leads
        self._publish = publish
        self._log: AlertLog | None = None

    async def run(self) -> None:
        """Publishes until cancelled; comes back by itself when the broker does."""
        rounds = 0
        while True:
            if not self._leads():
                self._log = None
                if rounds % STANDBY_ROUNDS == 0:
                    self._judge()
            else:
                try:
                    await self._lead()
                except (KafkaError, OSError, BrokerUnreachable, NotAllowed) as error:
                    log.warning("alert events cannot be published, trying again: %r", error)
                    self._log = None
            rounds += 1
            await asyncio.sleep(EVERY)

    async def _lead(self) -> None:
        if self._log is None:
            self._log = await self._read()
        judgement = self._judge()
        if judgement is not None:
            for event in self._log.due(judgement):
                await self._publish(event)
                self._log.add(event)

    async def _read(self) -> AlertLog:
        known = AlertLog(f"/citypulse/{self._settings.app_id}")
        async for part in read_partition(self._settings, ALERTS, 0):
            for record in part.records:
                known.read(record.value or b"")
        return known
