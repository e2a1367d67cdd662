"""The Kubernetes manifests as kustomize builds them, and what judges each kind."""

import importlib
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import yaml

from tests import maven
from tests.deploy.tools import ROOT, run

KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
OVERLAYS: Final = ("local", "production")
VERSIONS: Final = ("1.33", "1.37")
"""Of Kubernetes: the oldest and the newest that the manifests are for."""

MODELS: Final = {
    "ServiceMonitor": "cloudcoil.models.prometheus_operator.v1",
    "PrometheusRule": "cloudcoil.models.prometheus_operator.v1",
    "ScaledObject": "cloudcoil.models.keda.v1alpha1",
}
"""Custom resource -> the module that has its model, made from the operator's definition."""

STRIMZI: Final = "0.51.0"
"""Whose KafkaTopic is the judge: it has ``v1``, and its classes still load on Java 17."""

STRIMZI_GENERATOR: Final = "0.45.0"
"""Of the program with which Strimzi makes its definitions out of the annotations of its classes."""

Manifest = dict[str, Any]


@cache
def kafka_topic_schemas() -> dict[str, Any]:
    """apiVersion -> the schema of a KafkaTopic, of Strimzi's own definition, with no other fields than it names."""
    artifacts = [f"io.strimzi:api:{STRIMZI}", f"io.strimzi:crd-generator:{STRIMZI_GENERATOR}"]
    path = f"{maven.jars(f'strimzi-{STRIMZI}', artifacts)}/*"
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "kafkatopic.yaml")
        wanted = f"io.strimzi.api.kafka.model.topic.KafkaTopic={made}"
        command = [maven.program("java", "default-jre-headless"), "-cp", path, "io.strimzi.crdgenerator.CrdGenerator"]
        subprocess.run([*command, "--yaml", wanted], check=True, capture_output=True)
        definition = yaml.safe_load(made.read_text())
    group = definition["spec"]["group"]
    return {
        f"{group}/{version['name']}": _closed(version["schema"]["openAPIV3Schema"])
        for version in definition["spec"]["versions"]
        if version["served"]
    }


def _closed(schema: Any) -> Any:
    """A schema in which an object has no other fields than those named: Kubernetes would drop them unsaid."""
    match schema:
        case {"properties": dict(properties), **others}:
            inside = {name: _closed(each) for name, each in properties.items()}
            return {**others, "properties": inside, "additionalProperties": False}
        case {"items": items, **others}:
            return {**others, "items": _closed(items)}
    return schema


@cache
def built(overlay: str) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` would send."""
    return tuple(yaml.safe_load_all(run("kubectl", "kustomize", KUBERNETES / "overlays" / overlay)))


def judge(manifest: Manifest) -> None:
    """Raises, whatever the judge raises, when Kubernetes or the operator would not take the manifest as it is.

    A field that the kind does not have is wrong too: Kubernetes would drop it.
    """
    kind = manifest["kind"]
    if kind in MODELS:
        model = getattr(importlib.import_module(MODELS[kind]), kind)
        understood = model.model_validate(manifest).model_dump(mode="json", by_alias=True, exclude_unset=True)
        lost = _leaves(manifest) - _leaves(understood)
        assert not lost, f"the model of {kind} knows nothing of {sorted(lost)}"
    elif kind == "KafkaTopic":
        jsonschema.validate(manifest, kafka_topic_schemas()[manifest["apiVersion"]])
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def _leaves(value: Any, path: str = "") -> set[str]:
    """Every scalar of a value as path=value."""
    match value:
        case Mapping():
            return set().union(*(_leaves(each, f"{path}.{name}") for name, each in value.items()))
        case list():
            return set().union(*(_leaves(each, f"{path}[{at}]") for at, each in enumerate(value)))
    return {f"{path}={value}"}
