"""``python deploy/kubernetes/generate.py`` writes what other files say as manifests; ``--check`` compares.

Topics come from schemas/topics.py and the state topic's settings, rules from deploy/prometheus/rules, thresholds from
deploy/thresholds.yaml.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
sys.path.insert(0, str(ROOT))  # a script of a folder, not of a package

from schemas.topics import SPECS
from streams.settings import Settings
from streams.transport.topic_admin import topic_configs

NOTE: Final = "# Made by `make kubernetes` from {source}. Do not edit.\n"
REPLICAS: Final = 3
DURABLE: Final = {"min.insync.replicas": "2"}
"""Beside the contract's own settings: on a cluster in service an acknowledged record outlives a broker."""


def rendered() -> dict[Path, str]:
    """File -> its text."""
    rules = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    thresholds = (ROOT / "deploy" / "thresholds.yaml").read_text(encoding="utf-8")
    return {
        HERE / "topics" / "topics.yaml": _manifests("schemas/topics.py", _topics(Settings())),
        HERE / "monitoring" / "rules.yaml": _manifests("deploy/prometheus/rules", map(_rule, rules)),
        HERE / "base" / "thresholds.yaml": NOTE.format(source="deploy/thresholds.yaml") + thresholds,
    }


def _topics(settings: Settings) -> Iterator[dict[str, Any]]:
    configs = topic_configs(settings)
    for topic, config in configs.items():
        fixed = SPECS[topic].partitions if topic in SPECS else None
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": topic, "labels": {"strimzi.io/cluster": "kafka"}},
            "spec": {
                "partitions": fixed or settings.partitions,
                "replicas": REPLICAS,
                "config": {**config, **DURABLE},
            },
        }


def _rule(path: Path) -> dict[str, Any]:
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"citypulse-{path.stem}"},
        "spec": {"groups": groups},
    }


def _manifests(source: str, manifests: Iterator[dict[str, Any]]) -> str:
    text = yaml.safe_dump_all(manifests, sort_keys=False, allow_unicode=True, width=120)
    return NOTE.format(source=source) + text


def main() -> int:
    """Writes the files, or with ``--check`` says which are not fresh: exit code 1."""
    parser = argparse.ArgumentParser(description="Kubernetes manifests that say again what other files say.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not fresh")
    check = parser.parse_args().check
    stale = [path for path, text in rendered().items() if not path.exists() or path.read_text("utf-8") != text]
    if check:
        sys.stderr.writelines(f"{path.relative_to(ROOT)} is stale: make kubernetes\n" for path in stale)
        return 1 if stale else 0
    for path in stale:
        path.write_text(rendered()[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
