"""What tests share: brokers, settings and the command line.

``CITYPULSE_TEST_KAFKA=apache`` runs the same tests against Apache Kafka instead of the embedded broker.
"""

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from streams.settings import Settings
from streams.transport.embedded import EmbeddedBroker
from tests.apache_kafka import ApacheKafka

# No deadline: time decides no test. The same examples for everybody: --hypothesis-profile=default draws new ones.
hypothesis_settings.register_profile(
    "citypulse", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("citypulse")

ROOT = Path(__file__).resolve().parent.parent
APACHE = os.environ.get("CITYPULSE_TEST_KAFKA", "") == "apache"
CLI_TIMEOUT_S = 120

_app_ids = itertools.count(1)


class Broker(Protocol):
    """A Kafka broker for tests."""

    @property
    def bootstrap(self) -> str: ...


class Cli(Protocol):
    """Runs ``citypulse`` as a process of its own."""

    def __call__(
        self, *arguments: str, env: dict[str, str] | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(autouse=True)
def _no_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CITYPULSE_") and not name.startswith("CITYPULSE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for the whole run; its topics are left by other tests."""
    if APACHE:
        with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
            yield kafka
    else:
        with EmbeddedBroker() as embedded:
            yield embedded


@pytest.fixture
def fresh_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker without topics: a new embedded one (0.1 s), or the run's Apache Kafka with all topics deleted."""
    if APACHE:
        kafka: Broker = request.getfixturevalue("broker")
        with ThreadPoolExecutor(1) as thread:  # the test's own event loop is not to be touched
            thread.submit(asyncio.run, _without_topics(kafka.bootstrap)).result()
        yield kafka
    else:
        with EmbeddedBroker() as embedded:
            yield embedded


async def _without_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(CLI_TIMEOUT_S):
            # A deletion goes on after its answer: ask until nothing is left.
            while topics := [topic for topic in await admin.list_topics() if not topic.startswith("__")]:
                await admin.delete_topics(topics)
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    """Makes settings with an application id of their own, a free HTTP port and whatever is given."""

    def make(**given: object) -> Settings:
        defaults: dict[str, object] = {"app_id": f"test-{os.getpid()}-{next(_app_ids)}", "http_port": 0}
        return Settings(**{**defaults, **given})  # type: ignore[arg-type]

    return make


@pytest.fixture
def cli() -> Cli:
    """Runs ``python -m streams`` with arguments, environment variables and standard input; waits for its end."""

    def run(*arguments: str, env: dict[str, str] | None = None, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "streams", *arguments],
            input=stdin,
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            timeout=CLI_TIMEOUT_S,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
