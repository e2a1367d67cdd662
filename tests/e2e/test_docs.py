"""The shell commands of README and docs, run as they stand: each section of a page in order, in a shell of its own.

Ports and hosts are replaced by free ones, and what runs until it is stopped (broker, worker, demo) goes to the
background until the section ends. A section that starts no broker finds one, with topics and a few records; one that
starts no worker finds that, too.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.ports import free_port
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.unit.reference.builders import asset, executed, figure, survey
from tests.workers import WorkerProcess, load

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PATIENCE_S = 240.0
LANGUAGES = {"", "sh", "json", "yaml", "python", "csv"}
"""What a fenced block may be; commands are sh, so that none of them is passed over."""

EXEMPT = {
    r"make test$": "it is what runs here",
    r"make kafka$": "tests/apache_kafka.py is what all tests against Apache Kafka run on",
}
"""Commands, as regular expressions, that are not run here, each with its reason."""

SERVICE = re.compile(r"^(?:\S*/citypulse (?:worker|broker)|make demo)\b")
BROKER = re.compile(r"^(?:\S*/citypulse broker|make demo)\b")
SHELL = """\
set -euo pipefail
started() {  # process, command that succeeds when it is up
    until eval "$2" >/dev/null 2>&1; do kill -0 "$1" || { cat services.log >&2; exit 1; }; sleep 0.2; done
}
"""
RECORDS = [
    executed("1", "2024-06-01T00:30:00Z"),
    executed("2", "2024-06-02T02:00:00Z", "5.50"),
    asset("commissioned", "3", "2024-06-01T10:00:00Z"),
    survey("4", "2024-06-01T11:00:00Z", count=104_000),
    figure("gdp", "2023", "43760.7", "2024-01-20"),
]


class Section(NamedTuple):
    """The commands under one heading."""

    page: str
    title: str
    blocks: list[str]

    def lines(self) -> list[str]:
        return [line for block in self.blocks for line in block.splitlines()]


def fences(text: str) -> Iterator[tuple[str, str, str]]:
    """Heading, language and text of each fenced block."""
    title, language, block = "", None, list[str]()
    for line in text.splitlines():
        if line.startswith("```"):
            if language is not None:
                yield title, language, "\n".join(block)
            language, block = (line.removeprefix("```") if language is None else None), []
        elif language is not None:
            block.append(line)
        elif line.startswith("## "):
            title = line.removeprefix("## ")


def sections() -> list[Section]:
    found: list[Section] = []
    for page in PAGES:
        for title, language, block in fences(page.read_text("utf-8")):
            kept = "\n".join(line for line in block.splitlines() if not any(re.match(one, line) for one in EXEMPT))
            if language == "sh" and kept:
                if not found or found[-1][:2] != (page.name, title):
                    found.append(Section(page.name, title, []))
                found[-1].blocks.append(kept)
    return found


class Stage:
    """A folder like a checkout, free ports, and the processes of a section.

    Args:
        folder: an empty one.
        bootstrap: the broker that commands find; "": they start one.
        app_id: of the workers, if a command does not say otherwise.
    """

    def __init__(self, folder: Path, bootstrap: str, app_id: str) -> None:
        for path in ROOT.iterdir():
            if not path.name.startswith("."):
                (folder / path.name).symlink_to(path)
        (folder / ".venv").symlink_to(sys.prefix)
        self._folder = folder
        self._ports = {port: str(free_port()) for port in ("6066", "6067", "6070", "9092")}
        self._bootstrap = bootstrap or f"127.0.0.1:{self._ports['9092']}"
        self._groups: list[int] = []
        self._env = {**os.environ, "CITYPULSE_BROKER": self._bootstrap, "CITYPULSE_APP_ID": app_id}
        self._env["CITYPULSE_HTTP_PORT"] = self.worker_port

    @property
    def worker_port(self) -> str:
        """Where the worker of port 6066 listens here."""
        return self._ports["6066"]

    def run(self, block: str) -> None:
        """Runs a block of commands; each of them must succeed."""
        script = SHELL + "\n".join(self._adapted(line) for line in block.splitlines()) + "\n"
        with (self._folder / "said.log").open("w+") as said:
            shell = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self._folder,
                env=self._env,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
            self._groups.append(shell.pid)
            try:
                code: int | None = shell.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                code = None
                shell.kill()
                shell.wait()
            said.seek(0)
            assert code == 0, f"{block}\n{said.read()}"

    def _adapted(self, line: str) -> str:
        """The line with our ports and hosts; what does not end by itself in the background."""
        line = line.replace("kafka-1:9092,kafka-2:9092", self._bootstrap)
        line = re.sub(r"\b(?:6066|6067|6070)\b", lambda port: self._ports[port[0]], line)
        if re.search(r"/citypulse (?:totals|verify)\b(?!.*--url)", line):
            line += f" --url http://127.0.0.1:{self.worker_port}"
        if not SERVICE.match(line):
            return line
        line = re.sub(r"\s+#.*$", "", line)
        url = f"http://127.0.0.1:{self.worker_port}"
        if line.startswith("make demo"):
            line += f' ARGS="--port {self.worker_port}"'
            up = f"grep rolling{{ <(curl -sf {url}/metrics)"  # the traffic has begun
        elif BROKER.match(line):
            line += f" --port {self._ports['9092']}"
            up = f"echo >/dev/tcp/127.0.0.1/{self._ports['9092']}"
        else:
            port = re.search(r"--port (\d+)", line)
            up = f"curl -sf http://127.0.0.1:{port[1] if port else self.worker_port}/readyz"
        return f"{line} >>services.log 2>&1 &\nstarted $! '{up}'"

    def stop(self) -> None:
        """Ends what is left, the latest first: a worker says goodbye to a broker that is still there."""
        for group in reversed(self._groups):
            for with_signal in (signal.SIGTERM, signal.SIGKILL):
                if _gone(group, with_signal):
                    break


def _gone(group: int, with_signal: int) -> bool:
    """Whether a process group has ended after a signal, given a while."""
    deadline = time.monotonic() + 30
    try:
        os.killpg(group, with_signal)
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.1)
    except ProcessLookupError:
        return True
    return False


def test_only_known_languages_are_in_fences() -> None:
    used = {language for page in PAGES for _, language, _ in fences(page.read_text("utf-8"))}
    assert used <= LANGUAGES


def test_every_exemption_is_used() -> None:
    lines = [line for page in PAGES for _, _, block in fences(page.read_text("utf-8")) for line in block.splitlines()]
    assert [one for one in EXEMPT if not any(re.match(one, line) for line in lines)] == []


@pytest.mark.parametrize("section", sections(), ids=lambda section: f"{section.page}: {section.title}")
async def test_commands(
    section: Section, fresh_broker: Broker, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    own_broker = any(BROKER.match(line) for line in section.lines())
    settings = make_settings(broker=fresh_broker.bootstrap)
    with ExitStack() as stack:
        stage = Stage(tmp_path, "" if own_broker else settings.broker, settings.app_id)
        if not own_broker:
            await create_topics(settings)
            await load(settings.broker, RECORDS)
            if not any(SERVICE.match(line) for line in section.lines()):
                arguments = (settings.broker, "--port", stage.worker_port)
                stack.enter_context(WorkerProcess(*arguments, app_id=settings.app_id))
        stack.callback(stage.stop)
        for block in section.blocks:
            stage.run(block)
