"""Published figures as rows: how they are ordered, printed, and bounded by the rounding of their last digit."""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple
from zlib import crc32

from schemas.events import Figure

EXACT: Final = Context(prec=200)
"""Wide enough that sums and products of published figures are never rounded; only quotients are."""

MISSING: Final = "M"
PROVISIONAL: Final = "P"
RATES: Final = frozenset({"PERCENT", "RATIO"})
"""Units without a scale of their own: nobody publishes a share in thousands."""

_PAGES = tuple(f"f{shard}" for shard in range(16))

Slot = tuple[str, str, str]
"""What one figure at a time can be true of: indicator, start and end of its period (within one area)."""


class FigureRow(NamedTuple):
    """One figure of one vintage. The fields stand in the order in which figures are compared."""

    indicator: str
    area: str
    start: str
    end: str
    vintage: str
    time_us: int
    value: str
    unit: str
    unit_multiplier: int
    status: str
    source_url: str
    period: str

    @classmethod
    def of(cls, figure: Figure) -> "FigureRow":
        """The row of an event."""
        return cls(*(getattr(figure, name) for name in cls._fields))

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "FigureRow":
        """What ``pack`` gave."""
        return cls(*packed)

    def pack(self) -> list[Any]:
        """The row as msgpack can hold it."""
        return list(self)

    @property
    def key(self) -> tuple[str, ...]:
        """Indicator, area, period and vintage: a period is its two ends, however it is written."""
        return self[:5]

    @property
    def page(self) -> str:
        """The page that its indicator and area hash to."""
        return _PAGES[crc32(f"{self.indicator}:{self.area}".encode()) % len(_PAGES)]

    @property
    def rank(self) -> tuple[Any, ...]:
        """The latest event time wins, then the greater value string, then the rest."""
        return self[5:]

    @property
    def version(self) -> tuple[Any, ...]:
        """Orders the figures of one slot: by vintage, then as ``rank`` does."""
        return self[4:]

    @property
    def slot(self) -> Slot:
        """Where it stands among the figures of its area."""
        return self.indicator, self.start, self.end

    @property
    def base_value(self) -> Decimal:
        """In yuan, ratio or count; exact, in plain notation."""
        return Decimal(f"{Decimal(self.value).scaleb(self._shift, EXACT):f}")

    @property
    def base_unit(self) -> str:
        """The unit of ``base_value``."""
        return "RATIO" if self.unit == "PERCENT" else self.unit

    @property
    def scale(self) -> str:
        """The unit as published, e.g. ``10^8 CNY``."""
        return f"10^{self.unit_multiplier} {self.unit}" if self.unit_multiplier else self.unit

    @property
    def printed(self) -> str:
        """As published, e.g. ``14060 10^8 CNY``."""
        return f"{self.value} {self.scale}"

    @property
    def half_digit(self) -> Decimal:
        """Half a unit of the last printed digit, in base units."""
        return Decimal((0, (5,), int(Decimal(self.value).as_tuple().exponent) - 1)).scaleb(self._shift, EXACT)

    def in_print(self, base: Decimal) -> str:
        """A base value in the figure's own unit, about seven digits of it, e.g. ``14,037.45``."""
        own = base.scaleb(-self._shift, EXACT)
        return plain(round(own, max(0, 6 - own.adjusted())))

    @property
    def _shift(self) -> int:
        return self.unit_multiplier - (2 if self.unit == "PERCENT" else 0)


def plain(number: Decimal) -> str:
    """A number for people: grouped by thousands, without trailing zeros."""
    grouped = f"{number:,f}"
    return grouped.rstrip("0").rstrip(".") if "." in grouped else grouped
