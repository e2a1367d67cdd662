"""Compressed batches, unpacked within bounds.

A topic's limit is for a batch as it travels. One MiB may unpack to many GiB, and aiokafka unpacks without a limit, so
its decoders are replaced by these. A batch that does not fit is not read: each of its records is one that is too large.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import cramjam
import numpy as np
from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, legacy_records
from aiokafka.record._crecords import default_records as fast_records
from aiokafka.record._crecords import legacy_records as fast_legacy_records

from streams.settings import MAX_EVENT_BYTES

UNPACKED_MAX: Final = 32 << 20
"""Bytes. A topic takes 1 MiB compressed; events as they are shrink to a tenth, rarely to a thirtieth."""

UNREAD: Final = bytes(MAX_EVENT_BYTES + 1)
"""The value of a record whose batch was not read: too large by any setting, shared, and never looked into."""

_USUAL_RATIO: Final = 16
"""What nearly every batch stays below; memory for more is asked for only when it is needed."""


class UnreadableBatch(CorruptRecordException):  # type: ignore[misc]
    """A batch that cannot be unpacked, or not within bounds."""


class UnreadRecord(NamedTuple):
    """Stands for a record whose batch was not read."""

    offset: int
    timestamp: int
    key: None = None
    value: bytes = UNREAD
    headers: tuple[tuple[str, bytes], ...] = ()


def unread(batch: Any) -> Iterator[UnreadRecord]:
    """What stands for the records of a batch that cannot be read."""
    return (UnreadRecord(offset, batch.max_timestamp) for offset in range(batch.base_offset, batch.next_offset))


def _bounded(unpack_into: Callable[[Any, Any], int]) -> Callable[[Any], bytes]:
    def decode(payload: Any) -> bytes:
        size = min(UNPACKED_MAX, _USUAL_RATIO * len(payload) + 4096)
        while True:
            room = np.empty(size, np.uint8)  # not zeroed: pages that are not needed are never there
            try:
                return room[: unpack_into(payload, room)].tobytes()
            except cramjam.DecompressionError as error:
                if size == UNPACKED_MAX:
                    raise UnreadableBatch(f"damaged, or above {UNPACKED_MAX} bytes unpacked: {error}") from error
                size = UNPACKED_MAX

    return decode


def _snappy(payload: Any) -> bytes:
    """Snappy says how long it will be, as a whole or block by block."""
    try:
        if sum(cramjam.snappy.decompress_raw_len(block) for block in _snappy_blocks(payload)) <= UNPACKED_MAX:
            return bytes(codec.snappy_decode(payload))
    except (cramjam.DecompressionError, struct.error) as error:
        raise UnreadableBatch(f"damaged: {error}") from error
    raise UnreadableBatch(f"above {UNPACKED_MAX} bytes unpacked")


def _snappy_blocks(payload: Any) -> Iterator[Any]:
    """The blocks of a stream as snappy-java writes it, or the one that there is."""
    view = memoryview(payload)
    if not codec._detect_xerial_stream(view):
        yield view
        return
    at = 16
    while at < len(view):
        (size,) = struct.unpack_from("!i", view, at)
        if size <= 0:
            raise struct.error(f"a block of {size} bytes")
        yield view[at + 4 : at + 4 + size]
        at += 4 + size


def install() -> None:
    """Has aiokafka unpack with these."""
    decoders = {
        "gzip_decode": _bounded(cramjam.gzip.decompress_into),
        "lz4_decode": _bounded(cramjam.lz4.decompress_into),
        "zstd_decode": _bounded(cramjam.zstd.decompress_into),
        "snappy_decode": _snappy,
    }
    for module in (default_records, legacy_records, fast_records, fast_legacy_records):
        for name, decode in decoders.items():
            if hasattr(module, name):  # older formats have fewer codecs
                setattr(module, name, decode)
