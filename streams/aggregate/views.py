"""What the board shows, as plain values: exact, merged over all partitions, at one clock."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Series:
    """One exchange series. Amounts are integers in minor units; ``exponent`` is the currency's decimals."""

    exchange: str
    product_type: str
    currency: str
    cross_border: bool
    exponent: int
    gross: int
    cancelled: int
    executed_count: int
    cancelled_count: int
    rolling: dict[str, int]  # window -> net
    to_date: dict[str, int]  # period -> net
    day_before: int = 0  # net of 24 h a day earlier, in whole hours

    @property
    def net(self) -> int:
        """Gross minus cancelled."""
        return self.gross - self.cancelled


@dataclass(frozen=True, slots=True)
class Assets:
    """Assets in service of one type in one area. ``capacity`` is unit -> 10^-18 of the unit."""

    asset_type: str
    area: str
    city: str
    count: int
    capacity: dict[str, int]


@dataclass(frozen=True, slots=True)
class Reported:
    """The survey that stands for one type and area; count and capacity are judged and dated each on its own."""

    asset_type: str
    area: str
    count: int | None
    count_time_us: int | None
    capacity: int | None
    capacity_time_us: int | None
    unit: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One figure of an indicator, in base units (yuan, ratio 0..1, count), with what was printed beside it."""

    indicator: str
    area: str
    period: str
    period_end_us: int
    value: Decimal
    unit: str  # CNY, RATIO, COUNT: PERCENT is shown as RATIO
    printed: str  # value, unit and multiplier as published, e.g. "14060 10^8 CNY"
    status: str
    provisional: bool
    vintage: str
    source_url: str
    current: bool
    inconsistent: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure that breaks a rule (or, for a warning, only looks wrong)."""

    rule: str
    indicator: str
    area: str
    period: str
    vintage: str
    value: Decimal
    expected_low: Decimal | None  # base units; None: no bound on that side
    expected_high: Decimal | None
    hint: str  # "off by 1000?" or ""
    message: str


OTHERS: Final = 10
"""Further series beyond the limit that a ``ThresholdState`` names; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class ThresholdState:
    """One threshold's evaluation."""

    threshold: str
    severity: str
    breached: bool
    labels: dict[str, str]
    value: Decimal | None
    limit: Decimal
    since_us: int | None
    op: str
    compare: str  # what the value is: "value", "age" in seconds, "day_ratio"
    summary: str
    runbook: str  # address, or name of a page of docs/runbooks
    summary_zh: str = ""  # the summary in Chinese, if there is one
    beyond: int = 0  # series beyond the limit that are as breached as this one, which is one of them
    others: tuple[tuple[dict[str, str], Decimal], ...] = ()  # labels and value of the worst of the further ones


@dataclass(frozen=True, slots=True)
class Partition:
    """One source partition as its owner's last checkpoint describes it."""

    topic: str
    partition: int
    next_offset: int
    end_offset: int
    watermark_us: int | None  # highest event time seen
    owner: str  # worker id of the owner whose checkpoints count, "" before the first
    owner_live: bool
    checkpoint_us: int | None = None  # when this worker read the newest checkpoint live, wall clock

    @property
    def lag(self) -> int:
        """Records not yet in the totals."""
        return max(0, self.end_offset - self.next_offset)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a worker shows at one clock."""

    clock_us: int
    complete: bool
    reasons: tuple[str, ...]  # why not complete, one clear phrase each
    partitions: tuple[Partition, ...]
    series: tuple[Series, ...]
    assets: tuple[Assets, ...]
    reported: tuple[Reported, ...]
    observations: tuple[Observation, ...]
    inconsistencies: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    events: dict[tuple[str, str], int]  # (topic, outcome) -> records
    dead_letters: dict[tuple[str, str], int]  # (topic, reason) -> records
    folded: int  # transactions counted under "other" because the series budget was spent
    owned: frozenset[tuple[str, int]] = field(default_factory=frozenset)  # (topic, partition) owned by this worker
