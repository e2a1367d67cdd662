"""The decoder of one topic: the fast path where it will do, the strict path for the rest."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import numpy as np

from schemas.batch import Batch, Transactions
from schemas.events import Event, Rejection, Transaction
from schemas.topics import TRANSACTIONS
from streams.decode.attributes import Headers, Record, is_binary
from streams.decode.columns import ColumnPath
from streams.decode.fast import FastPath
from streams.decode.strict import StrictPath

FUTURE_TOLERANCE_US: Final = 300 * 1_000_000
"""How far an event's time may be ahead of the wall clock: 5 minutes."""

_FEW: Final = 64
"""Records for which columns do not pay: numpy's calls cost more than the events."""


class Decoder:
    """Turns the records of one source topic into events.

    Args:
        topic: a source topic.
        max_event_bytes: a longer value is rejected as too_large.
        open_indicators: take indicators that the catalogue does not know.
    """

    def __init__(self, topic: str, *, max_event_bytes: int = 65_536, open_indicators: bool = False) -> None:
        self._max_event_bytes = max_event_bytes
        self._fast = FastPath(topic, open_indicators)
        self._strict = StrictPath(topic, open_indicators)
        self._columns = ColumnPath(self._fast, max_event_bytes) if topic == TRANSACTIONS else None

    def __call__(self, value: bytes | None, headers: Headers, now_us: int) -> Event | Rejection:
        """The record's event, or why it is none. Never raises.

        Args:
            value: the record's value.
            headers: the record's headers.
            now_us: the wall clock, microseconds since the Unix epoch.
        """
        if value is None:
            return Rejection("not_json", "", "The record has no value; expected a JSON object.")
        if len(value) > self._max_event_bytes:
            message = f"The value has {len(value)} bytes; at most {self._max_event_bytes} are taken."
            return Rejection("too_large", "", message)
        latest_us = now_us + FUTURE_TOLERANCE_US
        if not is_binary(headers):
            event = self._fast(value, latest_us)
            if event is not None:
                return event
        return self._strict(value, headers, latest_us)

    def batch(self, chunks: Iterable[Sequence[Record]], now_us: int) -> Batch:
        """What consecutive records are: the same as one by one, in less time. Never raises.

        Args:
            chunks: records in the order of their offsets, some hundred at a time.
            now_us: the wall clock, microseconds since the Unix epoch.
        """
        chunks = iter(chunks)
        first = next(chunks, [])
        if self._columns is None or len(first) < _FEW:
            records = [*first, *chain.from_iterable(chunks)]
            decoded = [self(record.value, record.headers, now_us) for record in records]
            return Batch.of(decoded, sum(len(record.value or b"") for record in records))
        plain, records, odd, size = self._columns(chain([first], chunks), now_us + FUTURE_TOLERANCE_US)
        one_by_one = [(at, self(records[at].value, records[at].headers, now_us)) for at in odd]
        refused = [(at, event) for at, event in one_by_one if isinstance(event, Rejection)]
        others = [(at, event) for at, event in one_by_one if isinstance(event, Transaction)]
        if not others:
            return Batch(plain or [], refused, size)
        found = Transactions.of([event for _, event in others])
        if plain is not None:
            positions = [*np.delete(np.arange(len(records)), odd).tolist(), *(at for at, _ in others)]
            found = (plain + found).select(np.argsort(positions))
        return Batch(found, refused, size)
