"""Prometheus's and Alertmanager's own tools, and the files that we ship for them."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.prometheus import tool

ROOT = Path(__file__).resolve().parent.parent.parent
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def run(name: str, *arguments: object) -> str:
    """Runs a tool, which must succeed, and gives what it said."""
    done = subprocess.run([tool(name), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    """All rules that we ship."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """All alerts that we ship."""
    return [rule for rule in rules() if "alert" in rule]
