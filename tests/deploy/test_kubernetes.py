"""The Kubernetes manifests: built by kustomize, judged by the schemas, held against what a cluster asks of a worker."""

import copy
import itertools
import re
from typing import Any

import jsonschema
import pytest
import yaml

from schemas.topics import SOURCES, SPECS
from streams.cli.worker import STOP_WITHIN_S
from streams.settings import Settings
from tests.deploy.manifests import OVERLAYS, Manifest, built, judge
from tests.deploy.tools import ROOT

ALL = [
    pytest.param(manifest, id=f"{overlay}-{manifest['kind']}-{manifest['metadata']['name']}")
    for overlay in OVERLAYS
    for manifest in built(overlay)
]
PODS = [param for param in ALL if "-Deployment-" in str(param.id) or "-Job-" in str(param.id)]


def one(kind: str, overlay: str = "production", name: str = "citypulse") -> Manifest:
    (found,) = (each for each in built(overlay) if each["kind"] == kind and each["metadata"]["name"].startswith(name))
    return found


def pod(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def settings(overlay: str) -> dict[str, str]:
    """The environment of a worker."""
    (container,) = pod(one("Deployment", overlay))["containers"]
    data: dict[str, str] = one("ConfigMap", overlay, "citypulse-settings")["data"]
    return {**data, **{each["name"]: each["value"] for each in container["env"]}}


@pytest.mark.parametrize("manifest", ALL)
def test_schemas_have_nothing_against_it(manifest: Manifest) -> None:
    judge(manifest)


@pytest.mark.parametrize("kind", ["Deployment", "ServiceMonitor", "ScaledObject", "KafkaTopic"])
def test_schemas_would_find_a_field_that_is_none(kind: str) -> None:
    wrong = copy.deepcopy(next(each for each in built("production") if each["kind"] == kind))
    wrong["spec"]["replics"] = 3
    with pytest.raises(Exception, match="replics"):
        judge(wrong)


@pytest.mark.parametrize("change", [{"replicas": "3"}, {"partitions": 0}, {"config": []}], ids=str)
def test_strimzis_definition_would_find_a_wrong_value(change: dict[str, Any]) -> None:
    wrong = copy.deepcopy(one("KafkaTopic", name=Settings().state_topic))
    wrong["spec"] |= change
    with pytest.raises(jsonschema.ValidationError):
        judge(wrong)


def test_production_has_every_part() -> None:
    kinds = {each["kind"] for each in built("production")}
    assert kinds >= {"PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "ScaledObject"}
    assert kinds >= {"Deployment", "Service", "ConfigMap", "KafkaTopic", "Namespace", "ServiceAccount"}


def test_local_needs_no_operator() -> None:
    assert {each["apiVersion"].partition("/")[0] for each in built("local")} == {
        "v1", "apps", "batch", "policy", "networking.k8s.io"
    }  # fmt: skip


@pytest.mark.parametrize("manifest", PODS)
def test_pods_keep_to_the_restricted_profile(manifest: Manifest) -> None:
    spec = pod(manifest)
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert re.search(r":\d+\.\d+\.\d+$", container["image"])
    for hungry in ("hostNetwork", "hostPID", "hostIPC"):
        assert not spec.get(hungry)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_namespace_enforces_the_restricted_profile(overlay: str) -> None:
    assert one("Namespace", overlay)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ready_is_complete_alive_is_alive_and_there_is_time_to_end(overlay: str) -> None:
    spec = pod(one("Deployment", overlay))
    (container,) = spec["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": Settings().http_port}]
    assert spec["terminationGracePeriodSeconds"] > STOP_WITHIN_S


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_find_the_workers_and_nothing_else(overlay: str) -> None:
    workers = one("Deployment", overlay)["spec"]
    labels = workers["template"]["metadata"]["labels"]
    selectors = [
        workers["selector"]["matchLabels"],
        one("Service", overlay)["spec"]["selector"],
        one("PodDisruptionBudget", overlay)["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy", overlay)["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
    jobs = [each for each in built(overlay) if each["kind"] == "Job"]
    for selector in selectors:
        assert not any(selector.items() <= job["spec"]["template"]["metadata"]["labels"].items() for job in jobs)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_exist_and_are_valid(overlay: str) -> None:
    fields = {f"CITYPULSE_{name.upper()}": name for name in Settings.model_fields}
    said = settings(overlay)
    assert said.keys() <= fields.keys()
    files = {name: value for name, value in said.items() if name.endswith("FILE")}
    Settings(**{fields[name]: value for name, value in said.items() if name not in files})  # type: ignore[arg-type]
    (container,) = pod(one("Deployment", overlay))["containers"]
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert [value for value in files.values() if not any(value.startswith(f"{path}/") for path in mounted)] == []


def test_secrets_are_referred_to_and_nowhere_written() -> None:
    for overlay in OVERLAYS:
        assert not [each for each in built(overlay) if each["kind"] == "Secret"]
        assert not [name for name in settings(overlay) if re.search(r"PASSWORD$|TOKEN$", name)]
    named = {each["secret"]["secretName"] for each in pod(one("Deployment"))["volumes"] if "secret" in each}
    assert named == {"citypulse-worker", "kafka-cluster-ca-cert"}
    text = (ROOT / "deploy/kubernetes/overlays/production/kustomization.yaml").read_text()
    assert all(re.search(rf"^#   {name} ", text, re.MULTILINE) for name in named)


def test_topics_are_those_of_the_contract_and_the_state_topic() -> None:
    topics = {each["metadata"]["name"]: each["spec"] for each in built("production") if each["kind"] == "KafkaTopic"}
    assert set(topics) == {*SPECS, Settings().state_topic}
    for name, spec in SPECS.items():
        assert spec.config.items() <= topics[name]["config"].items()
        assert topics[name]["partitions"] == spec.partitions or Settings().partitions
    assert topics[Settings().state_topic]["config"]["cleanup.policy"] == "compact"
    assert {spec["replicas"] for spec in topics.values()} == {3}
    assert {spec["config"]["min.insync.replicas"] for spec in topics.values()} == {"2"}


def test_as_many_workers_at_most_as_a_source_topic_has_partitions() -> None:
    scaled = one("ScaledObject")["spec"]
    topics = {each["metadata"]["name"]: each["spec"] for each in built("production") if each["kind"] == "KafkaTopic"}
    assert scaled["maxReplicaCount"] == max(topics[name]["partitions"] for name in SOURCES)
    assert "replicas" not in one("Deployment")["spec"]
    assert scaled["scaleTargetRef"]["name"] == one("Deployment")["metadata"]["name"]
    (query,) = (trigger["metadata"]["query"] for trigger in scaled["triggers"])
    (metric,) = re.findall(r"\w+:citypulse_partition_lag:\w+", query)
    assert f"record: {metric}\n" in (ROOT / "deploy/prometheus/rules/recording.yml").read_text()


def test_rules_are_those_that_promtool_tests() -> None:
    rules = [each["spec"]["groups"] for each in built("production") if each["kind"] == "PrometheusRule"]
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    shipped = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    assert sorted(itertools.chain(*rules), key=lambda group: group["name"]) == sorted(
        shipped, key=lambda group: group["name"]
    )


def test_thresholds_are_the_projects() -> None:
    data = one("ConfigMap", name="citypulse-thresholds")["data"]
    assert yaml.safe_load(data["thresholds.yaml"]) == yaml.safe_load((ROOT / "deploy/thresholds.yaml").read_text())


def test_prometheus_tells_workers_apart_by_instance_alone() -> None:
    (endpoint,) = one("ServiceMonitor")["spec"]["endpoints"]
    (dropped,) = (each["regex"] for each in endpoint["relabelings"] if each["action"] == "labeldrop")
    assert re.fullmatch(dropped, "pod")
    assert [each["targetLabel"] for each in endpoint["relabelings"] if each["action"] == "replace"] == ["instance"]
    service = one("Service")["metadata"]["labels"]
    assert service[one("ServiceMonitor")["spec"]["jobLabel"]] == "citypulse"
    assert endpoint["port"] in {port["name"] for port in one("Service")["spec"]["ports"]}


def test_every_dashboard_is_a_config_map() -> None:
    maps = [
        each for each in built("production") if each["kind"] == "ConfigMap" and "dashboard" in each["metadata"]["name"]
    ]
    assert {each["metadata"]["labels"]["grafana_dashboard"] for each in maps} == {"1"}
    files = {path.name: path.read_text() for path in (ROOT / "grafana" / "dashboards").glob("*.json")}
    assert {name: text for each in maps for name, text in each["data"].items()} == files
