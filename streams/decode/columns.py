"""Executions of many records at once: ``streams.decode.fast``, column by column.

It takes plain executions without areas, which nearly all records are, and no other. Every rule is that of the fast
path: shapes and closed lists are checked by msgspec, a series' names once for all records that have them, times and
amounts by ``streams.decode.bulk``, or one by one where they are not written alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import compress, count
from typing import Any, Final

import numpy as np

from schemas.batch import Bools, Int64s, SeriesKey, Transactions
from schemas.currencies import EXPONENTS
from schemas.scalars import parse_amount, parse_time
from streams.decode.attributes import Record, is_binary
from streams.decode.bulk import parse_amounts, parse_times
from streams.decode.fast import ExecutedEvent, FastPath, check_slug_once

_MAX_INT64: Final = (1 << 63) - 1
_NEVER: Final = _MAX_INT64
"""In place of a time that is none: later than any clock."""


class _Rows:
    """What was read, as it was written; ``codes`` are positions in ``series``."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.times: list[str] = []
        self.amounts: list[str] = []
        self.codes: list[int] = []
        self.series: defaultdict[SeriesKey, int] = defaultdict(count().__next__)
        self.size = 0  # of all values, bytes

    def add(self, events: list[ExecutedEvent]) -> None:
        """Takes plain executions."""
        series = self.series
        self.sources += [event.source for event in events]
        self.ids += [event.id for event in events]
        self.times += [event.time for event in events]
        every = [event.data for event in events]
        self.amounts += [data.amount for data in every]
        self.codes += [series[data.exchange, data.product_type, data.currency, data.cross_border] for data in every]


class ColumnPath:
    """Reads the plain executions among the records of the transactions topic.

    Args:
        fast: of the topic.
        max_event_bytes: a longer value is left aside.
    """

    def __init__(self, fast: FastPath, max_event_bytes: int) -> None:
        self._fast = fast
        self._max_event_bytes = max_event_bytes

    def __call__(
        self, chunks: Iterable[Sequence[Record]], latest_us: int
    ) -> tuple[Transactions | None, list[Record], list[int], int]:
        """The plain executions, None when there are none; all records; the positions of the other ones among them; the
        size of all values, bytes.

        Args:
            chunks: records in the order of their offsets, some hundred at a time: what msgspec makes of them is then
                still at hand for the processor when it is taken apart.
            latest_us: events beyond this time are left aside.
        """
        rows = _Rows()
        records: list[Record] = []
        odd: list[int] = []
        for chunk in chunks:
            odd += [len(records) + at for at in self._read(rows, chunk)]
            records += chunk
        if not rows.ids:
            return None, records, odd, rows.size
        found, fine = _columns(rows, latest_us)
        if not fine.all():
            positions = np.delete(np.arange(len(records)), odd)
            found, odd = found.select(np.flatnonzero(fine)), sorted([*odd, *positions[~fine].tolist()])
        return found, records, odd, rows.size

    def _read(self, rows: _Rows, records: Sequence[Record]) -> list[int]:
        """Takes the plain executions among some records; gives the positions of the others."""
        values = [record.value or b"" for record in records]
        events: Sequence[Any] | None = None
        sizes = [len(value) for value in values]
        rows.size += sum(sizes)
        if 0 not in sizes and max(sizes) <= self._max_event_bytes and not _any_binary(records):
            events = self._fast.read_all(values)
        if events is None:
            events = [self._one(record) for record in records]
        # Written out: a call for each event would take longer than all else here.
        plain = [
            type(event) is ExecutedEvent and event.data.buyer_area is None and event.data.seller_area is None
            for event in events
        ]
        rows.add(list(compress(events, plain)))
        return [] if all(plain) else [at for at, is_plain in enumerate(plain) if not is_plain]

    def _one(self, record: Record) -> Any:
        value, headers = record.value, record.headers
        if value is None or len(value) > self._max_event_bytes or is_binary(headers):
            return None
        return self._fast.read(value)


def _any_binary(records: Sequence[Record]) -> bool:
    return any(map(is_binary, [record.headers for record in records if record.headers]))


def _columns(rows: _Rows, latest_us: int) -> tuple[Transactions, Bools]:
    """The columns of what was read, and which of them keep all rules."""
    series = list(rows.series)
    codes = np.array(rows.codes, np.int64)
    exponents = np.array([_exponent(key) for key in series], np.int64)[codes]
    time_us = _times(rows.times)
    amounts = _amounts(rows.amounts, [key[2] for key in series], codes, exponents)
    cancelled = np.zeros(len(codes), np.bool_)
    found = Transactions(rows.sources, rows.ids, time_us, time_us, cancelled, series, codes, amounts)
    return found, (time_us <= latest_us) & (amounts > 0) & (exponents >= 0)


def _exponent(key: SeriesKey) -> int:
    """Decimals of a series' currency; -1 when one of its names breaks a rule."""
    try:
        check_slug_once(key[0])
        return EXPONENTS[key[2]]
    except (ValueError, KeyError):
        return -1


def _times(texts: Sequence[str]) -> Int64s:
    times = parse_times(texts)
    return np.array([_time(text) for text in texts], np.int64) if times is None else times


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        return _NEVER


def _amounts(texts: Sequence[str], currencies: Sequence[str], codes: Int64s, exponents: Int64s) -> Int64s:
    """Amounts in minor units; 0 for what is none, or does not fit."""
    amounts = parse_amounts(texts, exponents)
    if amounts is None:
        each = zip(texts, codes.tolist(), strict=True)
        amounts = np.array([_amount(text, currencies[code]) for text, code in each], np.int64)
    return amounts


def _amount(text: str, currency: str) -> int:
    try:
        amount = parse_amount(text, currency)
    except (ValueError, KeyError):
        return 0
    return amount if amount <= _MAX_INT64 else 0
