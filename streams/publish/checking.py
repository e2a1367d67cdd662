"""The verdict on an event before it is published: where it goes, or why it would be refused."""

from collections.abc import Sequence

import msgspec

from schemas.events import Rejection
from schemas.topics import SOURCES
from streams.decode import Decoder
from streams.decode.attributes import is_binary
from streams.decode.identity import readable_event
from streams.publish.routing import Message, route


class Checker:
    """Judges events as a worker with the same settings would.

    Args:
        max_event_bytes: a longer value is refused.
        open_indicators: take indicators that the catalogue does not know.
    """

    def __init__(self, *, max_event_bytes: int, open_indicators: bool) -> None:
        self._decoders = {
            topic: Decoder(topic, max_event_bytes=max_event_bytes, open_indicators=open_indicators) for topic in SOURCES
        }

    def __call__(
        self, value: bytes, now_us: int, headers: Sequence[tuple[str, bytes | None]] = ()
    ) -> Message | Rejection:
        """The message of an event, for the topic and with the key of its type, or why there is none.

        Args:
            value: a structured CloudEvent as JSON, or its data in binary mode.
            now_us: the wall clock, microseconds since the Unix epoch.
            headers: with the attributes in binary mode.
        """
        message = _binary(value, headers) if is_binary(headers) else route(value)
        verdict = self._decoders[message.topic](value, headers, now_us)
        return verdict if isinstance(verdict, Rejection) else message


def _binary(value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> Message:
    """Routed by what it would be in structured mode; value and headers stay as they are."""
    event = readable_event(value, headers)
    routed = route(value if event is None else msgspec.json.encode(event))
    return Message(routed.topic, routed.key, value, [(name, text) for name, text in headers if text is not None])
