"""Apache Kafka with TLS, SASL and access control: all works with the documented rights, and nothing without one."""

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import INDICATORS, TRANSACTIONS
from streams.publish.story import story
from tests.conftest import Cli
from tests.security.cluster import (
    AUDITOR,
    OPERATOR,
    PASSWORD,
    PUBLISHER,
    THRESHOLDS,
    WORKER,
    Grant,
    SecuredKafka,
    documented_grants,
    environment,
    token,
)
from tests.workers import WorkerProcess

GRANTS = documented_grants()

WAYS: dict[str, Callable[[SecuredKafka, str], dict[str, str]]] = {
    "password": SecuredKafka.by_password,
    "token": SecuredKafka.by_token,
    "certificate": SecuredKafka.by_certificate,
}


def events_of(topic: str) -> bytes:
    """The story's, a line each."""
    return b"\n".join(message.value for message in story() if message.topic == topic)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stderr + done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("citypulse: ")
    return line


@pytest.mark.parametrize("way", WAYS)
def test_from_event_to_verified_total_with_the_documented_rights(
    secured: SecuredKafka, cli: Cli, tmp_path: Path, way: str
) -> None:
    def run(user: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        done = cli(*arguments, env=environment(WAYS[way](secured, user)), stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done

    assert "note:" not in run(OPERATOR, "topics", "check").stdout
    connection: dict[str, Any] = WAYS[way](secured, WORKER)
    with WorkerProcess(connection.pop("broker"), **connection, **THRESHOLDS) as worker:
        before = sum(worker.get("/api/v1/totals")["events"].get(TRANSACTIONS, {}).values())
        run(PUBLISHER, "publish", stdin=events_of(TRANSACTIONS))
        lines = len(events_of(TRANSACTIONS).splitlines())
        worker.until(
            lambda answer: answer["complete"] and sum(answer["events"][TRANSACTIONS].values()) >= before + lines
        )
        assert worker.get("/api/v1/dead-letters")["letters"] == []
        verdict = json.loads(run(AUDITOR, "verify", "--json", "--url", worker.url).stdout)
        assert verdict["equal"]
        assert verdict["workers"][0]["compared"]["records"] >= lines
        assert worker.stop() == 0
    if way == "password":  # rights are the same by each way
        run(WORKER, "state", "dump", str(tmp_path / "state.gz"))
        over = cli("state", "restore", str(tmp_path / "state.gz"), env=environment(WAYS[way](secured, WORKER)))
        assert "is not empty" in one_line(over)


def of(principal: str) -> list[Grant]:
    return [grant for grant in GRANTS if grant.principal == principal]


async def without(secured: SecuredKafka, missing: Grant) -> dict[str, str]:
    """The connection of a user who has all rights of one in the document but this."""
    user = f"{missing.principal}-{GRANTS.index(missing)}"
    await secured.grant([grant._replace(principal=user) for grant in of(missing.principal) if grant != missing])
    return environment(secured.by_token(user) | THRESHOLDS)


def by_right(grants: Sequence[Grant]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("missing", grants, ids=lambda grant: " ".join(grant[1:]))


@by_right(of(WORKER))
async def test_a_worker_names_the_right_that_it_lacks(secured: SecuredKafka, cli: Cli, missing: Grant) -> None:
    line = one_line(cli("worker", "--port", "0", env=await without(secured, missing)))
    assert f"{missing.operation} on {missing.kind} {missing.name}" in line
    assert "kafka-acls.sh" in line


def test_a_worker_that_takes_events_over_http_must_be_allowed_to_publish_them(
    secured: SecuredKafka, cli: Cli, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.touch()
    env = environment(secured.by_token(WORKER) | {"ingest_tokens_file": str(tokens)})
    line = one_line(cli("worker", "--port", "0", env=env))
    assert [f"Write on topic {grant.name}" in line for grant in of("citypulse-gateway")] == [True] * 3


@by_right([grant for grant in of(AUDITOR) if grant.operation == "Describe"])
async def test_an_auditor_names_the_right_that_it_lacks(secured: SecuredKafka, cli: Cli, missing: Grant) -> None:
    line = one_line(cli("topics", "check", env=await without(secured, missing)))
    assert f"Describe on {missing.kind} {missing.name}" in line


async def test_who_may_describe_but_not_read_a_topic_cannot_recount_it(secured: SecuredKafka, cli: Cli) -> None:
    connection: dict[str, Any] = secured.by_token(WORKER)
    with WorkerProcess(connection.pop("broker"), **connection) as worker:
        worker.until(lambda answer: answer["complete"])
        user = "describer"
        everywhere = {(grant.kind, grant.name) for grant in GRANTS if grant.kind == "topic"}
        await secured.grant([Grant(user, "Describe", *place) for place in sorted(everywhere)])
        line = one_line(cli("verify", "--url", worker.url, env=environment(secured.by_token(user))))
        assert "the broker does not allow this user" in line
        assert TRANSACTIONS in line


async def test_an_operator_creates_what_it_may_and_no_other_topic(secured: SecuredKafka, cli: Cli) -> None:
    env = environment(secured.by_token(OPERATOR)) | {"CITYPULSE_APP_ID": "another"}
    assert "Create on topic another-state" in one_line(cli("topics", "create", env=env))


def test_a_publisher_writes_to_its_own_topic_only(secured: SecuredKafka, cli: Cli) -> None:
    done = cli("publish", env=environment(secured.by_token(PUBLISHER)), stdin=events_of(INDICATORS))
    line = one_line(done)
    assert "the broker does not allow this user" in line
    assert INDICATORS in line


REFUSED: dict[str, tuple[Callable[[SecuredKafka], dict[str, str]], str]] = {
    "a wrong password": (lambda kafka: kafka.by_password(OPERATOR, "wrong"), "does not take our word"),
    "a token that has expired": (lambda kafka: kafka.by_token(OPERATOR, -30), "closed the connection"),
    "no certificate": (
        lambda kafka: kafka.by_certificate(OPERATOR) | {"ssl_certfile": "", "ssl_keyfile": ""},
        "closed the connection",
    ),
    "an authority that did not sign the broker's": (
        lambda kafka: kafka.by_password(OPERATOR) | {"ssl_cafile": str(kafka.folder / "other-ca.pem")},
        "certificate verify failed",
    ),
    "a mechanism that the broker does not have": (
        lambda kafka: kafka.by_password(OPERATOR) | {"sasl_mechanism": "PLAIN"},
        "does not offer PLAIN",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_who_is_not_known_gets_one_line(secured: SecuredKafka, cli: Cli, what: str) -> None:
    connect, said = REFUSED[what]
    assert said in one_line(cli("topics", "check", env=environment(connect(secured))))


def _changes(log: Path) -> set[str]:
    """The changes that a log in JSON tells of so far; its last line may not be whole yet."""
    lines = log.read_text().splitlines(keepends=True)
    return {json.loads(line).get("change", "") for line in lines if line.endswith("\n")}


@pytest.mark.parametrize("way", ["password", "token"])
def test_a_secret_shows_nowhere(secured: SecuredKafka, cli: Cli, tmp_path: Path, way: str) -> None:
    """Not in the most talkative log, not by HTTP, and not in what a command says when it fails."""
    connection: dict[str, Any] = WAYS[way](secured, WORKER)
    secrets = {PASSWORD, token(WORKER)[:30]}
    said = []
    with (tmp_path / "log").open("wb") as log:
        settings = connection | {"log_level": "DEBUG", "log_format": "json"}
        with WorkerProcess(settings.pop("broker"), stderr=log, **settings) as worker:
            worker.until(lambda _: "complete" in _changes(tmp_path / "log"))
            for path in ("/", "/metrics", "/openapi.json", "/readyz", "/api/v1/totals", "/nothing"):
                with suppress(urllib.error.HTTPError), urllib.request.urlopen(worker.url + path) as response:
                    said.append(response.read().decode())
            assert worker.stop() == 0
    changes = _changes(tmp_path / "log")
    assert {"assigned", "recovered", "started", "complete", "stopping", "revoked", "stopped"} <= changes
    said.append((tmp_path / "log").read_text())
    for wrong in ({}, {"broker": "127.0.0.1:1"}, {"ssl_cafile": str(secured.folder / "other-ca.pem")}):
        done = cli("check", env=environment(connection | wrong))
        said += [done.stdout, done.stderr]
        assert done.returncode == (1 if wrong else 0), done.stdout
    assert [secret for secret in secrets for text in said if secret in text] == []
