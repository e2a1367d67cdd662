"""Every query of the dashboards, apart from the panels that show them."""

from dataclasses import replace
from typing import Final

from grafana.promql import COMPLETE, Query, any_worker, mean, or_zero, own_rate, quantile, select, whole, whole_rate
from schemas.topics import INFRASTRUCTURE, TRANSACTIONS

TRADES: Final = 'exchange=~"$exchange", product_type=~"$product", currency="$currency"'
CURRENCY: Final = 'currency="$currency"'
AREA: Final = 'area=~"$area"'
REF_AREA: Final = 'ref_area=~"$area"'
TOPIC: Final = 'topic=~"$topic"'
VISIBLE_TARGET_S: Final = "0.4"
"""Upper bound of a bucket of citypulse_event_visible_seconds: the target for 99 of 100 events."""


def _volume(labels: str, *matchers: str) -> str:
    rolling = whole("citypulse_exchange_amount_rolling", *matchers, 'window="$window"')
    return f"sum by ({labels}) ({rolling})"


def _cross_border(labels: str, *matchers: str) -> str:
    across = _volume(labels, *matchers, 'cross_border="true"')
    return f"{across} / ({_volume(labels, *matchers)} > 0)"


# Trust: on every dashboard.
IS_COMPLETE: Final = Query(f"max({COMPLETE})", "complete")
BEHIND: Final = Query(f"sum({any_worker('citypulse_partition_lag')})", "events")
_WATERMARK = "citypulse_partition_watermark_timestamp_seconds"
SINCE_TRANSACTION: Final = Query(
    f"""time() - max({any_worker(_WATERMARK, f'topic="{TRANSACTIONS}"')})""", "transaction", "instant"
)
SINCE_INFRASTRUCTURE: Final = Query(
    f"""time() - max({any_worker(_WATERMARK, f'topic="{INFRASTRUCTURE}"')})""", "infrastructure", "instant"
)
INCONSISTENT: Final = Query(or_zero(f"sum({whole('citypulse_indicator_inconsistencies')})"), "figures")
BREACHED: Final = Query(or_zero(f"sum({whole('citypulse_threshold_breached')})"), "thresholds")

# The city's exchanges, all of them.
CITY_VOLUME: Final = Query(_volume("currency", CURRENCY), "{{currency}}")
CITY_VOLUME_BY_PRODUCT: Final = Query(_volume("product_type", CURRENCY), "{{product_type}}")
CITY_VOLUME_BY_EXCHANGE: Final = Query(_volume("exchange", CURRENCY), "{{exchange}}")
CITY_CROSS_BORDER: Final = Query(_cross_border("currency", CURRENCY), "{{currency}}")
CITY_CROSS_BORDER_BY_EXCHANGE: Final = Query(_cross_border("exchange", CURRENCY), "{{exchange}}")
CITY_TO_DATE: Final = Query(
    f"sum by (period) ({whole('citypulse_exchange_amount_to_date', CURRENCY)})", "{{period}}", "instant"
)

# The chosen exchanges and products.
VOLUME: Final = Query(_volume("currency", TRADES), "{{currency}}")
VOLUME_BY_PRODUCT: Final = Query(_volume("product_type", TRADES), "{{product_type}}")
VOLUME_BY_EXCHANGE: Final = Query(_volume("exchange", TRADES), "{{exchange}}")
VOLUME_CELLS: Final = Query(_volume("exchange, product_type", TRADES), "", "table")
CROSS_BORDER: Final = Query(_cross_border("currency", TRADES), "{{currency}}")
CROSS_BORDER_BY_EXCHANGE: Final = Query(_cross_border("exchange", TRADES), "{{exchange}}")
NET_ALL_TIME: Final = Query(f"sum by (currency) ({whole('citypulse_exchange_amount_net', TRADES)})", "{{currency}}")
BY_WINDOW: Final = Query(
    f"sum by (window) ({whole('citypulse_exchange_amount_rolling', TRADES)})", "{{window}}", "instant"
)
BY_PERIOD: Final = Query(
    f"sum by (period) ({whole('citypulse_exchange_amount_to_date', TRADES)})", "{{period}}", "instant"
)
_TRANSACTIONS = "citypulse_exchange_transactions_total"
TRADES_BY_KIND: Final = Query(f"sum by (kind) ({whole_rate(_TRANSACTIONS, TRADES)})", "{{kind}}")
EXECUTED_AMOUNT: Final = Query(f"sum({whole_rate('citypulse_exchange_amount_gross_total', TRADES)})", "executed")
CANCELLED_AMOUNT: Final = Query(f"sum({whole_rate('citypulse_exchange_amount_cancelled_total', TRADES)})", "cancelled")
_EXECUTED = whole_rate(_TRANSACTIONS, TRADES, 'kind="executed"')
_CANCELLED = whole_rate(_TRANSACTIONS, TRADES, 'kind="cancelled"')
CANCELLED_SHARE: Final = Query(
    f"sum by (exchange) ({_CANCELLED}) / (sum by (exchange) ({_EXECUTED}) > 0)", "{{exchange}}"
)

# Infrastructure.
_ASSETS = "citypulse_infrastructure_assets"
_REPORTED = "citypulse_infrastructure_assets_reported"
_CAPACITY = "citypulse_infrastructure_capacity"
CITY_STATIONS_BY_AREA: Final = Query(
    f"""sort_desc(sum by (area) ({whole(_ASSETS, 'asset_type="base_station_5g"')}))""", "{{area}}", "instant"
)
CITY_CAPACITY: Final = Query(f"sum by (unit) ({whole(_CAPACITY)})", "{{unit}}", "instant")
COUNTED: Final = Query(f"sum by (asset_type, city) ({whole(_ASSETS)})", "", "table")
# A survey of a city stands beside the sum of its areas; surveys of districts are on the infrastructure dashboard.
REPORTED: Final = Query(
    f"""sum by (asset_type, city) (label_replace({whole(_REPORTED)}, "city", "$1", "area", "(.*)")"""
    f" and on (city) {whole(_ASSETS)})",
    "",
    "table",
)
ASSETS_BY_TYPE: Final = Query(f"sum by (asset_type) ({whole(_ASSETS, AREA)})", "{{asset_type}}")
ASSETS_BY_AREA: Final = Query(
    f"""sort_desc(sum by (area) ({whole(_ASSETS, AREA, 'asset_type=~"$asset_type"')}))""", "{{area}}", "instant"
)
ASSET_CELLS: Final = Query(f"sum by (area, asset_type) ({whole(_ASSETS, AREA)})", "", "table")
COMPUTING_BY_AREA: Final = Query(
    f"""sort_desc(sum by (area) ({whole(_CAPACITY, AREA, 'unit="PFLOPS"')}))""", "{{area}}", "instant"
)
RACK_POWER_BY_AREA: Final = Query(
    f"""sort_desc(sum by (area) ({whole(_CAPACITY, AREA, 'unit="kW"')}))""", "{{area}}", "instant"
)
SURVEYS: Final = Query(f"sum by (asset_type, area) ({whole(_REPORTED)})", "", "table")

# Indicators.
_VALUE = "citypulse_indicator_value"
_PERIOD_END = "citypulse_indicator_period_end_timestamp_seconds"
_PROVISIONAL = "citypulse_indicator_provisional"


def _figures(unit: str) -> Query:
    return Query(f"""max by (indicator, ref_area) ({whole(_VALUE, REF_AREA, f'unit="{unit}"')})""", "", "table")


def _beside(metric: str, unit: str) -> Query:
    figures = whole(_VALUE, REF_AREA, f'unit="{unit}"')
    return Query(
        f"max by (indicator, ref_area) ({whole(metric, REF_AREA)} and on (indicator, ref_area) {figures})", "", "table"
    )


def _columns(unit: str) -> tuple[Query, Query, Query]:
    # Grafana's dates are in milliseconds.
    ends = _beside(_PERIOD_END, unit)
    return _figures(unit), replace(ends, expr=f"{ends.expr} * 1000"), _beside(_PROVISIONAL, unit)


AMOUNTS: Final = _columns("CNY")
"""Figure, end of its period, whether it is provisional: the columns of a table, of amounts in yuan."""

RATIOS: Final = _columns("RATIO")
COUNTS: Final = _columns("COUNT")


def benchmark(indicator: str) -> Query:
    """The current figure of one indicator for the chosen areas."""
    return Query(
        f"""sort_desc(max by (ref_area) ({whole(_VALUE, REF_AREA, f'indicator="{indicator}"')}))""",
        "{{ref_area}}",
        "instant",
    )


INCONSISTENCIES: Final = Query(f"sum by (rule, ref_area) ({whole('citypulse_indicator_inconsistencies')})", "", "table")
PROVISIONAL_BY_AREA: Final = Query(f"sum by (ref_area) ({whole(_PROVISIONAL, REF_AREA)})", "{{ref_area}}", "instant")
FIGURE_AGE: Final = Query(
    f"sort_desc(time() - max by (ref_area) ({whole(_PERIOD_END, REF_AREA)}))", "{{ref_area}}", "instant"
)
INCONSISTENT_BY_RULE: Final = Query(f"sum by (rule) ({whole('citypulse_indicator_inconsistencies')})", "{{rule}}")

# The pipeline: what became of the records is the board's, what took time is each worker's.
_EVENTS = "citypulse_events_total"
THROUGHPUT: Final = Query(f"sum by (topic) ({whole_rate(_EVENTS, TOPIC)})", "{{topic}}")
OUTCOMES: Final = Query(f"sum by (outcome) ({whole_rate(_EVENTS, TOPIC)})", "{{outcome}}")
REJECTED_SHARE: Final = Query(
    f"""sum by (topic) ({whole_rate(_EVENTS, TOPIC, 'outcome="rejected"')})"""
    f" / (sum by (topic) ({whole_rate(_EVENTS, TOPIC)}) > 0)",
    "{{topic}}",
)
REJECTED_SHARE_WORST: Final = Query(
    f"max by (topic) ({select('citypulse_dead_letter_share', TOPIC, worker=True)})", "{{topic}}, worst worker"
)
DEAD_LETTERS: Final = Query(f"sum by (reason) ({whole_rate('citypulse_dead_letters_total', TOPIC)})", "{{reason}}")
DEAD_LETTERS_WAITING: Final = Query(
    f"sum by (topic) ({any_worker('citypulse_dead_letters_waiting', TOPIC)})", "waiting: {{topic}}"
)
INGESTED: Final = Query(f"sum by (verdict) ({own_rate('citypulse_ingested_events_total')})", "{{verdict}}")
LAG_BY_TOPIC: Final = Query(f"sum by (topic) ({any_worker('citypulse_partition_lag', TOPIC)})", "{{topic}}")
LAG_BY_PARTITION: Final = Query(
    f"sort_desc({any_worker('citypulse_partition_lag', TOPIC)})", "{{topic}} {{partition}}", "instant"
)
WATERMARK_AGE: Final = Query(f"time() - max by (topic) ({any_worker(_WATERMARK, TOPIC)})", "{{topic}}")
CHECKPOINT_AGE: Final = Query(
    f"time() - min by (topic) ({any_worker('citypulse_checkpoint_timestamp_seconds', TOPIC)})", "{{topic}}"
)
_VISIBLE = "citypulse_event_visible_seconds"
VISIBLE_P50: Final = Query(quantile(0.5, _VISIBLE, "", TOPIC), "50 %")
VISIBLE_P99: Final = Query(quantile(0.99, _VISIBLE, "", TOPIC), "99 %")
_WITHIN = own_rate(f"{_VISIBLE}_bucket", TOPIC, f'le="{VISIBLE_TARGET_S}"')
VISIBLE_WITHIN: Final = Query(
    f"sum by (topic) ({_WITHIN}) / (sum by (topic) ({own_rate(f'{_VISIBLE}_count', TOPIC)}) > 0)", "{{topic}}"
)
_BATCH = "citypulse_batch_duration_seconds"
BATCH_MEAN: Final = Query(mean(_BATCH, "topic", TOPIC), "{{topic}}, mean")
BATCH_P99: Final = Query(quantile(0.99, _BATCH, "topic", TOPIC), "{{topic}}, 99 %")
BATCHES: Final = Query(f"sum by (topic) ({own_rate(f'{_BATCH}_count', TOPIC)})", "{{topic}}")
_REBALANCES = select("citypulse_rebalances_total", worker=True)
REBALANCES: Final = Query(f"sum by (instance) (increase({_REBALANCES}[$__rate_interval]))", "{{instance}}")
_RECOVERY = "citypulse_recovery_duration_seconds"
_RECOVERED = select(f"{_RECOVERY}_count", worker=True)
RECOVERIES: Final = Query(f"sum by (instance) (increase({_RECOVERED}[$__rate_interval]))", "{{instance}}")
RECOVERY_TIME: Final = Query(mean(_RECOVERY, "instance"), "{{instance}}")
OWNED: Final = Query(f"sum by (instance) ({select('citypulse_partition_owned', worker=True)})", "{{instance}}")
NOT_OWNED_ONCE: Final = Query(
    f"count(sum by (topic, partition) ({select('citypulse_partition_owned')}) != 1) or 0 * max({COMPLETE})",
    "partitions",
)
FOLDED: Final = Query(f"sum by (metric) ({whole_rate('citypulse_series_folded_total')})", "{{metric}}")
COMPLETE_BY_WORKER: Final = Query(select("citypulse_complete", worker=True), "{{instance}}")
WORKERS_UP: Final = Query(f"sum({select('up')})", "workers")
BUILDS: Final = Query(f"count by (version) ({select('citypulse_build_info')})", "", "table")
SCRAPE_TIME: Final = Query(select("scrape_duration_seconds", worker=True), "{{instance}}")

# Alerts. Prometheus writes ALERTS for every rule that is pending or firing; the Watchdog fires always.
_RAISED = 'ALERTS{alertname!~".*Watchdog"}'
ALERTS_NOW: Final = Query(f"max by (alertname, alertstate, severity, threshold) ({_RAISED})", "", "table")
ALERTS_OVER_TIME: Final = Query(f'count by (severity) ({_RAISED[:-1]}, alertstate="firing"}})', "{{severity}}")
THRESHOLD_STATES: Final = Query(
    f"max by (threshold, severity) ({whole('citypulse_threshold_breached')})", "{{threshold}} ({{severity}})"
)
THRESHOLDS_NOW: Final = Query(THRESHOLD_STATES.expr, "", "table")
BREACHED_BY_SEVERITY: Final = Query(f"sum by (severity) ({whole('citypulse_threshold_breached')})", "{{severity}}")
