"""Which figures contradict each other, the naive way.

What the rules mean:

- A printed figure stands for the interval of half a unit of its last digit each way. An identity breaks when a figure
  and what the others of the identity make of it cannot both be true. Each pair of figures that falls is an identity of
  its own.
- Figures are judged as of each vintage: in the slot (indicator, start, end) stands the latest figure released until
  then. Status M says nothing and is left out. A figure is inconsistent when it goes in the last of those snapshots in
  which it stands.
- In a snapshot the figures that break most identities go, all of them when several break as many, and so on until
  nothing breaks. A slip of the unit counts as one more.
- A slip of the unit: another identity expects the figure, or nearly (1 %), a thousand or ten thousand times as large,
  and that size breaks no identity that holds now. Rates have no unit to slip.
- A figure is listed once, under the first of RULES that it breaks when it goes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from streams.verify.reference.decode import Figure

RULES = (
    "unit_slip",
    "share_of_gdp",
    "core_share_of_gdp",
    "parts_equal_total",
    "core_not_above_total",
    "year_to_date_falls",
    "stock_falls",
)
STOCKS = {"large_models"}
CLASSES = [f"core_class_0{number}_value_added" for number in (1, 2, 3, 4)]

Slot = tuple[str, str, str]
"""indicator, first day, day after the last"""

Range = tuple[Fraction, Fraction]
"""low, high; both included"""


@dataclass(frozen=True)
class Identity:
    """``kind`` says how the first slot follows from the others: share (of), sum (of) or not_above."""

    rule: str
    kind: str
    slots: tuple[Slot, ...]

    def expected(self, slot: Slot, ranges: Mapping[Slot, Range]) -> tuple[Fraction | None, Fraction | None]:
        """Where the other figures expect this one; None: no bound."""
        place = self.slots.index(slot)
        known = [ranges[member] for member in self.slots]
        if self.kind == "not_above":
            return (None, known[1][1]) if place == 0 else (known[0][0], None)
        if self.kind == "sum":
            others = [known[at] for at in range(1, len(known)) if at != place]
            low, high = (sum((part[end] for part in others), Fraction(0)) for end in (0, 1))
            return (low, high) if place == 0 else (known[0][0] - high, known[0][1] - low)
        part, whole, share = known
        if place == 0:
            ends = [a * b for a, b in product(whole, share)]
            return min(ends), max(ends)
        return divided(part, share if place == 1 else whole)

    def holds(self, ranges: Mapping[Slot, Range]) -> bool:
        """Whether the first figure may be where the others expect it."""
        return overlap(ranges[self.slots[0]], self.expected(self.slots[0], ranges))


def divided(one: Range, other: Range) -> tuple[Fraction | None, Fraction | None]:
    """All quotients; no bounds where the divisor may be zero."""
    if other[0] <= 0 <= other[1]:
        return None, None
    ends = [a / b for a, b in product(one, other)]
    return min(ends), max(ends)


def overlap(one: Range, other: tuple[Fraction | None, Fraction | None]) -> bool:
    """Whether two ranges share a number."""
    return (other[0] is None or one[1] >= other[0]) and (other[1] is None or one[0] <= other[1])


def range_of(figure: Figure) -> Range:
    """What the printed figure stands for, in base units."""
    decimals = len(figure.value.partition(".")[2])
    half = Fraction(1, 2) / 10**decimals * figure.scale
    value = Fraction(figure.value) * figure.scale
    return value - half, value + half


def identities(slots: Iterable[Slot]) -> list[Identity]:
    """Every identity whose figures are all there."""
    there = set(slots)
    found = []
    for start, end in sorted({slot[1:] for slot in there}):
        for rule, kind, indicators in (
            ("share_of_gdp", "share", ["digital_economy_value_added", "gdp", "digital_economy_share"]),
            ("core_share_of_gdp", "share", ["core_industries_value_added", "gdp", "core_industries_share"]),
            ("parts_equal_total", "sum", ["core_industries_value_added", *CLASSES]),
            ("core_not_above_total", "not_above", ["core_industries_value_added", "digital_economy_value_added"]),
        ):
            members = tuple((indicator, start, end) for indicator in indicators)
            if there.issuperset(members):
                found.append(Identity(rule, kind, members))
    for one, other in product(sorted(there), repeat=2):
        if one[0] != other[0] or one[2] >= other[2]:
            continue
        if one[0] in STOCKS:
            found.append(Identity("stock_falls", "not_above", (one, other)))
        elif (one[0] == "gdp" or one[0].endswith("_value_added")) and one[1] == other[1] and to_date(other):
            found.append(Identity("year_to_date_falls", "not_above", (one, other)))
    return found


def to_date(slot: Slot) -> bool:
    """Whether a period starts with a year and ends within it."""
    return slot[1][4:] == "-01-01" and slot[2] <= f"{int(slot[1][:4]) + 1}-01-01"


def slips(slot: Slot, figure: Figure, broken: list[Identity], held: list[Identity], ranges: dict[Slot, Range]) -> int:
    """The factor by which the figure looks too small: 1000, 10000, or 0 for none."""
    if figure.unit in ("PERCENT", "RATIO"):
        return 0
    for identity in broken:
        low, high = identity.expected(slot, ranges)
        if slot not in identity.slots or low is None or high is None or low <= 0:
            continue
        for factor in (1000, 10_000):
            scaled = ranges[slot][0] * factor, ranges[slot][1] * factor
            mended = overlap(scaled, (low * Fraction("0.99"), high * Fraction("1.01")))
            if mended and all(one.holds({**ranges, slot: scaled}) for one in held if slot in one.slots):
                return factor
    return 0


def removed(standing: Mapping[Slot, Figure]) -> dict[Slot, tuple[str, str]]:
    """Slot -> (rule, hint) of the figures that go."""
    ranges = {slot: range_of(figure) for slot, figure in standing.items()}
    gone: dict[Slot, tuple[str, str]] = {}
    every = identities(standing)
    broken = [identity for identity in every if not identity.holds(ranges)]
    held = [identity for identity in every if identity.holds(ranges)]
    while broken:
        blame: dict[Slot, list[str]] = {}
        hints: dict[Slot, str] = {}
        for slot in {slot for identity in broken for slot in identity.slots}:
            mine = [identity for identity in broken if slot in identity.slots]
            factor = slips(slot, standing[slot], mine, held, ranges)
            blame[slot] = [identity.rule for identity in mine] + ["unit_slip"] * (factor > 0)
            hints[slot] = f"off by {factor}?" if factor else ""
        most = max(len(rules) for rules in blame.values())
        worst = {slot for slot, rules in blame.items() if len(rules) == most}
        gone |= {slot: (min(blame[slot], key=RULES.index), hints[slot]) for slot in worst}
        broken = [identity for identity in broken if not worst.intersection(identity.slots)]
        held = [identity for identity in held if not worst.intersection(identity.slots)]
    return gone


def inconsistent(figures: Iterable[Figure]) -> dict[Figure, tuple[str, str]]:
    """Figure -> (rule, hint) of the figures of one area that contradict others.

    No identity joins a stock with anything else, or periods that start on different days.
    """
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        if figure.status != "M":
            groups.setdefault(figure.indicator if figure.indicator in STOCKS else figure.start, []).append(figure)
    verdicts: dict[Figure, tuple[str, str] | None] = {}
    for known in groups.values():
        known.sort(key=Figure.version)
        for vintage in sorted({figure.vintage for figure in known}):
            standing = {figure.slot(): figure for figure in known if figure.vintage <= vintage}
            gone = removed(standing)
            verdicts |= {figure: gone.get(slot) for slot, figure in standing.items()}
    return {figure: verdict for figure, verdict in verdicts.items() if verdict is not None}


def growth_mismatches(best: Mapping[Slot, Figure]) -> list[Figure]:
    """Published growth that the best consistent figures of the two years do not give: a warning only."""
    found = []
    for (indicator, start, end), figure in best.items():
        now = best.get(("digital_economy_value_added", start, end))
        before = best.get(("digital_economy_value_added", year_before(start), year_before(end)))
        if indicator == "digital_economy_growth" and now and before:
            low, high = divided(range_of(now), range_of(before))
            if low is not None and high is not None and not overlap(range_of(figure), (low - 1, high - 1)):
                found.append(figure)
    return found


def year_before(day: str) -> str:
    """The same day of the year before, as text."""
    return f"{int(day[:4]) - 1:04d}{day[4:]}"


def falling(values: list[Fraction]) -> set[int]:
    """Places in a series of surveys that contradict "a later one is not less", by the same way of removal."""
    kept = set(range(len(values)))
    while True:
        pairs = [(a, b) for a in kept for b in kept if a < b and values[a] > values[b]]
        if not pairs:
            return set(range(len(values))) - kept
        counts = {place: sum(place in pair for pair in pairs) for place in kept}
        kept -= {place for place, count in counts.items() if count == max(counts.values())}
