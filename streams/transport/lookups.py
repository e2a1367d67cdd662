"""A worker's look-ups in the topics, for its API: the same as the commands make, within bounds."""

from collections.abc import Callable

from streams.aggregate.views import Snapshot
from streams.exposition.lookups import DAYS, LETTERS, RECORDS, SECONDS, Row
from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.transport.letters import list_letters
from streams.transport.trace import Bounds, Consumed, trace

_DAY_US = 86_400_000_000


class TopicLookups:
    """Answers for ``streams.exposition.lookups``.

    Args:
        settings: of the worker.
        snapshot: tells how far the workers are.
    """

    def __init__(self, settings: Settings, snapshot: Callable[[], Snapshot]) -> None:
        self._settings = settings
        self._snapshot = snapshot

    async def trace(self, source: str, id_: str, since_us: int | None, key: str | None) -> Row:
        """See ``TraceEvent``."""
        bounds = Bounds(_since(since_us), None if key is None else key.encode(), RECORDS, SECONDS)
        return await trace(self._settings, source, id_, bounds=bounds, consumed=self._consumed)

    async def _consumed(self) -> Consumed:
        return {(part.topic, part.partition): part.next_offset for part in self._snapshot().partitions}

    async def letters(self, since_us: int | None, wanted: Callable[[str, str], bool]) -> list[Row]:
        """See ``ListLetters``."""
        letters = await list_letters(
            self._settings,
            lambda entry: wanted(entry.place.topic, entry.reason),
            since_ms=_since(since_us) // 1_000,
            newest=LETTERS,
        )
        return [letters.row(entry) for entry in reversed(letters.waiting()[-LETTERS:])]


def _since(given: int | None) -> int:
    return wall_us() - DAYS * _DAY_US if given is None else given
