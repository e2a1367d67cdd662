"""Batches in which a header's name is no UTF-8. Some clients write any bytes there, and aiokafka cannot read them.

One such record must not block its partition: its batch is read here, byte by byte, with those names escaped. That takes
the fetch's raw bytes, which aiokafka does not keep, so its ``MemoryRecords`` is replaced by one that does.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

_LENGTH_END = 12
"""A batch begins with its base offset (8 bytes) and the length of what follows (4 bytes)."""


class KeptRecords(MemoryRecords):  # type: ignore[misc]
    """The batches of a fetch, and its raw bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.raw = raw


def install() -> None:
    """Has aiokafka's fetchers keep the raw bytes."""
    fetcher.MemoryRecords = KeptRecords


class OddRecord(NamedTuple):
    """A record as the rest of the transport uses it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def read_batch(raw: bytes, base_offset: int) -> Iterator[OddRecord]:
    """The records of one batch in a fetch's bytes, one after the other.

    Args:
        raw: of the fetch.
        base_offset: of the batch.

    Raises:
        ValueError: when there is no such batch.
    """
    batch = _DefaultRecordBatchPy(_find(raw, base_offset))
    batch._maybe_uncompress()
    reader = _Reader(batch._buffer, batch._pos)
    return (reader.record(batch) for _ in range(batch._num_records))


def _find(raw: bytes, base_offset: int) -> bytes:
    at = 0
    while at + _LENGTH_END <= len(raw):
        end = at + _LENGTH_END + int.from_bytes(raw[at + 8 : at + _LENGTH_END], "big")
        if int.from_bytes(raw[at : at + 8], "big") == base_offset:
            return bytes(raw[at:end])
        at = end
    raise ValueError(f"no batch begins at offset {base_offset}")


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
