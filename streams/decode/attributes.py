"""CloudEvents binary mode: the attributes are in the record's headers.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md, section 3.2.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from schemas.envelope import ATTRIBUTE_HEADER_PREFIX, CONTENT_TYPE_HEADER
from schemas.scalars import FieldError

BINARY_MARK: Final = f"{ATTRIBUTE_HEADER_PREFIX}specversion"
"""No record without this header is in binary mode."""

_STRUCTURED_PREFIX: Final = b"application/cloudevents"

Headers = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """What decoding reads of a Kafka record."""

    @property
    def value(self) -> bytes | None:
        """The event, or its data in binary mode."""

    @property
    def headers(self) -> Headers:
        """With the attributes in binary mode."""


def is_binary(headers: Headers) -> bool:
    """Whether a record may be in binary mode; ``binary_attributes`` knows."""
    for name, _ in headers:  # noqa: SIM110 - any() with a generator takes three times as long
        if name == BINARY_MARK:
            return True
    return False


def binary_attributes(headers: Headers) -> dict[str, str] | None:
    """The context attributes of an event in binary mode; None when the record is in structured mode.

    A record is in binary mode when it has the header ``ce_specversion`` and its content type is not that of a
    structured event. Of a header that is there twice the last one counts; one without a value counts as absent.

    Raises:
        FieldError: a header is not UTF-8; ``field`` is the attribute, the message the end of a sentence.
    """
    given = {name: value for name, value in headers if value is not None}
    content_type = given.get(CONTENT_TYPE_HEADER, b"")
    if BINARY_MARK not in given or content_type.strip().lower().startswith(_STRUCTURED_PREFIX):
        return None
    attributes: dict[str, str] = {}
    for name, value in given.items():
        if name.startswith(ATTRIBUTE_HEADER_PREFIX):
            attribute = name.removeprefix(ATTRIBUTE_HEADER_PREFIX)
            try:
                attributes[attribute] = value.decode()
            except UnicodeDecodeError:
                raise FieldError(attribute, "is not UTF-8") from None
    if content_type:
        attributes["datacontenttype"] = content_type.decode(errors="replace")
    return attributes
