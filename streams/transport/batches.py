"""The batches of a fetch, each with its bytes, which aiokafka does not keep.

They are for what aiokafka is slow at, the checksum, for which processors have an instruction, and for what it cannot
read: ``streams.transport.odd_headers``.
"""

from typing import Any

import google_crc32c
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords

# A record batch: base offset (8 bytes), length of what follows (4), leader epoch (4), magic (1), CRC (4), the rest.
# Formats from before Kafka 0.11 are not read; nothing writes them any more.
_LENGTH = slice(8, 12)
_LENGTH_END = 12
_CRC = slice(17, 21)
_CRC_END = 21


class KeptRecords(MemoryRecords):  # type: ignore[misc]
    """The batches of a fetch; ``last`` is the bytes of the one that was taken last."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._raw = memoryview(raw)
        self._at = 0
        self.last = self._raw[:0]

    def next_batch(self) -> Any:
        """The next batch."""
        rest = self._raw[self._at :]
        self.last = rest[: _LENGTH_END + int.from_bytes(rest[_LENGTH], "big")]
        self._at += len(self.last)
        return super().next_batch()


def install() -> None:
    """Has aiokafka's fetchers keep the bytes."""
    fetcher.MemoryRecords = KeptRecords


def is_intact(raw: memoryview) -> bool:
    """Whether a batch is as its checksum says.

    Args:
        raw: its bytes.
    """
    return int(google_crc32c.value(bytes(raw[_CRC_END:]))) == int.from_bytes(raw[_CRC], "big")
