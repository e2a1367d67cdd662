"""The brokers of the compose files, started: their settings by the image's own translation and Kafka's own parser."""

import os
import shlex
import subprocess
from pathlib import Path

from schemas.topics import SOURCES, SPECS
from tests.conftest import Cli
from tests.deploy.kafka_image import ComposedKafka
from tests.deploy.tools import BASE, ROOT, THREE_BROKERS, compose, make_secrets
from tests.security.cluster import OPERATOR, WORKER, documented_grants, grants

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


def test_kafka_takes_the_settings_of_three_brokers(tmp_path: Path) -> None:
    services = compose(THREE_BROKERS)["services"]
    kafka = ComposedKafka(services, tmp_path / "kafka", make_secrets(tmp_path / "secrets"))
    kafka.set_up()
    for number in ("1", "2", "3"):
        properties = kafka.properties(f"kafka-{number}")
        assert properties["node.id"] == number
        assert properties["min.insync.replicas"] == "2"
        protocols = dict(pair.split(":") for pair in properties["listener.security.protocol.map"].split(","))
        assert set(protocols.values()) == {"SSL", "SASL_SSL"}
        for listener in (name for name, protocol in protocols.items() if protocol == "SSL"):
            assert properties[f"listener.name.{listener.lower()}.ssl.client.auth"] == "required"
        for listener in (name for name, protocol in protocols.items() if protocol == "SASL_SSL"):
            assert "Scram" in properties[f"listener.name.{listener.lower()}.scram-sha-512.sasl.jaas.config"]
        assert (tmp_path / "kafka" / f"kafka-{number}" / "data" / "meta.properties").is_file()
