"""The API's answers as plain values, from a snapshot. Their models are in ``streams.exposition.models``."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from schemas.events import CAPACITY_SCALE
from schemas.topics import SOURCES
from streams.aggregate.exact import decimal_text, plain_text, shortest_text
from streams.aggregate.measures import WINDOW_NAMES
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
from streams.aggregate.windows import PERIODS
from streams.exposition import runbooks
from streams.exposition.operations import REASONS
from streams.exposition.times import optional_time_text, time_text
from streams.state.records import OUTCOMES

Row = dict[str, Any]


def frame(snapshot: Snapshot) -> Row:
    """What every answer begins with: at which clock, and whether to trust it."""
    return {
        "clock": time_text(snapshot.clock_us),
        "complete": snapshot.complete,
        "reasons": list(snapshot.reasons),
    }


def partition_row(part: Partition) -> Row:
    """One source partition."""
    return {
        "topic": part.topic,
        "partition": part.partition,
        "next_offset": part.next_offset,
        "end_offset": part.end_offset,
        "lag": part.lag,
        "watermark": optional_time_text(part.watermark_us),
        "owner": part.owner,
        "owner_live": part.owner_live,
    }


def series_row(series: Series) -> Row:
    """One exchange series; amounts with exactly the currency's decimals."""
    places = series.exponent
    return {
        "exchange": series.exchange,
        "product_type": series.product_type,
        "currency": series.currency,
        "cross_border": series.cross_border,
        "gross": decimal_text(series.gross, places),
        "cancelled": decimal_text(series.cancelled, places),
        "net": decimal_text(series.net, places),
        "executed": series.executed_count,
        "cancelled_count": series.cancelled_count,
        "rolling": {name: decimal_text(series.rolling.get(name, 0), places) for name in WINDOW_NAMES},
        "to_date": {name: decimal_text(series.to_date.get(name, 0), places) for name in PERIODS},
    }


def outcomes(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """Records by topic and outcome; each topic has all outcomes."""
    return {topic: {name: snapshot.events.get((topic, name), 0) for name in OUTCOMES} for topic in SOURCES}


def dead_letters(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """Rejected records by topic and reason; each topic has all reasons."""
    return {topic: {name: snapshot.dead_letters.get((topic, name), 0) for name in REASONS} for topic in SOURCES}


def assets_row(assets: Assets) -> Row:
    """Assets in service of one type in one area."""
    return {
        "asset_type": assets.asset_type,
        "area": assets.area,
        "city": assets.city,
        "count": assets.count,
        "capacity": {unit: shortest_text(number, CAPACITY_SCALE) for unit, number in assets.capacity.items()},
    }


def reported_row(reported: Reported) -> Row:
    """The survey that stands for one type and area."""
    return {
        "asset_type": reported.asset_type,
        "area": reported.area,
        "count": reported.count,
        "count_time": optional_time_text(reported.count_time_us),
        "capacity": None if reported.capacity is None else shortest_text(reported.capacity, CAPACITY_SCALE),
        "capacity_time": optional_time_text(reported.capacity_time_us),
        "unit": reported.unit,
    }


def figure_row(figure: Observation) -> Row:
    """One published figure."""
    return {
        "indicator": figure.indicator,
        "area": figure.area,
        "period": figure.period,
        "period_end": time_text(figure.period_end_us),
        "value": plain_text(figure.value),
        "unit": figure.unit,
        "printed": figure.printed,
        "status": figure.status,
        "provisional": figure.provisional,
        "vintage": figure.vintage,
        "source_url": figure.source_url,
        "current": figure.current,
        "inconsistent": figure.inconsistent,
    }


def finding_row(finding: Finding) -> Row:
    """A figure that breaks a rule, or looks wrong."""
    return {
        "rule": finding.rule,
        "indicator": finding.indicator,
        "area": finding.area,
        "period": finding.period,
        "vintage": finding.vintage,
        "value": plain_text(finding.value),
        "expected_low": _optional(finding.expected_low),
        "expected_high": _optional(finding.expected_high),
        "hint": finding.hint,
        "message": finding.message,
    }


def threshold_row(state: ThresholdState) -> Row:
    """One threshold's evaluation."""
    return {
        "threshold": state.threshold,
        "severity": state.severity,
        "breached": state.breached,
        "labels": state.labels,
        "value": _optional(state.value),
        "limit": plain_text(state.limit),
        "since": optional_time_text(state.since_us),
        "op": state.op,
        "compare": state.compare,
        "summary": state.summary,
        "summary_zh": state.summary_zh,
        "runbook": runbooks.link(state.runbook),
        "beyond": state.beyond,
        "others": [{"labels": labels, "value": plain_text(value)} for labels, value in state.others],
    }


def topic_rows(snapshot: Snapshot) -> list[Row]:
    """The account of each source topic's records."""
    letters = dead_letters(snapshot)
    return [
        {
            "topic": topic,
            "outcomes": counts,
            "dead_letters": letters[topic],
            "consumed": sum(counts.values()),
            "next_offsets": {str(p.partition): p.next_offset for p in snapshot.partitions if p.topic == topic},
        }
        for topic, counts in outcomes(snapshot).items()
    ]


def matches(row: object, wanted: Mapping[str, frozenset[str]]) -> bool:
    """Whether each wanted attribute of a view has one of its wanted values; booleans are ``true`` and ``false``."""
    for name, values in wanted.items():
        value = getattr(row, name)
        if (str(value).lower() if isinstance(value, bool) else value) not in values:
            return False
    return True


def _optional(value: Decimal | None) -> str | None:
    return None if value is None else plain_text(value)
