"""Where a record is in Kafka."""

from typing import NamedTuple, Self

from schemas.topics import SOURCES


class Place(NamedTuple):
    """Where a record is, or was. The place of the refused record is the identity of its dead letter."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def key(self) -> bytes:
        """The Kafka key of what concerns this letter."""
        return f"{self.topic}:{self.partition}".encode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads what ``str`` gives.

        Raises:
            ValueError: it is no place in a source topic.
        """
        topic, _, rest = text.partition(":")
        partition, _, offset = rest.partition(":")
        if topic not in SOURCES or not all(part.isascii() and part.isdigit() for part in (partition, offset)):
            raise ValueError(f"{text!r} is no dead letter: expected topic:partition:offset, e.g. {SOURCES[0]}:0:17")
        return cls(topic, int(partition), int(offset))
