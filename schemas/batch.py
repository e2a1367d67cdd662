"""Consecutive records of a partition, decoded: what aggregation takes in at once.

Transactions come as columns, since a million of them a few seconds leaves no time for an object each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.events import Event, Rejection, Transaction

SeriesKey = tuple[str, str, str, bool]
"""exchange, product_type, currency, cross_border"""

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Transactions:
    """Transactions in the order of their records. The columns are as the fields of ``schemas.events.Transaction``.

    ``series`` holds keys, possibly more than once and more than are used; ``codes`` says which one a transaction has.
    ``amounts`` are int64, or Python's integers (dtype object) when one does not fit.
    """

    sources: Sequence[str]
    ids: Sequence[str]
    time_us: Int64s
    effective_us: Int64s
    cancelled: Bools
    series: Sequence[SeriesKey]
    codes: Int64s
    amounts: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, events: Sequence[Transaction]) -> "Transactions":
        """The columns of some transactions."""
        return cls(
            [event.source for event in events],
            [event.id for event in events],
            np.array([event.time_us for event in events], np.int64),
            np.array([event.effective_us for event in events], np.int64),
            np.array([event.cancelled for event in events], np.bool_),
            [(event.exchange, event.product_type, event.currency, event.cross_border) for event in events],
            np.arange(len(events)),
            integers([event.amount for event in events]),
        )

    def select(self, at: Int64s) -> "Transactions":
        """The transactions at some positions, in that order."""
        positions = at.tolist()
        return Transactions(
            [self.sources[position] for position in positions],
            [self.ids[position] for position in positions],
            self.time_us[at],
            self.effective_us[at],
            self.cancelled[at],
            self.series,
            self.codes[at],
            self.amounts[at],
        )

    def __add__(self, other: "Transactions") -> "Transactions":
        return Transactions(
            [*self.sources, *other.sources],
            [*self.ids, *other.ids],
            np.concatenate([self.time_us, other.time_us]),
            np.concatenate([self.effective_us, other.effective_us]),
            np.concatenate([self.cancelled, other.cancelled]),
            [*self.series, *other.series],
            np.concatenate([self.codes, other.codes + len(self.series)]),
            np.concatenate([self.amounts, other.amounts]),
        )


def integers(values: Sequence[int]) -> npt.NDArray[Any]:
    """Integers as int64, or as Python's own (dtype object) when one does not fit."""
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array(values, object)


@dataclass(frozen=True, slots=True)
class Batch:
    """Every record is one of ``events`` or refused. Both are in the order of the records.

    ``refused`` gives the position of each rejection among the records; ``size`` is that of their values, bytes.
    """

    events: Sequence[Event] | Transactions
    refused: Sequence[tuple[int, Rejection]]
    size: int

    def __len__(self) -> int:
        return len(self.events) + len(self.refused)

    @property
    def transactions(self) -> Transactions:
        """The events of a batch of transactions, as columns."""
        if isinstance(self.events, Transactions):
            return self.events
        return Transactions.of([event for event in self.events if isinstance(event, Transaction)])

    @classmethod
    def of(cls, decoded: Sequence[Event | Rejection], size: int = 0) -> "Batch":
        """The batch of records that were decoded one by one; ``size`` matters only to who bounds memory by it."""
        events: list[Event] = []
        refused: list[tuple[int, Rejection]] = []
        for position, record in enumerate(decoded):
            if isinstance(record, Rejection):
                refused.append((position, record))
            else:
                events.append(record)
        return cls(events, refused, size)
