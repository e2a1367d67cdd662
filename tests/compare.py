"""The API's answers against the reference's: what differs, by name."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from tests.reference.reference import ReferenceTotals, indicators_answer, infrastructure_answer, totals_answer

Row = Mapping[str, Any]

SERIES = ("exchange", "product_type", "currency", "cross_border")
PLACE = ("asset_type", "area")
FIGURE = ("indicator", "area", "period", "vintage")
FINDING = ("rule", "indicator", "area", "period", "vintage", "value")
NUMBERS = frozenset({"value", "capacity"})
"""Fields that are compared as numbers, not as text: how many zeros follow is not fixed.

All else must be equal to the letter; amounts of money have exactly the decimals of their currency."""


def differences(
    reference: ReferenceTotals,
    totals: Row,
    infrastructure: Row,
    indicators: Row,
) -> list[str]:
    """What differs between the reference and a worker's answers, one line each; none when all is well.

    Args:
        reference: computed from the same records at the same clock.
        totals: the JSON of ``/api/v1/totals``.
        infrastructure: the JSON of ``/api/v1/infrastructure``.
        indicators: the JSON of ``/api/v1/indicators``.
    """
    wanted_totals = totals_answer(reference)
    found = [] if wanted_totals["clock"] == totals["clock"] else [_line("clock", wanted_totals["clock"], totals["clock"])]
    found += _rows("series", SERIES, wanted_totals["series"], totals["series"])
    for account in ("events", "dead_letters"):
        found += _counts(account, wanted_totals[account], totals[account])
    wanted_city = infrastructure_answer(reference)
    found += _rows("assets", (*PLACE, "city"), wanted_city["assets"], infrastructure["assets"])
    found += _rows("reported", PLACE, wanted_city["reported"], infrastructure["reported"])
    wanted_figures = indicators_answer(reference)
    for name, keys in (("current", FIGURE), ("figures", FIGURE), ("inconsistencies", FINDING), ("warnings", FINDING)):
        found += _rows(name, keys, wanted_figures[name], indicators[name])
    return found


def _rows(what: str, keys: tuple[str, ...], wanted: Iterable[Row], answered: Iterable[Row]) -> list[str]:
    """Differences of two lists of rows, each row named by some of its fields. Only fields of the wanted are compared."""
    left, twice = _by_key(what, keys, wanted)
    right, twice_answered = _by_key(what, keys, answered)
    found = twice + twice_answered
    found += [f"{name}: missing" for name in left.keys() - right.keys()]
    found += [f"{name}: not expected" for name in right.keys() - left.keys()]
    for name in left.keys() & right.keys():
        expected, got = _fields(left[name]), _fields(right[name])
        inner = {field for field in got if field.partition(" ")[0] in left[name]}
        for field in expected.keys() | inner:
            if (there := field in got) != (field in expected) or repr(expected[field]) != repr(got[field]):
                found.append(_line(f"{name} {field}", expected.get(field), got[field] if there else None))
    return sorted(found)


def _by_key(what: str, keys: tuple[str, ...], rows: Iterable[Row]) -> tuple[dict[str, Row], list[str]]:
    named: dict[str, Row] = {}
    twice = []
    for row in rows:
        name = f"{what} {'/'.join(_key(key, row[key]) for key in keys)}"
        if name in named and named[name] != row:
            twice.append(f"{name}: twice")
        named[name] = row
    return named, twice


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
        for name in sorted(left.keys() | right.keys()):
            if left.get(name, 0) != right.get(name, 0):
                found.append(_line(f"{account} {topic} {name}", left.get(name, 0), right.get(name, 0)))
    return found


def _line(name: str, wanted: Any, answered: Any) -> str:
    return f"{name}: expected {wanted!r}, got {answered!r}"
