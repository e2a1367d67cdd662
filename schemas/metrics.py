"""The metric catalogue: every metric CityPulse exposes, as the collector and the reference document have it.

Naming follows https://prometheus.io/docs/practices/naming/: base units, ``_total`` on counters only.
"""

from dataclasses import dataclass
from typing import Final, Literal

MetricType = Literal["counter", "gauge", "histogram"]

PERIODS: Final = ("day", "month", "quarter", "year")
"""Values of the label ``period``: calendar periods of the to-date totals."""

KINDS: Final = ("executed", "cancelled")
"""Values of the label ``kind``."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``name`` is as exposed (a counter's ends in ``_total``); ``unit`` is words, "" if there is none."""

    name: str
    type: MetricType
    labels: tuple[str, ...]
    unit: str
    help: str


_EXCHANGE = ("exchange", "product_type", "currency", "cross_border")
_MONEY = "major units of the label currency"

_EXCHANGE_METRICS = (
    Metric(
        "citypulse_exchange_amount_gross_total",
        "counter",
        _EXCHANGE,
        _MONEY,
        "Amount of all executed transactions, cancelled later or not.",
    ),
    Metric(
        "citypulse_exchange_amount_cancelled_total",
        "counter",
        _EXCHANGE,
        _MONEY,
        "Amount of all cancelled transactions.",
    ),
    Metric(
        "citypulse_exchange_transactions_total",
        "counter",
        (*_EXCHANGE, "kind"),
        "transactions",
        "Transactions by kind: executed or cancelled.",
    ),
    Metric(
        "citypulse_exchange_amount_net",
        "gauge",
        _EXCHANGE,
        _MONEY,
        "Amount executed less amount cancelled, all time.",
    ),
    Metric(
        "citypulse_exchange_amount_rolling",
        "gauge",
        (*_EXCHANGE, "window"),
        _MONEY,
        "Net amount in a rolling window by event time.",
    ),
    Metric(
        "citypulse_exchange_amount_to_date",
        "gauge",
        (*_EXCHANGE, "period"),
        _MONEY,
        "Net amount since the calendar day, month, quarter or year began.",
    ),
)

_INFRASTRUCTURE_METRICS = (
    Metric(
        "citypulse_infrastructure_assets",
        "gauge",
        ("asset_type", "area", "city"),
        "assets",
        "Assets in service.",
    ),
    Metric(
        "citypulse_infrastructure_capacity",
        "gauge",
        ("asset_type", "area", "city", "unit"),
        "the label unit",
        "Capacity of the assets in service.",
    ),
    Metric(
        "citypulse_infrastructure_assets_reported",
        "gauge",
        ("asset_type", "area"),
        "assets",
        "Assets as the latest survey reports them; never mixed with the counted ones.",
    ),
)

_INDICATOR_METRICS = (
    Metric(
        "citypulse_indicator_value",
        "gauge",
        ("indicator", "ref_area", "unit"),
        "base units: yuan, ratio 0..1, count",
        "Current figure: latest period, in it the latest vintage that breaks no rule.",
    ),
    Metric(
        "citypulse_indicator_period_end_timestamp_seconds",
        "gauge",
        ("indicator", "ref_area"),
        "seconds",
        "End of the current figure's period, exclusive, Unix time.",
    ),
    Metric(
        "citypulse_indicator_provisional",
        "gauge",
        ("indicator", "ref_area"),
        "",
        "1 when the current figure is provisional (status P), else 0.",
    ),
    Metric(
        "citypulse_indicator_inconsistencies",
        "gauge",
        ("rule", "ref_area"),
        "figures",
        "Figures that break a consistency rule and are not shown as current.",
    ),
)

_PIPELINE_METRICS = (
    Metric(
        "citypulse_threshold_breached",
        "gauge",
        ("threshold", "severity"),
        "",
        "1 when the threshold is crossed, else 0.",
    ),
    Metric(
        "citypulse_events_total",
        "counter",
        ("topic", "outcome"),
        "records",
        "Records consumed by outcome: applied, late, duplicate or rejected; survives restarts.",
    ),
    Metric(
        "citypulse_dead_letters_total",
        "counter",
        ("topic", "reason"),
        "records",
        "Records rejected by reason; survives restarts.",
    ),
    Metric(
        "citypulse_dead_letters_waiting",
        "gauge",
        ("topic", "reason"),
        "records",
        "Dead letters that have not been replayed, while their topic holds them, of the newest 100,000; "
        "absent until it has been read.",
    ),
    Metric(
        "citypulse_dead_letter_share",
        "gauge",
        ("topic",),
        "ratio 0..1",
        "Share of the records of the last minute that were rejected.",
    ),
    Metric(
        "citypulse_complete",
        "gauge",
        (),
        "",
        "1 when the totals hold every partition, 0 when something is missing.",
    ),
    Metric(
        "citypulse_partition_lag",
        "gauge",
        ("topic", "partition"),
        "records",
        "Records of the partition that the totals do not hold yet.",
    ),
    Metric(
        "citypulse_partition_watermark_timestamp_seconds",
        "gauge",
        ("topic", "partition"),
        "seconds",
        "Highest event time seen in the partition, Unix time.",
    ),
    Metric(
        "citypulse_checkpoint_timestamp_seconds",
        "gauge",
        ("topic", "partition"),
        "seconds",
        "When the newest checkpoint of the partition came, Unix time; owners write one a second at least.",
    ),
    Metric(
        "citypulse_partition_owned",
        "gauge",
        ("topic", "partition"),
        "",
        "1 when this worker reads the partition, else 0.",
    ),
    Metric(
        "citypulse_event_visible_seconds",
        "histogram",
        ("topic",),
        "seconds",
        "Time from Kafka's append of a record until its effect is readable in /metrics.",
    ),
    Metric(
        "citypulse_batch_duration_seconds",
        "histogram",
        ("topic",),
        "seconds",
        "Time to decode and aggregate one batch.",
    ),
    Metric(
        "citypulse_series_folded_total",
        "counter",
        ("metric",),
        "events",
        "Events counted under the label value other because the series budget was spent.",
    ),
    Metric(
        "citypulse_ingested_events_total",
        "counter",
        ("verdict",),
        "events",
        "Events that came in over HTTP by verdict: accepted, rejected or failed.",
    ),
    Metric(
        "citypulse_rebalances_total",
        "counter",
        (),
        "rebalances",
        "Times that partitions were assigned to this worker anew.",
    ),
    Metric(
        "citypulse_recovery_duration_seconds",
        "histogram",
        (),
        "seconds",
        "Time from assignment until the state was back and complete.",
    ),
    Metric(
        "citypulse_build_info",
        "gauge",
        ("version",),
        "",
        "Always 1; the label says which build runs.",
    ),
)

METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (*_EXCHANGE_METRICS, *_INFRASTRUCTURE_METRICS, *_INDICATOR_METRICS, *_PIPELINE_METRICS)
}
"""Every metric by name, in the order of the reference document."""
