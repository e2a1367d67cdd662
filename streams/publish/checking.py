"""Judges events before they are sent, by the rules that the workers read them with."""

from schemas.envelope import STRUCTURED_HEADERS
from schemas.events import Rejection
from schemas.topics import SOURCES, TRANSACTIONS
from streams.decode import Decoder
from streams.decode.attributes import Headers
from streams.publish.routing import Message, route

MAX_EVENT_BYTES = 65_536
"""What workers take unless their settings say otherwise."""


class Checker:
    """Finds where an event belongs, and whether a worker would refuse it there.

    Args:
        max_event_bytes: a longer value is too_large.
        open_indicators: take indicators that the catalogue does not know.
    """

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES, open_indicators: bool = False) -> None:
        self._max_event_bytes = max_event_bytes
        self._decoders = {
            topic: Decoder(topic, max_event_bytes=max_event_bytes, open_indicators=open_indicators) for topic in SOURCES
        }

    def __call__(self, value: bytes, now_us: int, headers: Headers = STRUCTURED_HEADERS) -> Message | Rejection:
        """The message to send, or why a worker would refuse it. Never raises.

        Args:
            value: the event in structured mode, or its data in binary mode.
            now_us: the wall clock, microseconds since the Unix epoch.
            headers: Kafka's, with the attributes in binary mode.
        """
        if len(value) > self._max_event_bytes:  # it is not even looked into to find its topic
            verdict = self._decoders[TRANSACTIONS](value, headers, now_us)
            assert isinstance(verdict, Rejection)
            return verdict
        message = route(value, headers)
        verdict = self._decoders[message.topic](value, headers, now_us)
        return verdict if isinstance(verdict, Rejection) else message
