"""A board's snapshot made by hand: small, with a value for every case. All figures here are synthetic."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from schemas.topics import INDICATORS, INFRASTRUCTURE, TRANSACTIONS
from streams.aggregate.views import (
    Assets,
    Finding,
    Observation,
    Partition,
    Reported,
    Series,
    Snapshot,
    ThresholdState,
)
from streams.exposition.ingest import Ingestion
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.verdicts import Accepted, Incoming, Verdict

CLOCK_US = 1_700_789_400_250_000  # 2023-11-24T01:30:00.250Z

SERIES = (
    Series(
        "bidex", "spatial", "CNY", False, 2, 265_000_000, 10, 3, 1,
        {"1m": 5, "5m": 5, "1h": 7, "24h": -10, "7d": 264_999_990, "30d": 264_999_990},
        {"day": 1, "month": 2, "quarter": 3, "year": 264_999_990},
    ),
    Series("bidex", 'odd "\\\n%s% name', "JPY", True, 0, 12_345_678_901_234_567, 0, 1, 0, {}, {"day": 99}),
    Series("other", "other", "BHD", True, 3, 1, 0, 1, 0, {"30d": 1}, {"year": 1}),
)  # fmt: skip

OBSERVATION = Observation(
    "core_industries_value_added", "110000", "2023-01-01/P9M", 1_696_089_600_000_000, Decimal(822_670_000_000), "CNY",
    "8226.7 10^8 CNY", "P", True, "2023-10-20", "", True, False,
)  # fmt: skip

FINDING = Finding(
    "share_identity", "digital_economy_value_added", "110000", "2023-01-01/P9M", "2023-11-24", Decimal("1.406E+9"),
    Decimal("1.4037E+12"), None, "off by 1000?", "expected 14037 or more",
)  # fmt: skip

SNAPSHOT = Snapshot(
    clock_us=CLOCK_US,
    complete=True,
    reasons=(),
    partitions=(
        Partition(TRANSACTIONS, 0, 5, 7, CLOCK_US, "worker-a", True, CLOCK_US + 250_000),
        Partition(TRANSACTIONS, 1, 0, 0, None, "", False),
        Partition(INFRASTRUCTURE, 0, 2, 2, CLOCK_US - 1, "worker-b", True),
        Partition(INDICATORS, 0, 3, 3, CLOCK_US, "worker-a", True),
    ),
    series=SERIES,
    assets=(
        Assets("rack", "110108", "110000", 2, {"kW": 12_500_000_000_000_000_001}),
        Assets("large_model", "SG", "", 1, {}),
    ),
    reported=(
        Reported("base_station_5g", "110000", 104_000, CLOCK_US, None, None, ""),
        Reported("computing_cluster", "X-BDA", None, None, 3000 * 10**18, CLOCK_US, "PFLOPS"),
    ),
    observations=(
        OBSERVATION,
        replace(OBSERVATION, indicator="digital_economy_share", value=Decimal("0.443"), unit="RATIO",
                printed="44.3 PERCENT", status="A", provisional=False),
        replace(OBSERVATION, indicator="digital_economy_value_added", value=Decimal("1.406E+9"), vintage="2023-11-24",
                current=False, inconsistent=True),
    ),
    inconsistencies=(FINDING, replace(FINDING, vintage="2023-11-25"), replace(FINDING, rule="core_within_total")),
    warnings=(replace(FINDING, rule="growth", expected_high=Decimal(2)),),
    events={(TRANSACTIONS, "applied"): 4, (TRANSACTIONS, "rejected"): 1, (INDICATORS, "applied"): 3,
            (INFRASTRUCTURE, "applied"): 2},
    dead_letters={(TRANSACTIONS, "not_json"): 1},
    folded=1,
    owned=frozenset({(TRANSACTIONS, 0), (INDICATORS, 0)}),
)  # fmt: skip

STATES = (
    ThresholdState("RackUse", "warning", True, {"area": "110108"}, Decimal("2"), Decimal("1"), CLOCK_US - 60_000_000,
                   ">", "value", "Racks stand idle.", "CityPulsePueHigh.md", "机柜空置", 2,
                   (({"area": "110105"}, Decimal("1.50")),)),
    ThresholdState("NoSeries", "info", False, {}, None, Decimal("1E+2"), None, "<", "age", "Nothing.", "none.md"),
)  # fmt: skip

INFO = {"version": "0.1.0", "python": "3.11.7"}


@pytest.fixture
def snapshot() -> Snapshot:
    return SNAPSHOT


@pytest.fixture
def vary() -> Callable[..., Snapshot]:
    """The snapshot with fields replaced."""

    def change(**fields: Any) -> Snapshot:
        return replace(SNAPSHOT, **fields)

    return change


@pytest.fixture
def states() -> tuple[ThresholdState, ...]:
    return STATES


@pytest.fixture
def info() -> dict[str, str]:
    return dict(INFO)


@pytest.fixture
def pipeline() -> PipelineMetrics:
    metrics = PipelineMetrics((TRANSACTIONS, INFRASTRUCTURE, INDICATORS))
    metrics.event_visible(TRANSACTIONS, 0.012, 1000)
    metrics.batch_duration(TRANSACTIONS, 0.004)
    metrics.rebalanced()
    metrics.recovered(1.25)
    metrics.waiting({(TRANSACTIONS, "not_json"): 2})
    return metrics


class FakeKafka:
    """Accepts every event, unless ``verdicts`` has one for it; ``taken`` is what came."""

    def __init__(self) -> None:
        self.taken: list[Incoming] = []
        self.verdicts: list[Verdict] = []

    async def __call__(self, events: Sequence[Incoming]) -> Sequence[Verdict]:
        self.taken += events
        return [self.verdicts.pop(0) if self.verdicts else Accepted(TRANSACTIONS, 0, n) for n in range(len(events))]


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


@pytest.fixture
def ingestion(kafka: FakeKafka, pipeline: PipelineMetrics) -> Ingestion:
    """On the loopback, without tokens, on a clock that stands."""
    return Ingestion(kafka, None, loopback=True, rate=1_000, pipeline=pipeline, clock=lambda: 0.0)
