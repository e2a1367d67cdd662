"""The decoder of one topic: the fast path where it will do, the strict path for the rest."""

from collections.abc import Sequence
from typing import Final

from schemas.events import Event, Rejection
from streams.decode.attributes import BINARY_MARK
from streams.decode.fast import FastPath
from streams.decode.strict import StrictPath

FUTURE_TOLERANCE_US: Final = 300 * 1_000_000
"""How far an event's time may be ahead of the wall clock: 5 minutes."""


class Decoder:
    """Turns the records of one source topic into events.

    Args:
        topic: a source topic.
        max_event_bytes: a longer value is rejected as too_large.
        open_indicators: take indicators that the catalogue does not know.
    """

    def __init__(self, topic: str, *, max_event_bytes: int = 65_536, open_indicators: bool = False) -> None:
        self._max_event_bytes = max_event_bytes
        self._fast = FastPath(topic, open_indicators)
        self._strict = StrictPath(topic, open_indicators)

    def __call__(
        self, value: bytes | None, headers: Sequence[tuple[str, bytes | None]], now_us: int
    ) -> Event | Rejection:
        """The record's event, or why it is none. Never raises.

        Args:
            value: the record's value.
            headers: the record's headers.
            now_us: the wall clock, microseconds since the Unix epoch.
        """
        if value is None:
            return Rejection("not_json", "", "The record has no value; expected a JSON object.")
        if len(value) > self._max_event_bytes:
            message = f"The value has {len(value)} bytes; at most {self._max_event_bytes} are taken."
            return Rejection("too_large", "", message)
        latest_us = now_us + FUTURE_TOLERANCE_US
        for name, _ in headers:
            if name == BINARY_MARK:
                break
        else:
            event = self._fast(value, latest_us)
            if event is not None:
                return event
        return self._strict(value, headers, latest_us)
