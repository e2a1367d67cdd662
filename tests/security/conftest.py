"""One secured cluster for the folder: its rights are those of the document, by the document's own commands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import ROOT
from tests.security.cluster import OPERATOR, USERS, WORKER, SecuredKafka, documented_commands, environment


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """With topics, and a password for each of the users: the document shows how one is made."""
    with SecuredKafka(tmp_path_factory.mktemp("secured-kafka")) as kafka:
        commands = documented_commands()
        others = [[user if part == WORKER else part for part in commands[-1]] for user in USERS if user != WORKER]
        with ThreadPoolExecutor(2) as threads:  # each is a JVM that starts; none depends on another
            for run in threads.map(kafka.run_documented, (*commands, *others)):
                assert run.returncode == 0, run.stdout + run.stderr
        env = {**os.environ, **environment(kafka.by_password(OPERATOR))}
        subprocess.run([sys.executable, "-m", "streams", "topics", "create"], env=env, cwd=ROOT, check=True)
        yield kafka
