"""The image, as far as it can be had without a container engine: its steps in a clean root, and what comes of them."""

import asyncio
import re
import signal
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.deploy.dockerfile import Stage, build, instructions, listed
from tests.deploy.tools import ROOT, run
from tests.ports import free_port
from tests.prometheus import until

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture
def topics(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> str:
    asyncio.run(create_topics(make_settings(broker=fresh_broker.bootstrap, app_id="citypulse")))
    return fresh_broker.bootstrap


@pytest.fixture
def environment(topics: str) -> dict[str, str]:
    return {"CITYPULSE_BROKER": topics, "CITYPULSE_HTTP_PORT": str(free_port()), "CITYPULSE_HTTP_HOST": "127.0.0.1"}


@pytest.fixture
def worker(image: Stage, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """What `docker run --read-only` would start."""
    started = [*listed(image.last["ENTRYPOINT"]), *listed(image.last["CMD"])]
    command = image.command(started, writable=False, env=environment)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_hadolint_has_nothing_to_say() -> None:
    assert run("hadolint", "deploy/Dockerfile") == ""


def test_base_is_pinned_and_the_version_is_the_projects(image: Stage) -> None:
    arguments = dict(rest.split("=") for word, rest in instructions() if word == "ARG")
    found = re.fullmatch(r"(3\.\d+)\.\d+-slim-trixie", arguments["PYTHON"])
    assert found
    assert found[1] in image.run("python", "--version"), "the stand-in has another Python than the image"
    assert f'org.opencontainers.image.version="{PROJECT["version"]}"' in image.last["LABEL"]
    assert f'licenses="{PROJECT["license"]}"' in image.last["LABEL"]


def test_it_holds_the_versions_of_the_lock_file_and_no_installer(image: Stage) -> None:
    lock = dict(line.split(" ")[0].split("==") for line in (ROOT / "requirements.lock").read_text().splitlines())
    packages = (
        "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')"
    )
    there = dict(line.split("==") for line in image.run("/citypulse/bin/python", "-c", packages).split())
    there = {name.lower().replace("_", "-").replace(".", "-"): version for name, version in there.items()}
    assert there.pop("citypulse") == PROJECT["version"]
    for_others = {"colorama", "numpy"}  # on Windows only; two versions, by Python's
    assert set(there) - {"numpy"} == set(lock) - for_others
    assert {name: version for name, version in there.items() if name != "numpy"} == {
        name: version for name, version in lock.items() if name not in for_others
    }
    assert not {"pip", "setuptools", "hatchling"} & set(there)


def test_every_command_is_there(image: Stage) -> None:
    assert image.user == "65532:65532"
    assert image.run("/bin/sh", "-c", "id -u").strip() == "65532"
    assert "worker" in image.run("citypulse", "--help")


def test_it_carries_thresholds_and_runbooks(image: Stage) -> None:
    there = "from streams.shipped import *; print(shipped(THRESHOLDS).is_file(), shipped(RUNBOOKS).is_dir())"
    assert image.run("python", "-c", there).split() == ["True", "True"]


def test_its_user_can_change_nothing_of_it(image: Stage) -> None:
    assert image.run("/bin/sh", "-c", "find /citypulse -writable ! -type l").strip() == ""


def test_a_worker_works_with_a_read_only_root_as_nobody_and_ends_when_told(
    image: Stage, worker: subprocess.Popen[str], environment: dict[str, str]
) -> None:
    check = listed(image.last["HEALTHCHECK"])

    def healthy() -> bool | None:
        assert worker.poll() is None, worker.stderr.read() if worker.stderr else ""
        command = image.command(check, writable=False, env=environment)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0 or None

    assert until("healthy", healthy)
    status = Path(f"/proc/{worker.pid}/status").read_text()
    assert re.search(r"^Uid:\t65532\t65532\t65532\t65532$", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    mounts = Path(f"/proc/{worker.pid}/mounts").read_text()
    assert re.search(r" / overlay ro[, ]", mounts)
    worker.send_signal(signal.Signals[image.last["STOPSIGNAL"]])
    assert worker.wait(60) == 0
    assert not healthy_after_end(image, check, environment)


def healthy_after_end(image: Stage, check: list[str], environment: dict[str, str]) -> bool:
    """A health check that says yes whatever happens would be worth nothing."""
    command = image.command(check, writable=False, env=environment)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
