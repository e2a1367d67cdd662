"""Which figures contradict the others: judged over the set of figures, whatever the order of their arrival.

Figures are judged as of each vintage: in every slot stands the latest figure released until then. Where identities
break, the figures that break most of them go, all of them when several break as many, until no identity is broken.
A figure is inconsistent when it goes in the last of the vintages at which it stands.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from decimal import Decimal, localcontext
from itertools import groupby
from typing import Final, NamedTuple

from streams.aggregate.consistency_rules import (
    ANYTHING,
    GROWTH,
    GROWTH_MISMATCH,
    RULES,
    TOTAL,
    UNIT_SLIP,
    Expected,
    Identity,
    Interval,
    identities,
    interval,
    meet,
    quotient,
)
from streams.aggregate.figures import EXACT, MISSING, RATES, FigureRow, Slot
from streams.aggregate.views import Finding

_SLIPS: Final = (1_000, 10_000)
"""Thousands taken for units, and the ten thousands of Chinese statistics for units (or units for 10^8)."""

_ABOUT: Final = Decimal("0.01")
"""How far beyond the expected interval a scaled figure may lie to be called a slip."""


class _Slip(NamedTuple):
    factor: int
    expected: Expected


def judge(rows: Iterable[FigureRow]) -> dict[Hashable, Finding]:
    """The inconsistent figures of one group (see ``group_of``) of one area, by key.

    A figure of status M says nothing and is not judged.
    """
    standing: dict[Slot, FigureRow] = {}
    findings: dict[Hashable, Finding] = {}
    known = sorted((row for row in rows if row.status != MISSING), key=lambda row: row.version)
    with localcontext(EXACT):
        for _, released in groupby(known, key=lambda row: row.vintage):
            standing.update((row.slot, row) for row in released)
            removed = _removed(standing)
            for slot, row in standing.items():
                findings.pop(row.key, None)
                if slot in removed:
                    findings[row.key] = removed[slot]
    return findings


def _removed(standing: Mapping[Slot, FigureRow]) -> dict[Slot, Finding]:
    """What goes of the figures that stand at one vintage, and why."""
    known = {slot: interval(row) for slot, row in standing.items()}
    broken: list[Identity] = []
    held: list[Identity] = []
    for identity in identities(standing):
        (held if identity.holds(known) else broken).append(identity)
    removed: dict[Slot, Finding] = {}
    while broken:
        charges: dict[Slot, list[Identity]] = defaultdict(list)
        for identity in broken:
            for slot in identity.members:
                charges[slot].append(identity)
        slips = {slot: _slip(standing[slot], charged, held, known) for slot, charged in charges.items()}
        counts = {slot: len(charged) + (slips[slot] is not None) for slot, charged in charges.items()}
        most = max(counts.values())
        gone = {slot for slot, count in counts.items() if count == most}
        for slot in gone:
            removed[slot] = _finding(standing[slot], charges[slot], slips[slot], known)
        broken, held = ([one for one in some if gone.isdisjoint(one.members)] for some in (broken, held))
    return removed


def _slip(
    row: FigureRow, charged: Collection[Identity], held: Collection[Identity], known: Mapping[Slot, Interval]
) -> _Slip | None:
    """The factor by which a figure looks too small, if any.

    The factor must mend a broken identity and break none that holds: else the other figures of an identity would be
    blamed for one that is too large.
    """
    if row.unit in RATES:
        return None
    for identity in charged:
        expected = identity.expected(row.slot, known)
        if expected.low is None or expected.high is None or expected.low <= 0:
            continue
        about = Expected(expected.low * (1 - _ABOUT), expected.high * (1 + _ABOUT))
        for factor in _SLIPS:
            low, high = known[row.slot]
            scaled = {**known, row.slot: Interval(low * factor, high * factor)}
            mended = meet(scaled[row.slot], about)
            if mended and all(one.holds(scaled) for one in held if row.slot in one.members):
                return _Slip(factor, expected)
    return None


def _finding(
    row: FigureRow, charged: Collection[Identity], slip: _Slip | None, known: Mapping[Slot, Interval]
) -> Finding:
    rules = sorted({identity.rule for identity in charged}, key=RULES.index)
    if slip is None:
        expected = _tightest(one.expected(row.slot, known) for one in charged if one.rule == rules[0])
        return finding(row, rules, expected, "")
    return finding(row, [UNIT_SLIP, *rules], slip.expected, f"off by {slip.factor}?")


def _tightest(all_expected: Iterable[Expected]) -> Expected:
    """What several identities of one rule expect together; the low bound is above the high one if nothing fits."""
    lows, highs = zip(*all_expected, strict=True)
    return Expected(
        max((low for low in lows if low is not None), default=None),
        min((high for high in highs if high is not None), default=None),
    )


def finding(row: FigureRow, rules: Collection[str], expected: Expected, hint: str) -> Finding:
    """A figure that breaks rules, listed under the first of them."""
    first, *others = rules
    bounds = [None if bound is None else row.in_print(bound) for bound in expected]
    message = f"{row.printed} breaks {first}: expected {in_words(*bounds)} ({row.scale})"
    message += f", {hint}" if hint else ""
    message += f"; also breaks {', '.join(others)}" if others else ""
    return Finding(
        rule=first,
        indicator=row.indicator,
        area=row.area,
        period=row.period,
        vintage=row.vintage,
        value=row.base_value,
        expected_low=expected.low,
        expected_high=expected.high,
        hint=hint,
        message=message,
    )


def in_words(low: str | None, high: str | None) -> str:
    """An expected interval as people say it."""
    if low is None:
        return "nothing that fits" if high is None else f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def growth_warnings(best: Mapping[Slot, FigureRow]) -> list[Finding]:
    """Published growth that the published values do not give; their base may have been revised, so it only warns.

    Args:
        best: one area's best consistent figure of each slot.
    """
    warnings = []
    for (indicator, start, end), row in best.items():
        now = best.get((TOTAL, start, end))
        before = best.get((TOTAL, _year_before(start), _year_before(end)))
        if indicator != GROWTH or now is None or before is None:
            continue
        ratio = quotient(interval(now), interval(before))
        expected = ANYTHING if ratio is None else Expected(ratio.low - 1, ratio.high - 1)
        if not meet(interval(row), expected):
            warnings.append(finding(row, [GROWTH_MISMATCH], expected, ""))
    return warnings


def _year_before(day: str) -> str:
    return f"{int(day[:4]) - 1:04d}{day[4:]}"
