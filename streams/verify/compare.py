"""The API's answers against the reference's: what differs, by name."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from schemas.topics import TRANSACTIONS
from streams.verify.reference.reference import ReferenceTotals, indicators_answer, infrastructure_answer, totals_answer

Row = Mapping[str, Any]

SERIES = ("exchange", "product_type", "currency", "cross_border")
PLACE = ("asset_type", "area")
FIGURE = ("indicator", "area", "period", "vintage")
FINDING = ("rule", "indicator", "area", "period", "vintage", "value")
_ABSENT = "nothing"
NUMBERS = frozenset({"value", "capacity"})
"""Fields that are compared as numbers, not as text: how many zeros follow is not fixed.

All else must be equal to the letter; amounts of money have exactly the decimals of their currency."""


def differences(
    reference: ReferenceTotals,
    totals: Row,
    infrastructure: Row,
    indicators: Row,
    *,
    judged_earlier: bool = False,
) -> list[str]:
    """What differs between the reference and a worker's answers, one line each; none when all is well.

    Args:
        reference: computed from the same records at the same clock.
        totals: the JSON of ``/api/v1/totals``.
        infrastructure: the JSON of ``/api/v1/infrastructure``.
        indicators: the JSON of ``/api/v1/indicators``.
        judged_earlier: the worker judged lateness by the wall clock when events came, which the records do not tell.
            What the reference finds late at the clock of the answer may then be applied; the two together, and all
            amounts, must be equal all the same.
    """
    wanted_totals = totals_answer(reference)
    found = (
        [] if wanted_totals["clock"] == totals["clock"] else [_line("clock", wanted_totals["clock"], totals["clock"])]
    )
    found += _rows("series", SERIES, wanted_totals["series"], totals["series"])
    if totals["folded"] != wanted_totals["folded"]:
        found.append(_line("folded", wanted_totals["folded"], totals["folded"]))
    if judged_earlier:
        aged = aged_transactions(reference, totals)
        outcomes = wanted_totals["events"].setdefault(TRANSACTIONS, {})
        for outcome, change in (("late", -aged), ("applied", aged)):
            outcomes[outcome] = outcomes.get(outcome, 0) + change
    for account in ("events", "dead_letters"):
        found += _counts(account, wanted_totals[account], totals[account])
    wanted_city = infrastructure_answer(reference)
    found += _rows("assets", (*PLACE, "city"), wanted_city["assets"], infrastructure["assets"])
    found += _rows("reported", PLACE, wanted_city["reported"], infrastructure["reported"])
    wanted_figures = indicators_answer(reference)
    for name, keys in (("current", FIGURE), ("figures", FIGURE), ("inconsistencies", FINDING), ("warnings", FINDING)):
        found += _rows(name, keys, wanted_figures[name], indicators[name])
    return found


def aged_transactions(reference: ReferenceTotals, totals: Row) -> int:
    """Transactions that a worker counted as applied and that would be late if they came at the answer's clock."""
    return max(0, reference.events[TRANSACTIONS, "late"] - int(totals["events"][TRANSACTIONS].get("late", 0)))


def _rows(what: str, keys: tuple[str, ...], wanted: Iterable[Row], answered: Iterable[Row]) -> list[str]:
    """Differences of two lists of rows, named by some of their fields. Fields that only the answer has do not count."""
    left, right = _by_name(what, keys, wanted), _by_name(what, keys, answered)
    found = [f"{name}: missing" for name in left.keys() - right.keys()]
    found += [f"{name}: not expected" for name in right.keys() - left.keys()]
    for name in left.keys() & right.keys():
        expected, got = _fields(left[name]), _fields(right[name])
        inner = {field for field in got if field.partition(" ")[0] in left[name]}
        for field in expected.keys() | inner:
            if repr(expected.get(field, _ABSENT)) != repr(got.get(field, _ABSENT)):
                found.append(_line(f"{name} {field}", expected.get(field, _ABSENT), got.get(field, _ABSENT)))
    return sorted(found)


def _by_name(what: str, keys: tuple[str, ...], rows: Iterable[Row]) -> dict[str, Row]:
    named: dict[str, Row] = {}
    for row in rows:
        name = f"{what} {'/'.join(_key(key, row[key]) for key in keys)}"
        while name in named:  # a count and a capacity may be reported as the same number
            name += " again"
        named[name] = row
    return named


def _key(field: str, value: Any) -> str:
    return str(_comparable(field, value))


def _fields(row: Row) -> dict[str, Any]:
    """The row's fields by name, those of inner objects as ``outer inner``, ready to be compared."""
    fields: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            fields |= {f"{name} {inner}": _comparable(name, number) for inner, number in value.items()}
        else:
            fields[name] = _comparable(name, value)
    return fields


def _comparable(field: str, value: Any) -> Any:
    return Fraction(value) if field in NUMBERS and isinstance(value, str) else value


def _counts(account: str, wanted: Mapping[str, Row], answered: Mapping[str, Row]) -> list[str]:
    """Differences of counts by two names; none and 0 are the same."""
    found = []
    for topic in sorted(wanted.keys() | answered.keys()):
        left, right = wanted.get(topic, {}), answered.get(topic, {})
        names = sorted(left.keys() | right.keys())
        pairs = [(name, left.get(name, 0), right.get(name, 0)) for name in names]
        found += [_line(f"{account} {topic} {name}", one, other) for name, one, other in pairs if one != other]
    return found


def _line(name: str, wanted: Any, answered: Any) -> str:
    return f"{name}: expected {wanted!r}, got {answered!r}"
