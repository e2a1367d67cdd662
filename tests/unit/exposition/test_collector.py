from collections.abc import Callable
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from schemas.events import Reason
from schemas.metrics import METRICS
from schemas.topics import INDICATORS, INFRASTRUCTURE, SOURCES, TRANSACTIONS
from streams.aggregate.views import Snapshot, ThresholdState
from streams.exposition.collector import BoardCollector
from streams.exposition.pipeline import PipelineMetrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
Scrape = Callable[[Snapshot], Samples]

SPATIAL = {"exchange": "bidex", "product_type": "spatial", "currency": "CNY", "cross_border": "false"}


@pytest.fixture
def scrape(pipeline: PipelineMetrics, states: tuple[ThresholdState, ...], info: dict[str, str]) -> Scrape:
    def samples(snapshot: Snapshot) -> Samples:
        registry = CollectorRegistry()
        registry.register(BoardCollector(lambda: snapshot, pipeline, lambda _: states, info))
        found: Samples = {}
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in found
                assert sample.timestamp is None
                found[key] = sample.value
        return found

    return samples


def at(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_every_metric_of_the_catalogue_is_there_and_no_other(scrape: Scrape, snapshot: Snapshot) -> None:
    def base(name: str) -> str:
        for suffix in ("_bucket", "_count", "_sum"):
            if METRICS.get(name.removesuffix(suffix)) is not None:
                return name.removesuffix(suffix)
        return name

    labels: dict[str, set[frozenset[str]]] = {}
    for name, pairs in scrape(snapshot):
        labels.setdefault(base(name), set()).add(frozenset(label for label, _ in pairs if label != "le"))
    assert labels == {name: {frozenset(metric.labels)} for name, metric in METRICS.items()}


def test_no_label_value_is_total(scrape: Scrape, snapshot: Snapshot) -> None:
    assert not [pairs for _, pairs in scrape(snapshot) for _, value in pairs if value == "total"]


def test_it_describes_all_families_without_asking_the_board(pipeline: PipelineMetrics, info: dict[str, str]) -> None:
    def never() -> Snapshot:
        raise AssertionError("asked")

    described = BoardCollector(never, pipeline, lambda _: (), info).describe()
    assert len(list(described)) == len(METRICS)
    assert not [family for family in described if family.samples]


def test_money_is_in_major_units_and_nearest(scrape: Scrape, snapshot: Snapshot) -> None:
    samples = scrape(snapshot)
    assert at(samples, "citypulse_exchange_amount_gross_total", **SPATIAL) == 2_650_000.0
    assert at(samples, "citypulse_exchange_amount_cancelled_total", **SPATIAL) == 0.1
    assert at(samples, "citypulse_exchange_amount_net", **SPATIAL) == 2_649_999.9
    assert at(samples, "citypulse_exchange_amount_rolling", **SPATIAL, window="24h") == -0.1
    assert at(samples, "citypulse_exchange_amount_to_date", **SPATIAL, period="quarter") == 0.03
    assert at(samples, "citypulse_exchange_transactions_total", **SPATIAL, kind="executed") == 3
    assert at(samples, "citypulse_exchange_transactions_total", **SPATIAL, kind="cancelled") == 1
    odd = {"exchange": "bidex", "product_type": 'odd "\\\n%s% name', "currency": "JPY", "cross_border": "true"}
    assert at(samples, "citypulse_exchange_amount_net", **odd) == float("12345678901234567")


def test_infrastructure(scrape: Scrape, snapshot: Snapshot) -> None:
    samples, rack = scrape(snapshot), {"asset_type": "rack", "area": "110108", "city": "110000"}
    assert at(samples, "citypulse_infrastructure_assets", **rack) == 2
    assert at(samples, "citypulse_infrastructure_capacity", **rack, unit="kW") == float("12.500000000000000001")
    assert at(samples, "citypulse_infrastructure_assets", asset_type="large_model", area="SG", city="") == 1
    reported = {key: value for key, value in samples.items() if key[0] == "citypulse_infrastructure_assets_reported"}
    assert list(reported.values()) == [104_000]


def test_indicators(scrape: Scrape, snapshot: Snapshot) -> None:
    samples = scrape(snapshot)
    share = {"indicator": "digital_economy_share", "ref_area": "110000"}
    assert at(samples, "citypulse_indicator_value", **share, unit="RATIO") == 0.443
    assert at(samples, "citypulse_indicator_period_end_timestamp_seconds", **share) == 1_696_089_600
    assert at(samples, "citypulse_indicator_provisional", **share) == 0
    assert at(samples, "citypulse_indicator_inconsistencies", rule="share_identity", ref_area="110000") == 2


def test_every_outcome_and_reason_of_every_topic_is_there(scrape: Scrape, vary: Callable[..., Snapshot]) -> None:
    samples = scrape(vary(events={}, dead_letters={}))
    for topic in SOURCES:
        for outcome in ("applied", "late", "duplicate", "rejected"):
            assert at(samples, "citypulse_events_total", topic=topic, outcome=outcome) == 0
        for reason in get_args(Reason):
            assert at(samples, "citypulse_dead_letters_total", topic=topic, reason=reason) == 0


def test_events_and_partitions(scrape: Scrape, snapshot: Snapshot) -> None:
    samples = scrape(snapshot)
    assert at(samples, "citypulse_events_total", topic=TRANSACTIONS, outcome="applied") == 4
    assert at(samples, "citypulse_dead_letters_total", topic=TRANSACTIONS, reason="not_json") == 1
    assert at(samples, "citypulse_partition_lag", topic=TRANSACTIONS, partition="0") == 2
    watermark = "citypulse_partition_watermark_timestamp_seconds"
    assert at(samples, watermark, topic=TRANSACTIONS, partition="0") == 1_700_789_400.25
    assert (watermark, frozenset({"topic": TRANSACTIONS, "partition": "1"}.items())) not in samples
    checkpoint = "citypulse_checkpoint_timestamp_seconds"
    assert at(samples, checkpoint, topic=TRANSACTIONS, partition="0") == 1_700_789_400.5
    assert (checkpoint, frozenset({"topic": TRANSACTIONS, "partition": "1"}.items())) not in samples
    assert at(samples, "citypulse_partition_owned", topic=TRANSACTIONS, partition="0") == 1
    assert at(samples, "citypulse_partition_owned", topic=INFRASTRUCTURE, partition="0") == 0
    assert at(samples, "citypulse_partition_owned", topic=INDICATORS, partition="0") == 1
    assert at(samples, "citypulse_series_folded_total", metric="citypulse_exchange_transactions_total") == 1


def test_an_incomplete_board_says_so_and_shows_what_it_knows(scrape: Scrape, vary: Callable[..., Snapshot]) -> None:
    assert at(scrape(vary()), "citypulse_complete") == 1
    samples = scrape(vary(complete=False, reasons=("reading the state",)))
    assert at(samples, "citypulse_complete") == 0
    assert at(samples, "citypulse_exchange_amount_gross_total", **SPATIAL) == 2_650_000.0


def test_own_measurements(scrape: Scrape, snapshot: Snapshot) -> None:
    samples = scrape(snapshot)
    assert at(samples, "citypulse_event_visible_seconds_bucket", topic=TRANSACTIONS, le="0.01") == 0
    assert at(samples, "citypulse_event_visible_seconds_bucket", topic=TRANSACTIONS, le="0.025") == 1000
    assert at(samples, "citypulse_event_visible_seconds_count", topic=TRANSACTIONS) == 1000
    assert at(samples, "citypulse_event_visible_seconds_sum", topic=TRANSACTIONS) == 12.0
    assert at(samples, "citypulse_batch_duration_seconds_count", topic=INDICATORS) == 0
    assert at(samples, "citypulse_recovery_duration_seconds_sum") == 1.25
    assert at(samples, "citypulse_rebalances_total") == 1
    assert at(samples, "citypulse_threshold_breached", threshold="RackUse", severity="warning") == 1
    assert at(samples, "citypulse_threshold_breached", threshold="NoSeries", severity="info") == 0
