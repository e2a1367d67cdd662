"""What the live page shows, in sections: each is made anew only when what it is made of has changed.

Amounts of many series are summed here, in integers, so that a frame stays small however many series there are.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streams.aggregate.exact import decimal_text
from streams.aggregate.measures import WINDOW_NAMES
from streams.aggregate.views import Series, Snapshot, ThresholdState
from streams.aggregate.windows import PERIODS
from streams.exposition import answers

SPANS: Final = (*WINDOW_NAMES, *PERIODS, "all")
"""Over what an amount is summed: a rolling window, a calendar period to date, or all time. Always net."""

SYNTHETIC: Final = "-synthetic"
"""How the name of an exchange ends whose trades are made up for a demonstration or a test."""

MOST_EXCHANGES: Final = 20
"""Exchanges of a currency that are shown one by one; the others are summed."""

MOST_ROWS: Final = 400
"""Rows of any other list in a frame; the rest is only counted, and is in the API."""

_SERIES_A_SLICE = 200
"""Series summed between two turns of the event loop: about 1 ms."""

_Amounts = list[int]


@dataclass(slots=True)
class _Sums:
    """Amounts of one currency by span, in minor units."""

    places: int
    total: _Amounts = field(default_factory=lambda: [0] * len(SPANS))
    cross_border: _Amounts = field(default_factory=lambda: [0] * len(SPANS))
    exchanges: dict[str, _Amounts] = field(default_factory=dict)
    products: dict[str, _Amounts] = field(default_factory=dict)

    def add(self, series: Series) -> None:
        amounts = [series.rolling.get(name, 0) for name in WINDOW_NAMES]
        amounts += [series.to_date.get(name, 0) for name in PERIODS]
        amounts.append(series.net)
        self.total = _plus(self.total, amounts)
        if series.cross_border:
            self.cross_border = _plus(self.cross_border, amounts)
        for sums, name in ((self.exchanges, series.exchange), (self.products, series.product_type)):
            sums[name] = _plus(sums[name], amounts) if name in sums else amounts

    def row(self, currency: str) -> answers.Row:
        """The currency's part of the section. Exchanges are ranked by their all-time net amount."""
        ranked = sorted(self.exchanges.items(), key=lambda item: (-item[1][-1], item[0]))
        shown, rest = ranked[:MOST_EXCHANGES], ranked[MOST_EXCHANGES:]
        return {
            "currency": currency,
            "total": self._texts(self.total),
            "cross_border": self._texts(self.cross_border),
            "synthetic": self._texts(_sum(a for name, a in ranked if name.endswith(SYNTHETIC))),
            "exchanges": [
                {"name": name, "synthetic": name.endswith(SYNTHETIC), "amounts": self._texts(amounts)}
                for name, amounts in shown
            ],
            "rest": {"exchanges": len(rest), "amounts": self._texts(_sum(a for _, a in rest))} if rest else None,
            "products": [
                {"name": name, "amounts": self._texts(amounts)} for name, amounts in sorted(self.products.items())
            ],
        }

    def _texts(self, amounts: _Amounts) -> dict[str, str]:
        return {span: decimal_text(amount, self.places) for span, amount in zip(SPANS, amounts, strict=True)}


async def exchange(series: Sequence[Series]) -> list[answers.Row]:
    """Net amounts by currency, and in it by exchange and by product type. Gives the event loop its turns.

    Args:
        series: the snapshot's.
    """
    currencies: dict[str, _Sums] = {}
    for start in range(0, len(series), _SERIES_A_SLICE):
        for one in series[start : start + _SERIES_A_SLICE]:
            if one.currency not in currencies:
                currencies[one.currency] = _Sums(one.exponent)
            currencies[one.currency].add(one)
        if start + _SERIES_A_SLICE < len(series):
            await asyncio.sleep(0)
    return [sums.row(currency) for currency, sums in sorted(currencies.items())]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the frame: ``parts`` are what it is made of, ``row`` makes it of them."""

    parts: Callable[[Snapshot, Sequence[ThresholdState]], tuple[Any, ...]]
    row: Callable[..., Any]


def _bounded(views: Sequence[Any], row: Callable[[Any], answers.Row]) -> answers.Row:
    return {"rows": [row(view) for view in views[:MOST_ROWS]], "left_out": max(0, len(views) - MOST_ROWS)}


SECTIONS: Final[Mapping[str, Section]] = {
    "partitions": Section(lambda s, _: (s.partitions,), lambda parts: [answers.partition_row(part) for part in parts]),
    "infrastructure": Section(
        lambda s, _: (s.assets, s.reported),
        lambda assets, reported: {
            "assets": _bounded(assets, answers.assets_row),
            "reported": _bounded(reported, answers.reported_row),
        },
    ),
    "indicators": Section(
        lambda s, _: (s.observations, s.inconsistencies, s.warnings),
        lambda figures, inconsistencies, warnings: {
            "current": _bounded([figure for figure in figures if figure.current], answers.figure_row),
            "inconsistencies": _bounded(inconsistencies, answers.finding_row),
            "warnings": _bounded(warnings, answers.finding_row),
        },
    ),
    "thresholds": Section(
        lambda _, states: (tuple(states),), lambda states: [answers.threshold_row(state) for state in states]
    ),
    "events": Section(
        lambda s, _: (answers.outcomes(s), answers.dead_letters(s), s.folded),
        lambda outcomes, dead_letters, folded: {
            "outcomes": outcomes,
            "dead_letters": dead_letters,
            "folded": folded,
        },
    ),
}
"""The sections whose parts are compared; ``exchange`` moves with the clock and is summed for every frame."""


def _plus(one: _Amounts, other: _Amounts) -> _Amounts:
    return [a + b for a, b in zip(one, other, strict=True)]


def _sum(many: Iterable[_Amounts]) -> _Amounts:
    total = [0] * len(SPANS)
    for amounts in many:
        total = _plus(total, amounts)
    return total
