"""The rules and routes that we ship, by promtool and amtool, and what every alert must have."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.tools import ALERTMANAGER, ROOT, RULES, alerts, rules, run

UNIT_TESTS = sorted(Path(__file__).parent.glob("*.yml"))
GRAFANA = re.escape("{{ $externalLabels.grafana }}")
RUNBOOKS = re.escape("{{ $externalLabels.runbooks }}")
SEVERITIES = {"critical", "warning", "info", "none"}


def name(alert: dict[str, Any]) -> str:
    return f"{alert['alert']}-{alert['labels']['severity']}"


def fired(test: dict[str, Any]) -> set[str]:
    """The alerts that a promtool test expects, as name-severity, or the name alone where the test looks at that."""
    found = {each["alertname"] for each in test.get("alert_rule_test", ()) if each.get("exp_alerts")}
    for look in test.get("promql_expr_test", ()):
        for sample in look["exp_samples"]:
            labels = dict(re.findall(r'(\w+)="([^"]*)"', sample["labels"]))
            if "alertname" in labels:
                found.add(labels["alertname"])
                found.add(f"{labels['alertname']}-{labels.get('severity')}")
    return found


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_promtool_unit_tests(path: Path) -> None:
    run("promtool", "test", "rules", path)


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_unit_tests_name_the_order_of_all_groups(path: Path) -> None:
    """Groups without a place in it are evaluated in an order that differs from run to run."""
    groups = [group["name"] for rules_of in RULES for group in yaml.safe_load(rules_of.read_text())["groups"]]
    assert sorted(yaml.safe_load(path.read_text())["group_eval_order"]) == sorted(groups)


def test_promtool_accepts_the_rules() -> None:
    said = run("promtool", "check", "rules", *RULES)
    assert said.count("SUCCESS") == len(RULES) == 3


def test_each_alert_is_seen_firing_in_a_unit_test() -> None:
    seen = set().union(*(fired(test) for path in UNIT_TESTS for test in yaml.safe_load(path.read_text())["tests"]))
    severities: dict[str, set[str]] = {}
    for alert in alerts():
        severities.setdefault(alert["alert"], set()).add(alert["labels"]["severity"])
    missing = {alert for alert in severities if alert not in seen}
    missing |= {name(alert) for alert in alerts() if len(severities[alert["alert"]]) > 1 and name(alert) not in seen}
    assert missing == set()


@pytest.mark.parametrize("alert", alerts(), ids=name)
def test_an_alert_says_what_it_is_and_where_to_go(alert: dict[str, Any]) -> None:
    title, labels, texts = alert["alert"], alert["labels"], alert["annotations"]
    assert re.fullmatch(r"CityPulse([A-Z][a-z0-9]+)+", title)
    assert labels["severity"] in SEVERITIES
    assert labels["scope"] in {"city", "pipeline"}
    assert "{{" not in texts["summary"]
    assert texts["summary"].endswith(".")
    assert "{{" in texts["description"] or title in {"CityPulseWatchdog", "CityPulseDown"}
    assert re.fullmatch(rf"{RUNBOOKS}/{title}\.md", texts["runbook_url"])
    uid = re.fullmatch(rf"{GRAFANA}/d/citypulse-([a-z]+)", texts["dashboard_url"])
    assert uid
    assert (ROOT / "grafana" / "dashboards" / f"{uid[1]}.json").is_file()


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    pages = {path.stem: path.read_text() for path in (ROOT / "docs" / "runbooks").glob("CityPulse*.md")}
    assert set(pages) == {alert["alert"] for alert in alerts()}
    for title, page in pages.items():
        headings = re.findall(r"^##? (.*)$", page, re.MULTILINE)
        assert headings == [title, "Meaning", "Impact", "What to check", "How to mend"]


def test_recording_rules_are_named_level_metric_operations() -> None:
    names = [rule["record"] for rule in rules() if "record" in rule]
    assert names
    assert [each for each in names if not re.fullmatch(r"[a-z_]+:citypulse_[a-z0-9_]+:[a-z0-9_]+", each)] == []


def test_no_rule_adds_up_what_every_worker_shows() -> None:
    own = "citypulse_event_visible_seconds_bucket"  # what a worker measures of itself
    for rule in rules():
        for summed in re.findall(r"sum by \([^)]*\) \(\s*(\w+)", rule["expr"]):
            assert summed == "max" or ":" in rule["expr"] or own in rule["expr"], rule


def test_amtool_accepts_the_configuration() -> None:
    assert "SUCCESS" in run("amtool", "check-config", ALERTMANAGER)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=CityPulseWatchdog severity=none scope=pipeline", "heartbeat"),
        ("alertname=CityPulseDown severity=critical scope=pipeline", "on-call"),
        ("alertname=CityPulsePueHigh severity=critical scope=city", "on-call"),
        ("alertname=CityPulseLagHigh severity=warning scope=pipeline", "working-hours"),
        ("alertname=CityPulseCrossBorderVolumeHigh severity=warning scope=city", "working-hours"),
        ("alertname=CityPulseComputingPowerBelowTarget severity=info scope=city", "dashboard-only"),
    ],
)
def test_routes(labels: str, receiver: str) -> None:
    options = ("--config.file", ALERTMANAGER, f"--verify.receivers={receiver}", *labels.split())
    assert run("amtool", "config", "routes", "test", *options).strip() == receiver


def test_inhibition_leaves_the_cause() -> None:
    config = yaml.safe_load(ALERTMANAGER.read_text())
    known = {alert["alert"] for alert in alerts()}
    for rule in config["inhibit_rules"]:
        named = re.findall(r"CityPulse\w+", str(rule))
        assert set(named) <= known
        assert rule["source_matchers"] != rule["target_matchers"]
