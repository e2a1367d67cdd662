"""Transactions of all partitions: deltas to totals, windows and to-date totals.

Each partition keeps its panes (10 s, 1 min, 1 h) as long as a window may need them, its local days of the current
year, and all-time totals. The merged sums are kept beside them, so that a snapshot costs nothing but reading.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from streams.aggregate.fold import Holds, PageId, holds_nothing
from streams.aggregate.numbers import pack_int, unpack_int
from streams.aggregate.rolling import RollingSums, ToDateSums, all_windows, pane_kind
from streams.aggregate.rows import Rows, add, coarser, rows_of
from streams.aggregate.transactions import SeriesKey
from streams.aggregate.views import Series
from streams.aggregate.windows import DAY, HOUR, MINUTE, PANE_LENGTHS, PERIODS, WINDOWS, Calendar, Window, period_starts

_HOURS = 2  # the place of hour panes among the pane lengths
_PER_PANE = (1, 6, 360)  # 10 s panes in a pane of each length
_PAGE_PANES = (30, 10, 1)  # panes in a page: five minutes, ten minutes, an hour
_KINDS = "abc"  # page names: a 10 s, b 1 min, c 1 h, d days, t totals, f folded
_SERIES_PER_PAGE = 256

_SLACK = (10 * MINUTE, 2 * HOUR, DAY)
"""How much longer than its windows a pane is kept: another worker's clock may be behind the owner's."""

_KEEP = tuple(
    max(w.width for w in WINDOWS if w.pane == length) + slack
    for length, slack in zip(PANE_LENGTHS, _SLACK, strict=True)
)


class _Part:
    """One source partition."""

    def __init__(self) -> None:
        self.series: list[SeriesKey] = []
        self.numbers: list[int] = []  # series of the partition -> merged series
        self.places: dict[int, int] = {}  # and back
        self.totals: list[list[int]] = []
        self.panes: tuple[Rows, ...] = ({}, {}, {})  # pane -> merged series -> net
        self.days: Rows = {}
        self.folded = 0
        self.dirty: set[tuple[str, int]] = set()
        self.pruned_at = [-1, -1, -1]


class TransactionsFold:
    """See ``streams.aggregate.fold.Fold``.

    Args:
        calendar: the days of to-date totals.
        exponent: a currency's decimals.
    """

    def __init__(self, calendar: Calendar, exponent: Callable[[str], int]) -> None:
        self._calendar = calendar
        self._exponent = exponent
        self._parts: dict[int, _Part] = {}
        self._series: dict[SeriesKey, int] = {}
        self._totals: list[list[int]] = []
        self._windows = all_windows()
        self._day_before = RollingSums(Window("24h", DAY, HOUR))  # its clock is a day behind
        self._to_date = ToDateSums()

    def series_of(self, partition: int) -> list[SeriesKey]:
        """The series of one partition in the order of their numbers."""
        return list(self._part(partition).series)

    def _part(self, partition: int) -> _Part:
        return self._parts.setdefault(partition, _Part())

    def _merged(self, key: SeriesKey) -> int:
        number = self._series.get(key)
        if number is None:
            number = self._series[key] = len(self._totals)
            self._totals.append([0, 0, 0, 0])
            for window in self._windows:
                window.sums.append(0)
            self._day_before.sums.append(0)
            for sums in self._to_date.sums.values():
                sums.append(0)
        return number

    def _register(self, part: _Part, first: int, series: Iterable[Sequence[Any]]) -> None:
        """Numbers series from ``first`` on, those not known yet."""
        for number, (exchange, product_type, currency, cross_border) in enumerate(series, first):
            if number >= len(part.series):
                key = (exchange, product_type, currency, cross_border)
                part.series.append(key)
                part.numbers.append(self._merged(key))
                part.places[part.numbers[number]] = number
                part.totals.append([0, 0, 0, 0])

    # -- deltas

    def apply(self, partition: int, delta: list[Any] | None, clock_us: int, holds: Holds = holds_nothing) -> None:
        """Adds a committed delta; see ``Fold.apply``."""
        part = self._part(partition)
        if delta is not None:
            first, new, totals, cells, late, folded = delta
            self._register(part, first, new)
            self._add_totals(part, totals, holds)
            if folded and not holds("f"):
                part.folded += folded
                part.dirty.add(("f", 0))
            self._add_cells(part, cells, clock_us, holds)
            self._add_days(part, rows_of(late, part.numbers), holds)
        self._prune(part, clock_us)

    def _add_totals(self, part: _Part, totals: list[Any], holds: Holds) -> None:
        replay = holds is not holds_nothing
        for at in range(0, len(totals), 5):
            number = totals[at]
            page = number // _SERIES_PER_PAGE
            if replay and holds(f"t{page}"):
                continue
            part.dirty.add(("t", page))
            mine, merged = part.totals[number], self._totals[part.numbers[number]]
            for column in range(4):
                value = unpack_int(totals[at + 1 + column])
                mine[column] += value
                merged[column] += value

    def _add_cells(self, part: _Part, cells: list[Any], clock_us: int, holds: Holds) -> None:
        rows = finest = rows_of(cells, part.numbers)
        for kind in (0, 1, 2):
            if kind:
                rows = coarser(rows, _PER_PANE[kind] // _PER_PANE[kind - 1])
            oldest = (clock_us - _KEEP[kind]) // PANE_LENGTHS[kind]
            for pane, row in rows.items():
                page = pane // _PAGE_PANES[kind]
                if pane < oldest or (holds is not holds_nothing and holds(f"{_KINDS[kind]}{page}")):
                    continue
                part.dirty.add((_KINDS[kind], page))
                add(part.panes[kind].setdefault(pane, {}), row)
                for window in self._of_kind(kind):
                    window.add(pane, row)
        self._add_days(part, self._by_day(finest), holds)

    def _of_kind(self, kind: int) -> list[RollingSums]:
        """The windows that are made of one pane length."""
        windows = self._windows[2 * kind : 2 * kind + 2]
        return [*windows, self._day_before] if kind == _HOURS else windows

    def _by_day(self, rows: Rows) -> Rows:
        days: Rows = {}
        for cell, row in rows.items():
            add(days.setdefault(self._calendar.day(cell * PANE_LENGTHS[0]), {}), row)
        return days

    def _add_days(self, part: _Part, days: Rows, holds: Holds) -> None:
        for day, row in days.items():
            if holds is holds_nothing or not holds(f"d{day}"):
                part.dirty.add(("d", day))
                add(part.days.setdefault(day, {}), row)
                self._to_date.add(day, row)

    def _prune(self, part: _Part, clock_us: int) -> None:
        """Drops what no window can reach at the partition's clock any more."""
        for kind, panes in enumerate(part.panes):
            oldest = (clock_us - _KEEP[kind]) // PANE_LENGTHS[kind]
            if oldest > part.pruned_at[kind]:
                part.pruned_at[kind] = oldest
                for pane in [pane for pane in panes if pane < oldest]:
                    row = panes.pop(pane)
                    part.dirty.add((_KINDS[kind], pane // _PAGE_PANES[kind]))
                    for window in self._of_kind(kind):
                        window.remove(pane, row)
        oldest_day = self._oldest_day(clock_us)
        for day in [day for day in part.days if day < oldest_day]:
            del part.days[day]
            part.dirty.add(("d", day))

    def _oldest_day(self, clock_us: int) -> int:
        return period_starts(self._calendar.day(max(0, clock_us - DAY)))["year"]

    # -- pages

    def dirty(self, partition: int) -> set[PageId]:
        """See ``Fold.dirty``."""
        return {f"{kind}{page}" if kind != "f" else kind for kind, page in self._part(partition).dirty}

    def clean(self, partition: int) -> None:
        """See ``Fold.clean``."""
        self._part(partition).dirty.clear()

    def dump(self, partition: int, page: PageId) -> Any:
        """See ``Fold.dump``. Series are written by their number in the partition."""
        part = self._part(partition)
        kind, index = page[0], int(page[1:] or 0)
        if kind == "f":
            return part.folded
        if kind == "t":
            rows = range(index * _SERIES_PER_PAGE, min(len(part.series), (index + 1) * _SERIES_PER_PAGE))
            return [[*part.series[n], *map(pack_int, part.totals[n])] for n in rows]
        if kind == "d":
            return self._dump_rows(part, part.days, range(index, index + 1))
        width = _PAGE_PANES[_KINDS.index(kind)]
        return self._dump_rows(part, part.panes[_KINDS.index(kind)], range(index * width, (index + 1) * width))

    def _dump_rows(self, part: _Part, rows: Rows, panes: Iterable[int]) -> Any:
        mine = part.places
        content = [
            [pane, [x for series, net in rows[pane].items() for x in (mine[series], pack_int(net))]]
            for pane in panes
            if pane in rows
        ]
        return content or None

    def prepare(self, partition: int, pages: Mapping[PageId, Any], deltas: Iterable[Any]) -> None:
        """See ``Fold.prepare``: pages name series by number, so all series are numbered first."""
        part = self._part(partition)
        named = [
            (_SERIES_PER_PAGE * int(page[1:]), [row[:4] for row in pages[page]]) for page in pages if page[0] == "t"
        ]
        named += [(delta[0], delta[1]) for delta in deltas if delta is not None]
        for first, series in sorted(named, key=lambda pair: (pair[0], len(pair[1]))):
            self._register(part, first, series)

    def load(self, partition: int, page: PageId, content: Any) -> None:
        """See ``Fold.load``."""
        part = self._part(partition)
        kind = page[0]
        if kind == "f":
            part.folded = content
        elif kind == "t":
            for number, row in enumerate(content, _SERIES_PER_PAGE * int(page[1:])):
                part.totals[number] = [unpack_int(value) for value in row[4:]]
                merged = self._totals[part.numbers[number]]
                for column in range(4):
                    merged[column] += part.totals[number][column]
        else:
            rows = part.days if kind == "d" else part.panes[_KINDS.index(kind)]
            for pane, flat in content:
                row = rows.setdefault(pane, {})
                for at in range(0, len(flat), 2):
                    row[part.numbers[flat[at]]] = unpack_int(flat[at + 1])

    def drop(self, partition: int) -> None:
        """See ``Fold.drop``."""
        part = self._parts.pop(partition, None)
        if part is None:
            return
        for number, totals in zip(part.numbers, part.totals, strict=True):
            for column in range(4):
                self._totals[number][column] -= totals[column]
        self._rebuild()

    def loaded(self, partition: int) -> None:
        """See ``Fold.loaded``."""
        self._rebuild()

    def _rebuild(self) -> None:
        """Sums windows and to-date totals anew from the panes, after pages were loaded or dropped."""
        parts = list(self._parts.values())
        for window in self._windows:
            window.rebuild(None, [part.panes[pane_kind(window.window)] for part in parts])
        self._day_before.rebuild(None, [part.panes[_HOURS] for part in parts])
        self._to_date.rebuild([part.days for part in parts])

    # -- views

    def advance(self, clock_us: int) -> None:
        """Moves windows and periods to a clock; an earlier one than before changes nothing."""
        parts = list(self._parts.values())
        for window in self._windows:
            window.advance(clock_us, [part.panes[pane_kind(window.window)] for part in parts])
        self._day_before.advance(clock_us - DAY, [part.panes[_HOURS] for part in parts])
        self._to_date.advance(self._calendar.day(clock_us), [part.days for part in parts])

    @property
    def folded(self) -> int:
        """Transactions counted under ``other``."""
        return sum(part.folded for part in self._parts.values())

    def view(self) -> tuple[Series, ...]:
        """Every series at the clock of the last ``advance``."""
        rolling = [(window.window.name, window.sums) for window in self._windows]
        to_date = [(period, self._to_date.sums[period]) for period in PERIODS]
        views = []
        for (exchange, product_type, currency, cross_border), number in self._series.items():
            gross, cancelled, executed_count, cancelled_count = self._totals[number]
            views.append(
                Series(
                    exchange=exchange,
                    product_type=product_type,
                    currency=currency,
                    cross_border=cross_border,
                    exponent=self._exponent(currency),
                    gross=gross,
                    cancelled=cancelled,
                    executed_count=executed_count,
                    cancelled_count=cancelled_count,
                    rolling={name: sums[number] for name, sums in rolling},
                    to_date={period: sums[number] for period, sums in to_date},
                    day_before=self._day_before.sums[number],
                )
            )
        return tuple(views)
