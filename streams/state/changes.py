"""What a worker says in its log about the state of things: one line when it changes, none while it stays."""

import logging
from collections.abc import Sequence

log = logging.getLogger(__name__)

AWAY_AFTER: float = 5.0
"""Seconds without an answer from any broker; a fetch is answered four times a second."""

REASONS_SHOWN = 3


class Changes:
    """Watches whether the numbers are complete, and whether the broker is there."""

    def __init__(self) -> None:
        self._complete: bool | None = None
        self._away_since: float | None = None

    def observe(self, reasons: Sequence[str], heard: float, now: float) -> None:
        """Says what has changed since the last time.

        Args:
            reasons: why the numbers are not complete; none when they are.
            heard: when a broker last answered, monotonic seconds.
            now: monotonic seconds.
        """
        if now - heard <= AWAY_AFTER:
            if self._away_since is not None:
                seconds = now - self._away_since
                log.warning("broker is back after %.0f s", seconds, extra={"change": "broker back", "seconds": seconds})
                self._away_since = None
        elif self._away_since is None:
            self._away_since = heard
            log.warning("broker is away: no answer for %.0f s", now - heard, extra={"change": "broker away"})
        complete = not reasons
        if complete == self._complete:
            return
        if complete:
            log.info("complete", extra={"change": "complete"})
        elif self._complete is not None:
            shown = "; ".join(reasons[:REASONS_SHOWN])
            more = f"; and {len(reasons) - REASONS_SHOWN} more" if len(reasons) > REASONS_SHOWN else ""
            extra = {"change": "incomplete", "reasons": list(reasons)}
            log.warning("incomplete: %s%s", shown, more, extra=extra)
        self._complete = complete
