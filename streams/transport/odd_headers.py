"""Batches in which a header's name is no UTF-8. Some clients write any bytes there, and aiokafka cannot read them.

One such record must not block its partition: its batch is read here, byte by byte, with those names escaped.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.util import decode_varint


class OddRecord(NamedTuple):
    """A record as the rest of the transport uses it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def read_batch(raw: memoryview) -> Iterator[OddRecord]:
    """The records of one batch, one after the other.

    Args:
        raw: its bytes.
    """
    batch = _DefaultRecordBatchPy(bytes(raw))
    batch._maybe_uncompress()
    reader = _Reader(batch._buffer, batch._pos)
    return (reader.record(batch) for _ in range(batch._num_records))


class _Reader:
    """Reads Kafka's record format (magic 2) from a position on."""

    def __init__(self, buffer: Any, at: int) -> None:
        self._buffer = buffer
        self._at = at

    def _varint(self) -> int:
        value, self._at = decode_varint(self._buffer, self._at)
        return int(value)

    def _bytes(self) -> bytes | None:
        size = self._varint()
        if size < 0:
            return None
        self._at += size
        return bytes(self._buffer[self._at - size : self._at])

    def record(self, batch: Any) -> OddRecord:
        """The next record."""
        self._varint()  # its length
        self._varint()  # attributes: none are defined
        timestamp = batch.first_timestamp + self._varint()
        offset = batch.base_offset + self._varint()
        key, value = self._bytes(), self._bytes()
        headers = [self._header() for _ in range(self._varint())]
        return OddRecord(offset, batch.max_timestamp if batch.timestamp_type else timestamp, key, value, headers)

    def _header(self) -> tuple[str, bytes | None]:
        name = self._bytes() or b""
        return name.decode("utf-8", "backslashreplace"), self._bytes()
