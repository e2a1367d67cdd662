"""The brokers of the compose files, started: their settings by the image's own translation and Kafka's own parser."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import SOURCES, SPECS, TRANSACTIONS
from tests.conftest import Cli
from tests.deploy.kafka_image import ComposedKafka
from tests.deploy.tools import BASE, ROOT, THREE_BROKERS, compose, make_secrets
from tests.hostile import event
from tests.security.cluster import OPERATOR, WORKER, documented_grants, grants
from tests.workers import WorkerProcess

TOOLS = {"kafka-configs.sh": "ConfigCommand", "kafka-acls.sh": "AclCommand"}
"""Kafka's scripts that make-users.sh calls, and the class that each runs."""


def test_one_broker_starts_and_takes_the_topics(tmp_path: Path, cli: Cli) -> None:
    with ComposedKafka(compose(BASE)["services"], tmp_path) as kafka:
        properties = kafka.properties("kafka")
        assert properties["auto.create.topics.enable"] == "false"
        assert properties["log.dirs"] == str(tmp_path / "kafka" / "data")
        for listener in ("INSIDE", "OUTSIDE"):
            env = {"CITYPULSE_BROKER": kafka.at(listener)}
            made = cli("topics", "create", env=env)
            assert made.returncode == 0, made.stderr
            assert all(topic in made.stdout for topic in SPECS)


def make_users(scripts: Path, server: str, secrets: Path, body: str) -> str:
    """Runs make-users.sh with scripts in the place of the image's; ``body`` is what each does, {main} its class."""
    scripts.mkdir()
    for name, main in TOOLS.items():
        (scripts / name).write_text("#!/bin/bash\n" + body.format(main=f"org.apache.kafka.tools.{main}"))
        (scripts / name).chmod(0o755)
    done = subprocess.run(
        ["bash", ROOT / "deploy" / "compose" / "make-users.sh"],
        env={"PATH": f"{scripts}:{os.environ['PATH']}", "SERVER": server, "SECRETS": str(secrets)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_users_get_the_documented_rights_and_no_others(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path / "secrets") / "admin"
    calls = make_users(tmp_path / "scripts", "broker:1", secrets, 'printf "%q " "$0" "$@"; echo\n').splitlines()
    given = [grant for call in calls if "--allow-principal" in call for grant in grants(shlex.split(call))]
    documented = {grant for grant in documented_grants() if grant.principal in {OPERATOR, WORKER}}
    assert {grant for grant in given if grant.principal != "publisher"} == documented
    assert {grant[1:] for grant in given if grant.principal == "publisher"} == {
        ("Write", "topic", topic) for topic in SOURCES
    }
    assert len(given) == len(set(given))


def test_passwords_are_no_arguments(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path / "secrets") / "admin"
    calls = make_users(tmp_path / "scripts", "broker:1", secrets, 'printf "%q " "$0" "$@"; echo\n')
    passwords = [path.read_text().strip() for path in secrets.glob("*.password")]
    assert len(passwords) == 3
    assert not any(password in calls for password in passwords)


class ThreeBrokers(ComposedKafka):
    """The secured brokers, and how the parts of the compose file connect to them."""

    def __init__(self, folder: Path) -> None:
        self.secrets = make_secrets(folder / "secrets")
        self.services: dict[str, dict[str, Any]] = compose(THREE_BROKERS)["services"]
        super().__init__(self.services, folder / "kafka", self.secrets)

    def environment(self, service: str) -> dict[str, str]:
        """Of a service, what says how it connects, with the addresses and paths of this machine."""
        connection = re.compile("CITYPULSE_(BROKER|REPLICATION_FACTOR|SECURITY_PROTOCOL|SSL_.*|SASL_.*)")
        said = {name: str(value) for name, value in self.services[service]["environment"].items()}
        said = {name: value for name, value in said.items() if connection.fullmatch(name)}
        assert said["CITYPULSE_BROKER"] == "kafka-1:19092,kafka-2:19092,kafka-3:19092"
        said["CITYPULSE_BROKER"] = self.at("CLIENTS")
        return {name: value.replace("/run/secrets", str(self.secrets)) for name, value in said.items()}

    def publisher(self) -> dict[str, str]:
        """What docs/deploy.md exports to publish from this machine."""
        (block,) = re.findall(r"^((?:export .*\n)+)", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE)
        said = dict(pair.split("=", 1) for pair in re.findall(r"CITYPULSE_\S+", block))
        said["CITYPULSE_BROKER"] = self.at("OUTSIDE")
        return {name: value.replace("deploy/compose/secrets", str(self.secrets)) for name, value in said.items()}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeBrokers]:
    """All three run, with the users that make-users.sh makes."""
    folder = tmp_path_factory.mktemp("three-brokers")
    with ThreeBrokers(folder) as kafka:
        server = kafka.at("BROKERS").split(",")[0]
        make_users(folder / "scripts", server, kafka.secrets_of("admin"), kafka.script("{main}"))
        yield kafka


def test_settings_of_three_brokers_are_those_of_the_file(three: ThreeBrokers) -> None:
    for number in ("1", "2", "3"):
        properties = three.properties(f"kafka-{number}")
        assert properties["node.id"] == number
        assert properties["min.insync.replicas"] == "2"
        protocols = dict(pair.split(":") for pair in properties["listener.security.protocol.map"].split(","))
        assert set(protocols.values()) == {"SSL", "SASL_SSL"}
        for listener in (name for name, protocol in protocols.items() if protocol == "SSL"):
            assert properties[f"listener.name.{listener.lower()}.ssl.client.auth"] == "required"
        for listener in (name for name, protocol in protocols.items() if protocol == "SASL_SSL"):
            assert "Scram" in properties[f"listener.name.{listener.lower()}.scram-sha-512.sasl.jaas.config"]


def test_totals_stay_exact_when_one_of_three_secured_brokers_dies(three: ThreeBrokers, cli: Cli) -> None:
    """Topics, worker and publisher each as their own user, by TLS and password, with their own rights."""

    def publish(first: int, count: int) -> None:
        lines = b"\n".join(json.dumps(event(number)).encode() for number in range(first, first + count))
        done = cli("publish", env=three.publisher(), stdin=lines)
        assert done.returncode == 0, done.stderr

    def counted(count: int) -> Callable[[Any], bool]:
        return lambda answer: answer["complete"] and answer["events"].get(TRANSACTIONS, {}).get("applied") == count

    made = cli("topics", "create", env=three.environment("topics"))
    assert (made.returncode, made.stdout.count("created")) == (0, len(SPECS) + 1), made.stderr
    environment = three.environment("worker-1")
    settings: dict[str, Any] = {name.removeprefix("CITYPULSE_").lower(): value for name, value in environment.items()}
    with WorkerProcess(settings.pop("broker"), "--clock", "event", **settings) as worker:
        publish(0, 1_000)
        worker.until(counted(1_000))
        three.kill("kafka-1")  # the first that all parts are told of
        publish(1_000, 1_000)
        totals = worker.until(counted(2_000))
        assert [series["net"] for series in totals["series"]] == ["25000.00"]
        verified = cli("verify", "--json", "--clock", "event", "--url", worker.url, env=environment)
        assert json.loads(verified.stdout)["equal"] is True, verified.stderr
        assert worker.stop() == 0
