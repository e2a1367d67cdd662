"""The rules and routes that we ship, by promtool and amtool, and what every alert must have."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.e2e.watching import alertmanager
from tests.prometheus import until
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


PIPELINE = {"scope": "pipeline"}
LAG = PIPELINE | {"alertname": "CityPulseLagHigh", "topic": "t"}
PUE = {"scope": "city", "severity": "critical", "alertname": "CityPulsePueHigh", "indicator": "pue"}
NEW_BUILD = PUE | {"severity": "warning", "alertname": "CityPulsePueAboveNewBuild"}
WARNING = PIPELINE | {"severity": "warning"}
CRITICAL = PIPELINE | {"severity": "critical"}


@pytest.mark.parametrize(
    ("cause", "silenced", "told"),
    [
        pytest.param(
            LAG | CRITICAL | {"partition": "2"},
            [LAG | WARNING | {"partition": "2"}],
            [LAG | WARNING | {"partition": "1"}],
            id="the same is critical",
        ),
        pytest.param(
            PUE | {"ref_area": "110000"},
            [NEW_BUILD | {"ref_area": "110000"}],
            [NEW_BUILD | {"ref_area": "310000"}],
            id="the stricter limit of the same place",
        ),
        pytest.param(
            CRITICAL | {"alertname": "CityPulseDown"},
            [
                WARNING | {"alertname": "CityPulseWorkerDown", "instance": "a"},
                CRITICAL | {"alertname": "CityPulseIncomplete"},
                CRITICAL | {"alertname": "CityPulsePartitionUnowned", "topic": "t", "partition": "0"},
            ],
            [CRITICAL | {"alertname": "CityPulseDeadLettersHigh", "topic": "t"}, PUE | {"ref_area": "110000"}],
            id="no worker",
        ),
        pytest.param(
            CRITICAL | {"alertname": "CityPulseIncomplete"},
            [WARNING | {"alertname": "CityPulseCheckpointOld", "topic": "t", "partition": "0"}],
            [NEW_BUILD | {"ref_area": "110000"}, LAG | CRITICAL | {"partition": "2"}],
            id="no complete numbers",
        ),
    ],
)
def test_inhibition_leaves_the_cause(
    cause: dict[str, str], silenced: list[dict[str, str]], told: list[dict[str, str]], tmp_path: Path
) -> None:
    """By a real Alertmanager: what follows from a cause is silent, the cause and everything else is told."""
    sent = [cause, *silenced, *told]
    assert {each["alertname"] for each in sent} <= {alert["alert"] for alert in alerts()}
    with alertmanager(tmp_path, "http://127.0.0.1:9") as address:
        url = f"http://{address}/api/v2/alerts"
        body = json.dumps([{"labels": labels} for labels in sent]).encode()
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10):
            pass

        def seen() -> list[dict[str, str]] | None:
            with urlopen(url, timeout=10) as answer:
                there = json.load(answer)
            silent = [each["labels"] for each in there if each["status"]["inhibitedBy"]]
            return silent if len(there) == len(sent) and len(silent) >= len(silenced) else None

        assert sorted(until("alerts are inhibited", seen), key=str) == sorted(silenced, key=str)
