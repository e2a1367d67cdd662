"""The Kubernetes manifests as kustomize builds them, and what judges each kind."""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import kubernetes_validate
import yaml

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

TOPIC_FIELDS: Final = {"partitions", "replicas", "config", "topicName"}
"""Of a KafkaTopic's spec. Strimzi publishes its definition where this project cannot fetch it."""

Manifest = dict[str, Any]


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
        assert manifest["apiVersion"] == "kafka.strimzi.io/v1"
        unknown = manifest["spec"].keys() - TOPIC_FIELDS
        assert not unknown, f"a KafkaTopic has no {sorted(unknown)}"
        assert all(isinstance(manifest["spec"][name], int) for name in ("partitions", "replicas"))
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
