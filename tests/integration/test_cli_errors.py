"""What a person can mend is one line on stderr and an exit code, never a traceback."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.topics import SOURCES, SPECS
from streams.settings import Settings
from streams.transport.topic_admin import STATE_KEPT_SHORT, _actual_configs, check_topics, create_topics
from tests.conftest import APACHE, Broker, Cli


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nothing listens, kept from others by being bound."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.splitlines()
    assert done.returncode != 0
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("citypulse: ")
    return lines[0]


@pytest.mark.parametrize("command", [["topics", "create"], ["topics", "check"], ["publish"], ["worker", "--port", "0"]])
def test_no_broker(cli: Cli, nobody: str, command: list[str]) -> None:
    line = one_line(cli(*command, env={"CITYPULSE_BROKER": nobody}))
    assert f"no Kafka broker answers at {nobody} (Connection refused)" in line
    assert "citypulse broker" in line


@pytest.mark.parametrize("command", [["broker"], ["demo"], ["worker"]])
def test_a_taken_port_is_said_before_anything_starts(cli: Cli, taken_port: int, command: list[str]) -> None:
    done = cli(*command, "--port", str(taken_port))
    assert f"port {taken_port} on 127.0.0.1 is taken" in one_line(done)
    assert "--port" in done.stderr
    assert done.stdout == ""


def test_each_bad_setting_has_its_line(cli: Cli) -> None:
    done = cli("topics", "check", env={"CITYPULSE_PARTITIONS": "many", "CITYPULSE_CLOCK": "moon"})
    assert done.returncode == 2
    assert sorted(done.stderr.splitlines()) == [
        "citypulse: CITYPULSE_CLOCK='moon' is not valid: it is one of wall, event",
        "citypulse: CITYPULSE_PARTITIONS='many' is not valid: it is a whole number from 1 up to 1024",
    ]


def test_a_certificate_that_is_not_there(cli: Cli) -> None:
    env = {"CITYPULSE_SECURITY_PROTOCOL": "SSL", "CITYPULSE_SSL_CAFILE": "/nowhere/ca.pem"}
    assert "CITYPULSE_SSL_CAFILE=/nowhere/ca.pem" in one_line(cli("topics", "check", env=env))


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["worker", "--port", "65536"],
        ["demo", "--rate", "0"],
        ["publish", "/nowhere/events.ndjson"],
    ],
)
def test_wrong_usage(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    one_line(done)
    assert done.returncode == 2


def test_totals_without_a_worker(cli: Cli, nobody: str) -> None:
    line = one_line(cli("totals", "--url", f"http://{nobody}"))
    assert f"no worker answers at http://{nobody} (Connection refused)" in line


def test_a_broker_that_does_not_speak_kafka(cli: Cli, taken_port: int) -> None:
    """It accepts connections and says nothing: the answer comes all the same, in bounded time."""
    line = one_line(cli("topics", "check", env={"CITYPULSE_BROKER": f"127.0.0.1:{taken_port}"}))
    assert "no Kafka broker answers" in line


@pytest.mark.parametrize("command", [["topics", "check"], ["publish"], ["worker", "--port", "0"]])
def test_topics_that_are_missing(cli: Cli, fresh_broker: Broker, command: list[str]) -> None:
    line = one_line(cli(*command, env={"CITYPULSE_BROKER": fresh_broker.bootstrap}))
    assert SOURCES[0] in line
    assert "citypulse topics create" in line


def test_a_program_is_told_which_topics_are_missing(cli: Cli, fresh_broker: Broker) -> None:
    done = cli("topics", "check", "--json", env={"CITYPULSE_BROKER": fresh_broker.bootstrap})
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr, answer["ok"], answer["topics"]) == (1, "", False, [])
    assert "are missing" in answer["problems"][0]


def test_create_then_check(cli: Cli, fresh_broker: Broker) -> None:
    env = {"CITYPULSE_BROKER": fresh_broker.bootstrap, "CITYPULSE_PARTITIONS": "3"}
    made = cli("topics", "create", env=env)
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("created") == len(SPECS) + 1
    checked = cli("topics", "check", env=env)
    assert checked.returncode == 0, checked.stderr
    rows = {line.split()[0]: int(line.split()[1]) for line in checked.stdout.splitlines()}
    assert rows == {**{spec.name: spec.partitions or 3 for spec in SPECS.values()}, "citypulse-state": 3}
    again = cli("topics", "create", env=env)
    assert again.returncode == 0, again.stderr
    assert "created" not in again.stdout
    answer = json.loads(cli("topics", "check", "--json", env=env).stdout)
    assert {row["topic"]: row["partitions"] for row in answer["topics"]} == rows
    assert (answer["ok"], answer["problems"]) == (True, [])
    if APACHE:  # the embedded broker compacts nothing
        config = asyncio.run(_config(fresh_broker.bootstrap, "citypulse-state"))
        assert STATE_KEPT_SHORT.items() <= config.items()


async def _config(bootstrap: str, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return (await _actual_configs(admin, [topic]))[topic]
    finally:
        await admin.close()


def _topic(settings: Settings, name: str, partitions: int, config: dict[str, str]) -> None:
    async def create() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
        finally:
            await admin.close()

    asyncio.run(create())


def test_too_few_state_partitions(cli: Cli, fresh_broker: Broker, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(broker=fresh_broker.bootstrap)
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id}
    asyncio.run(create_topics(make_settings(broker=settings.broker, partitions=3)))
    _topic(settings, settings.state_topic, 2, {"cleanup.policy": "compact", "max.message.bytes": "4194304"})
    line = one_line(cli("topics", "check", env=env))
    assert f"{settings.state_topic} has 2 partitions but {SOURCES[0]} has 3" in line
    if APACHE:  # the embedded broker cannot add partitions
        assert cli("topics", "create", env=env).returncode == 0
        assert asyncio.run(check_topics(settings)).partitions[settings.state_topic] == 4
    else:
        assert "refuses" in one_line(cli("topics", "create", env=env))


def test_a_state_topic_that_would_forget(
    cli: Cli, fresh_broker: Broker, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(broker=fresh_broker.bootstrap)
    _topic(settings, settings.state_topic, 4, {"cleanup.policy": "delete", "max.message.bytes": "4194304"})
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id}
    line = one_line(cli("topics", "create", env=env))
    assert f"cleanup.policy of {settings.state_topic} is delete but must be compact" in line


def test_more_replicas_than_brokers(cli: Cli, fresh_broker: Broker) -> None:
    env = {"CITYPULSE_BROKER": fresh_broker.bootstrap, "CITYPULSE_REPLICATION_FACTOR": "5"}
    done = cli("topics", "create", env=env)
    if APACHE:
        assert "the broker refuses to create" in one_line(done)
        assert "CITYPULSE_REPLICATION_FACTOR=5" in done.stderr
    else:  # the embedded broker takes any factor
        assert done.returncode == 0
