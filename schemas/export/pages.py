"""The reference pages, as Markdown: docs/events.md and docs/metrics.md."""

import json
from collections.abc import Iterable
from typing import Any, Final

from schemas import topics
from schemas.currencies import EXPONENTS
from schemas.export.events import Schema, data_schema, example
from schemas.indicators import CATALOGUE
from schemas.infrastructure import UNITS
from schemas.metrics import KINDS, METRICS, PERIODS, Metric
from schemas.thresholds import WINDOWS

_MADE: Final = "<!-- Made by `make schemas` from {source}; do not edit. -->\n\n"

_EVENTS_HEAD: Final = (
    "Each event is a CloudEvents 1.0 event with `specversion` 1.0, `id`, `source`, `type`, `time` and `data`; "
    "[the contract](contract.md#events) has what holds for all. Here is the `data` of each type. A field that is "
    "not listed is refused. The same as JSON Schema: "
    "[schemas/json](../schemas/json); with topics, keys and headers as AsyncAPI: "
    "[asyncapi.json](../schemas/json/asyncapi.json).\n"
)
_METRICS_HEAD: Final = (
    "At `/metrics` of every worker, as Prometheus text or OpenMetrics. Counters end in `_total`; anything that can "
    "go down is a gauge. The city's numbers are the same from every worker: take `max without (instance)`, never "
    "the sum. The pipeline's are each worker's own, but for the counters that survive restarts.\n"
)
_METRICS_FOOT: Final = (
    "\nThe others come from the events, within a budget: beyond it they fold into `other`, so that sums stay "
    "right, and `citypulse_series_folded_total` says how many events did.\n"
)

_TOGETHER: Final[dict[str, str]] = {
    topics.EXECUTED: "`amount` is above 0 and has no more decimals than `currency` has (CNY 2, JPY 0, KWD 3). Areas "
    "must be valid at the event's `time`.",
    topics.CANCELLED: "As for `citypulse.transaction.executed.v1`. `executed_at` is the `time` of the event that is "
    "cancelled, and not after this event's `time`.",
    topics.COMMISSIONED: "`capacity` and `unit` come together or not at all: "
    + "; ".join(f"`{asset_type}` in {' or '.join(units)}" for asset_type, units in UNITS.items())
    + "; the other types have none. `area` must be valid at the event's `time`.",
    topics.DECOMMISSIONED: "`area` must be valid at the event's `time`.",
    topics.SURVEYED: "At least one of `count` and `capacity`. `capacity` and `unit` as for "
    "`citypulse.infrastructure.commissioned.v1`. `area` must be valid at the event's `time`.",
    topics.OBSERVED: "`indicator`, `unit` and sign as the catalogue below has them. The period must exist (no 31 "
    "February, no month 13). `area` must be valid at the event's `time`.",
}
"""Type -> its rules about several fields, or about more than a field's form."""


def events_page() -> str:
    """docs/events.md: each type with its fields, rules, and an example."""
    parts = [
        _MADE.format(source="schemas/"),
        "# Events, field by field\n\n",
        _EVENTS_HEAD,
    ]
    for type_ in topics.SOURCE_TYPES:
        topic = topics.TOPIC_OF[type_]
        data = data_schema(type_)
        parts += [
            f"\n## {type_}\n\n{data['description']}\n\n",
            f"Topic `{topic}`, key {' : '.join(f'`{field}`' for field in topics.SPECS[topic].types[type_])}.\n\n",
            _table(("field", "needed", "rule"), _field_rows(data)),
            f"\n{_TOGETHER[type_]}\n\n",
            f"```json\n{json.dumps(example('events', type_), indent=2, ensure_ascii=False)}\n```\n",
        ]
    catalogue = [
        (f"`{one.slug}`", one.title, " ".join(f"`{unit}`" for unit in one.units), "yes" if one.signed else "no")
        for one in CATALOGUE.values()
    ]
    parts += [
        "\n## The catalogue of indicators\n\nOthers are taken when the operator sets `CITYPULSE_OPEN_INDICATORS`.\n\n",
        _table(("indicator", "what", "units", "may be negative"), catalogue),
        "\n## Currencies\n\n",
        _table(("decimals", "currencies"), _currency_rows()),
    ]
    return "".join(parts)


def metrics_page() -> str:
    """docs/metrics.md: every metric with its type, unit and labels."""
    parts = [
        _MADE.format(source="schemas/metrics.py"),
        "# Metrics\n\n",
        _METRICS_HEAD,
    ]
    city = {
        "Exchanges": "citypulse_exchange_",
        "Infrastructure": "citypulse_infrastructure_",
        "Indicators": "citypulse_indicator_",
    }
    for title, prefix in city.items():
        parts += [f"\n## {title}\n\n", _metric_table(one for one in METRICS.values() if one.name.startswith(prefix))]
    others = (one for one in METRICS.values() if not one.name.startswith(tuple(city.values())))
    parts += ["\n## Pipeline\n\n", _metric_table(others), "\n## Labels with few values\n\n"]
    labels = {
        "cross_border": ("true", "false"),
        "window": WINDOWS,
        "period": PERIODS,
        "kind": KINDS,
        "outcome": ("applied", "late", "duplicate", "rejected"),
        "severity": ("critical", "warning", "info"),
    }
    rows = [(f"`{label}`", " ".join(f"`{value}`" for value in values)) for label, values in labels.items()]
    parts += [_table(("label", "values"), rows)]
    return "".join([*parts, _METRICS_FOOT])


def _metric_table(metrics: Iterable[Metric]) -> str:
    rows = [
        (f"`{one.name}`", one.type, one.unit or "-", " ".join(f"`{label}`" for label in one.labels) or "-", one.help)
        for one in metrics
    ]
    return _table(("metric", "type", "unit", "labels", "what"), rows)


def _field_rows(data: Schema) -> list[tuple[str, ...]]:
    return [
        (f"`{name}`", "yes" if name in data["required"] else f"no{', or `null`' * ('anyOf' in field)}", _rule(field))
        for name, field in data["properties"].items()
    ]


def _rule(field: Schema) -> str:
    """A field's form in words."""
    (field,) = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    words = [field["description"]] if "description" in field else []
    if field["type"] == "boolean":
        words.append("`true` or `false`.")
    if field["type"] == "integer":
        low, high, otherwise = field["minimum"], field["maximum"], field.get("default")
        words.append(f"Whole number, {low} to {high}" + ("." if otherwise is None else f"; {otherwise} if left out."))
    if "enum" in field and "description" not in field:
        words.append("One of " + " ".join(f"`{value}`" for value in field["enum"]) + ".")
    return " ".join(words)


def _currency_rows() -> list[tuple[str, ...]]:
    return [
        (str(decimals), " ".join(sorted(code for code, its in EXPONENTS.items() if its == decimals)))
        for decimals in sorted(set(EXPONENTS.values()))
    ]


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return (
        "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("| --- ", "|---").replace("--- |\n", "---|\n")
    )
