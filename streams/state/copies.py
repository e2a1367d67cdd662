"""A stream as a dump holds it, and the claims between which a restore puts it into an empty state log.

Copied is the state and not the log: every page anew as of the last checkpoint, and that checkpoint as a head that adds
nothing. A restore writes a claim first whose settings no worker has, so that none goes on with half a state; then
pages and head; and in the end a claim with the settings that the state was made with.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from streams.aggregate.dedupe import Dedupe
from streams.errors import CityPulseError
from streams.state import records
from streams.state.records import FORMAT, Claim, Head, Page
from streams.state.recovery import UNFINISHED
from streams.state.stream import IDS_PAGE, Stream

NONCE = "restored"
_OWNER = "restore"

Pair = tuple[bytes, bytes]
"""Key and value of a record of the state log."""


class CopyError(CityPulseError):
    """The state cannot be dumped, or not be restored here."""


class Copied(NamedTuple):
    """A stream: its last checkpoint, and the records that give it back."""

    head: Head
    pairs: list[Pair]


def copied(stream: Stream, pieces: Sequence[tuple[int, bytes]], horizon: int) -> Copied | None:
    """A stream that has been read to the end of its log, which must not be read on meanwhile.

    Args:
        stream: on a board.
        pieces: of event hashes, from its pages: (number of the first event, hashes).
        horizon: of events that are remembered, where the checkpoint does not tell: those of earlier versions.

    Returns:
        None when it has no checkpoint.

    Raises:
        CopyError: event hashes are missing.
    """
    if stream.head is None:
        return None
    head = msgspec.structs.replace(stream.head, format=FORMAT, nonce=NONCE, base=stream.head.n - 1)
    pages = {page: stream.dump(page) for page in {*stream.page_keys, *stream.dirty} if not page.startswith(IDS_PAGE)}
    try:
        pages |= _ids(head, [*pieces, *stream.ids.values()], horizon)
    except ValueError as error:
        raise CopyError(f"{stream.family}/{stream.partition}: {error}", "is the state topic whole?") from error
    pairs = [
        (
            records.page_key(stream.family, stream.partition, page, NONCE),
            records.encode(Page(FORMAT, head.n, pages[page])),
        )
        for page in sorted(pages)
        if pages[page] is not None
    ]
    return Copied(head, [*pairs, (records.head_key(stream.family, stream.partition, head), records.encode(head))])


def _ids(head: Head, pieces: Sequence[tuple[int, bytes]], horizon: int) -> dict[str, bytes]:
    """The pages of event hashes as of a head."""
    count = head.first_id
    kept = horizon if head.oldest_id is None else count - head.oldest_id
    if not count or not kept:
        return {}
    dedupe = Dedupe.restore(kept, count, pieces, head.oldest_id)
    return {f"{IDS_PAGE}{block}": dedupe.block(block, count) for block in dedupe.blocks(count)}


def begin(family: str, partition: int) -> Pair:
    """The record before all others of a stream that is restored: no worker goes on with it."""
    return _claim(family, partition, Claim(FORMAT, 1, NONCE, _OWNER, UNFINISHED))


def finish(family: str, partition: int, settings: str) -> Pair:
    """The record behind all others of a stream that is restored: a worker with these settings goes on with it."""
    return _claim(family, partition, Claim(FORMAT, 2, "finished", _OWNER, settings))


def _claim(family: str, partition: int, claim: Claim) -> Pair:
    return records.claim_key(family, partition, claim), records.encode(claim)
