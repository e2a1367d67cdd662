"""Thresholds as Prometheus rules: for each a recording rule of what is held against the limit, and an alert.

A number is the greatest among the workers that say they are complete: each of them shows the whole city, so a sum over
workers would count it many times. While no worker is complete (a restart, a rebalance) an alert goes on with the last
number for up to an hour, as the workers themselves do; after that ``CityPulseIncomplete`` has been firing for long.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

import yaml

from schemas.thresholds import Threshold
from streams.alerts.evaluate import HELD
from streams.alerts.measured import labels_of

GRAFANA: Final = "{{ $externalLabels.grafana }}"
"""Grafana's address, which only the one who runs it knows: an external label of Prometheus."""

RUNBOOKS: Final = "{{ $externalLabels.runbooks }}"
"""Where the pages of docs/runbooks are served: by Grafana in docker-compose.yml, at /runbooks by every worker."""

_HEADER: Final = """\
# Made by `citypulse thresholds build`. Do not edit: change the thresholds.
"""

_DASHBOARDS: Final = {
    "citypulse_exchange_": "citypulse-exchange",
    "citypulse_infrastructure_": "citypulse-infrastructure",
    "citypulse_indicator_": "citypulse-indicators",
}


def rules_text(thresholds: Iterable[Threshold]) -> str:
    """The rules file of the thresholds, YAML, the same text for the same thresholds."""
    thresholds = tuple(thresholds)
    groups = [
        {"name": "citypulse-thresholds", "rules": [rule for each in thresholds for rule in _rules(each)]},
    ]
    return _HEADER + yaml.safe_dump({"groups": groups}, sort_keys=False, width=110, allow_unicode=True)


def _rules(threshold: Threshold) -> list[dict[str, Any]]:
    """The rules of one threshold, in the order in which they must be evaluated."""
    of = f'{{threshold="{threshold.name}"}}'
    operations = "sum" if threshold.by else "max_age" if threshold.compare == "age" else "max"
    value = f"threshold:{threshold.metric.removesuffix('_total')}:{operations}"
    rules = [_record(value, _number(threshold), threshold)]
    shown = value
    if threshold.compare == "day_ratio":
        shown = f"{value}_ratio1d"
        # A day ago no worker may have been complete just then: the last number before that stands.
        before = f"(last_over_time({value}{of}[{HELD}] offset 1d) > 0)"
        rules.append(_record(shown, f"{value}{of} / {before}", threshold))
    incomplete = "unless on () (max(citypulse_complete) == 1)"
    number = f"{shown}{of} or (last_over_time({shown}{of}[{HELD}]) {incomplete})"
    rules.append(_alert(threshold, f"({number}) {threshold.op} {threshold.limit:f}"))
    return rules


def _number(threshold: Threshold) -> str:
    wanted = threshold.labels.items()
    matchers = ", ".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in wanted)
    selector = f"{threshold.metric}{{{matchers}}}" if matchers else threshold.metric
    whole = f"max without (instance, job) ({selector} and on (job, instance) (citypulse_complete == 1))"
    if threshold.compare == "age":
        return f"time() - {whole}"
    return f"sum by ({', '.join(threshold.by)}) ({whole})" if threshold.by else whole


def _record(name: str, expr: str, threshold: Threshold) -> dict[str, Any]:
    return {"record": name, "expr": expr, "labels": {"threshold": threshold.name}}


def _alert(threshold: Threshold, expr: str) -> dict[str, Any]:
    waits = {"for": threshold.duration} if threshold.for_us else {}
    return {
        "alert": threshold.name,
        "expr": expr,
        **waits,
        "labels": {"severity": threshold.severity, "scope": "city"},
        "annotations": {
            "summary": threshold.summary,
            "description": _description(threshold),
            "runbook_url": _runbook(threshold),
            "dashboard_url": f"{GRAFANA}/d/{_dashboard(threshold.metric)}",
        },
    }


def _description(threshold: Threshold) -> str:
    """The description, and the series with its value; its braces are those of Prometheus's templates."""
    labels = ", ".join(f"{label} {{{{ $labels.{label} }}}}" for label in labels_of(threshold))
    show = {"value": "humanize", "age": "humanizeDuration", "day_ratio": "humanizePercentage"}[threshold.compare]
    value = f"{{{{ $value | {show} }}}}"
    return f"{value} {threshold.op} {threshold.limit:f} for {labels}. {threshold.description}".rstrip()


def _runbook(threshold: Threshold) -> str:
    page = threshold.runbook_page
    return page if "://" in page else f"{RUNBOOKS}/{page}"


def _dashboard(metric: str) -> str:
    return next(uid for prefix, uid in _DASHBOARDS.items() if metric.startswith(prefix))
