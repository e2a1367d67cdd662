"""Alerts: what is raised now, by Prometheus's rules and by the workers themselves."""

from typing import Final

from grafana import queries, variables
from grafana.dashboard import RUNBOOKS, dashboard, row, section
from grafana.panels import AMBER, BLUE, GREEN, RED, mapped, override, states, table, timeseries

_SEVERITY = mapped(
    {"critical": "critical", "warning": "warning", "info": "info"}, {"critical": RED, "warning": AMBER, "info": BLUE}
)
_STATE = mapped({"0": "within", "1": "breached"}, {"0": GREEN, "1": RED})
_COLORED = {"type": "color-text"}
_RUNBOOK = [{"title": "Runbook", "url": f"{RUNBOOKS}/${{__value.raw}}.md", "targetBlank": True}]
_NOW = table(
    "Alerts now",
    "Pending and firing alerts of Prometheus. The name leads to the runbook. Empty is good.",
    [queries.ALERTS_NOW],
    {"alertname": "Alert", "alertstate": "State", "severity": "Severity", "threshold": "Threshold"},
    overrides=[
        override("byName", "Alert", links=_RUNBOOK),
        override("byName", "Severity", mappings=_SEVERITY, custom_cellOptions=_COLORED),
    ],
)
_NOW["fieldConfig"]["defaults"]["noValue"] = "no alert"
_THRESHOLDS = table(
    "Thresholds now",
    "Every threshold and whether it is crossed, as the workers judge it.",
    [queries.THRESHOLDS_NOW],
    {"threshold": "Threshold", "severity": "Severity", "Value #A": "State"},
    overrides=[
        override("byName", "Severity", mappings=_SEVERITY, custom_cellOptions=_COLORED),
        override("byName", "State", mappings=_STATE, custom_cellOptions=_COLORED),
    ],
)
BOARD: Final = dashboard(
    "alerts",
    "Alerts",
    "Alerts that are raised, thresholds and when they were crossed.",
    (
        section("Raised now", row(9, _NOW, _THRESHOLDS, widths=(14, 10))),
        section(
            "Over time",
            row(
                9,
                states("Thresholds", "When each threshold was crossed.", queries.THRESHOLD_STATES, _STATE),
                timeseries(
                    "Thresholds breached by severity",
                    "Thresholds that are crossed, over time.",
                    queries.BREACHED_BY_SEVERITY,
                    "none",
                ),
                timeseries(
                    "Alerts firing by severity",
                    "Alerts of Prometheus that fire, without the watchdog.",
                    queries.ALERTS_OVER_TIME,
                    "none",
                    noValue="no alert",
                ),
                widths=(12, 6, 6),
            ),
        ),
    ),
    (variables.DATASOURCE_CHOICE, variables.JOB_CHOICE),
    since="now-6h",
)
