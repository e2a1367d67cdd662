"""The compose files, after docker-compose has read and merged them, held against what an operator may expect."""

import re
from pathlib import Path
from typing import Any

import pytest

from streams.cli.worker import STOP_WITHIN_S
from streams.settings import Settings
from tests.deploy.tools import BASE, ROOT, SECRETS, THREE_BROKERS, compose, make_secrets

VERSION = re.compile(r"[a-z/]+:v?\d+\.\d+\.\d+")
JOBS = {"topics", "users"}
BROKERS = {"kafka", "kafka-1", "kafka-2", "kafka-3"}


@pytest.fixture(scope="module", params=[BASE, THREE_BROKERS], ids=["one-broker", "three-brokers"])
def services(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    model: dict[str, dict[str, Any]] = compose(request.param)["services"]
    return model


def test_every_part_is_there(services: dict[str, Any]) -> None:
    others = {"worker-1", "worker-2", "prometheus", "alertmanager", "grafana"}
    assert set(services) - BROKERS - JOBS == others
    assert "topics" in services


def test_images_have_a_version(services: dict[str, Any]) -> None:
    assert [name for name, each in services.items() if not VERSION.fullmatch(each["image"])] == []


def test_ports_are_on_loopback_and_differ(services: dict[str, Any]) -> None:
    ports = [port for each in services.values() for port in each.get("ports", ())]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    published = [port["published"] for port in ports]
    assert len(published) == len(set(published))


def test_nothing_has_rights_that_it_does_not_need(services: dict[str, Any]) -> None:
    for each in services.values():
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert not each.get("privileged")
        assert each.get("user", "") not in {"0", "root"}
    for name in ("topics", "worker-1", "worker-2", "prometheus", "alertmanager"):
        assert services[name]["read_only"] is True


def test_everything_has_limits(services: dict[str, Any]) -> None:
    for each in services.values():
        assert set(each["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


def test_what_stays_up_has_a_health_check_and_is_restarted(services: dict[str, Any]) -> None:
    for name, each in services.items():
        if name in JOBS:
            assert each["restart"] == "no"
        else:
            assert each["restart"] == "unless-stopped"
            assert each["healthcheck"]["test"]


def test_a_worker_is_healthy_when_its_numbers_are_complete_and_has_the_time_to_end(services: dict[str, Any]) -> None:
    for name in ("worker-1", "worker-2"):
        assert "/readyz" in str(services[name]["healthcheck"]["test"])
        assert _seconds(services[name]["stop_grace_period"]) > STOP_WITHIN_S


def test_brokers_then_users_then_topics_then_workers(services: dict[str, Any]) -> None:
    def waits(name: str) -> dict[str, str]:
        return {other: each["condition"] for other, each in services[name].get("depends_on", {}).items()}

    healthy = dict.fromkeys(BROKERS & set(services), "service_healthy")
    made = "service_completed_successfully"
    users = {"users": made} if "users" in services else {}
    assert waits("topics") == healthy | users
    assert all(waits(name) == healthy for name in users)
    assert waits("worker-1") == waits("worker-2") == {"topics": made}


def test_settings_exist(services: dict[str, Any]) -> None:
    known = {f"CITYPULSE_{name.upper()}" for name in Settings.model_fields}
    for each in services.values():
        assert {name for name in each.get("environment", {}) if name.startswith("CITYPULSE_")} <= known


def test_no_secret_is_written_down(services: dict[str, Any]) -> None:
    for each in services.values():
        for name, value in each.get("environment", {}).items():
            secret = re.search(r"PASSWORD|TOKEN|SECRET|PASSPHRASE", name) and not name.endswith("_FILE")
            assert not secret or name == "SECRETS", name
            assert "password=" not in str(value)


def test_grafana_has_no_user_and_only_shows(services: dict[str, Any]) -> None:
    said = services["grafana"]["environment"]
    assert said["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert said["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_mounted_files_exist(services: dict[str, Any], tmp_path: Path) -> None:
    mounts = [volume for each in services.values() for volume in each.get("volumes", ()) if volume["type"] == "bind"]
    assert all(mount["read_only"] for mount in mounts)
    sources = {Path(mount["source"]) for mount in mounts}
    assert {path for path in sources if not path.is_relative_to(SECRETS) and not path.exists()} == set()
    made = make_secrets(tmp_path / "secrets")
    assert {path for path in sources if path.is_relative_to(SECRETS) and not _made(path, made).is_dir()} == set()


def test_secrets_are_what_the_script_makes(tmp_path: Path) -> None:
    made = make_secrets(tmp_path / "secrets")
    assert made.stat().st_mode & 0o077 == 0
    files = {Path(each["file"]) for each in compose(THREE_BROKERS)["secrets"].values()}
    assert files
    assert {path for path in files if not _made(path, made).is_file()} == set()


def test_secrets_of_two_runs_differ_and_one_that_is_there_is_left_alone(tmp_path: Path) -> None:
    first, second = make_secrets(tmp_path / "1"), make_secrets(tmp_path / "2")
    for name in ("citypulse-worker.password", "kafka-1/identity.pem"):
        assert (first / name).read_bytes() != (second / name).read_bytes()
    kept = (first / "ca.key").read_bytes()
    with pytest.raises(AssertionError, match="is there already"):
        make_secrets(first)
    assert (first / "ca.key").read_bytes() == kept


def test_secrets_are_never_committed() -> None:
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def _made(path: Path, folder: Path) -> Path:
    return folder / path.relative_to(SECRETS)


def _seconds(text: str) -> int:
    minutes, _, seconds = text.removesuffix("s").rpartition("m")
    return int(minutes or 0) * 60 + int(seconds)
