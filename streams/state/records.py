"""The records of the state log.

The state log is one compacted topic. All records of source partition i, of every family, are in its partition i. A
*stream* is one family's source partition. Its records:

======  =====================================  ===========================================================
claim   ``family/partition/c/epoch.nonce``     who owns the stream from here on
head    ``family/partition/h/n.nonce``         checkpoint n: what was added, and the source offset it goes to
page    ``family/partition/p/page/nonce``      a piece of the materialised state as of a checkpoint
======  =====================================  ===========================================================

A tombstone takes a record away. Keys carry the owner's nonce, so that compaction never lets one owner's record replace
another's.
"""

from typing import Any, Literal

import msgspec

from streams.errors import CityPulseError

FORMAT = 1
"""Version of the records. A worker reads every earlier one and refuses a later one: tests/unit/state has a log of each.
Raise it when what is written would be misread by a worker that does not know of it."""

OUTCOMES = ("applied", "late", "duplicate", "rejected")


class Claim(msgspec.Struct, array_like=True, frozen=True):
    """Ownership of a stream from this record on, until a later claim of the same or a higher epoch."""

    format: int
    epoch: int
    nonce: str
    owner: str
    settings: str  # what must not change while state exists: see ``Board``


class Head(msgspec.Struct, array_like=True, frozen=True):
    """Checkpoint ``n`` of a stream. It counts once it is in the log while its claim stands."""

    format: int
    nonce: str
    n: int
    base: int  # pages hold every delta up to this checkpoint
    next_offset: int  # of the source partition: all records before it are in here
    end_offset: int  # of the source partition, as last fetched
    watermark_us: int | None  # highest event time
    clock_us: int  # the partition's clock
    outcomes: list[int]  # as OUTCOMES, since ever
    reasons: dict[str, int]  # rejections, since ever
    first_id: int  # number of the first event in ids
    ids: bytes  # hashes of the events added, 16 bytes each
    delta: Any
    oldest_id: int | None = None  # number of the oldest event whose hash is kept; None in heads of earlier versions
    noted: Any = None  # what the owner keeps beside the state: see ``Board.noted``


class Page(msgspec.Struct, array_like=True, frozen=True):
    """A page as of checkpoint ``n``."""

    format: int
    n: int
    content: Any


Kind = Literal["c", "h", "p"]
Record = Claim | Head | Page

_DECODERS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    "c": msgspec.msgpack.Decoder(Claim),
    "h": msgspec.msgpack.Decoder(Head),
    "p": msgspec.msgpack.Decoder(Page),
}
_encode = msgspec.msgpack.Encoder().encode


class StateFormatError(CityPulseError):
    """A record of the state log that this version cannot read."""


def claim_key(family: str, partition: int, claim: Claim) -> bytes:
    """The key of a claim."""
    return f"{family}/{partition}/c/{claim.epoch}.{claim.nonce}".encode()


def head_key(family: str, partition: int, head: Head) -> bytes:
    """The key of a head."""
    return f"{family}/{partition}/h/{head.n}.{head.nonce}".encode()


def page_key(family: str, partition: int, page: str, nonce: str) -> bytes:
    """The key of a page that the owner with that nonce wrote."""
    return f"{family}/{partition}/p/{page}/{nonce}".encode()


def parse_key(key: bytes) -> tuple[str, int, str, str]:
    """Family, source partition, kind and the rest of a key.

    Raises:
        StateFormatError: when it is no key of a state log.
    """
    try:
        family, partition, kind, rest = key.decode().split("/", 3)
        if kind in _DECODERS:
            return family, int(partition), kind, rest
    except ValueError:
        pass
    raise StateFormatError(f"the state log holds a record that is not ours, key {key[:80]!r}")


def encode(record: Record) -> bytes:
    """A record's value."""
    return _encode(record)


def decode(kind: str, value: bytes) -> Any:
    """The record of a kind.

    Raises:
        StateFormatError: when it is damaged, or of a later format.
    """
    version = _format(value)
    if version > FORMAT:
        raise StateFormatError(
            f"the state log has format {version}, this worker reads up to {FORMAT}",
            "run the version that wrote it, or count anew under another CITYPULSE_APP_ID: docs/operations.md",
        )
    try:
        return _DECODERS[kind].decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateFormatError(f"the state log holds a damaged record: {error}") from error


def _format(value: bytes) -> int:
    """The first item, a small integer, of an array: one byte or three say that it is one."""
    first = value[3:4] if value[:1] == b"\xdc" else value[1:2] if 0x90 <= int.from_bytes(value[:1]) <= 0x9F else b""
    if not first or first[0] > 0x7F:
        raise StateFormatError("the state log holds a damaged record: it does not begin with its format")
    return first[0]
