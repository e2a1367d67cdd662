"""The shell commands of README and docs, run as they stand: each section of a page in order, in a shell of its own.

Ports and hosts are replaced by free ones, and what runs until it is stopped (broker, worker, demo) goes to the
background until the section ends. A section that starts no broker finds one, with topics and a few records; one that
starts no worker finds that, too.
"""

import gzip
import json
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

from schemas.envelope import encode
from schemas.topics import EXECUTED, TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker
from tests.ports import free_port
from tests.reference.decode import Record
from tests.unit.reference.builders import asset, executed, figure, survey
from tests.workers import WorkerProcess, load

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {"watch.md": "tests/integration/test_watch_docs.py"}
"""Pages whose commands a test of their own runs."""

NOT_RUN = {"deploy.md": "no Docker engine and no cluster are here: tests/deploy validates the files that it names"}
"""Pages whose commands nobody runs, each with the reason."""

PATIENCE_S = 240.0
LANGUAGES = {"", "text", "sh", "json", "yaml", "python", "csv"}
"""What a fenced block may be; commands are sh, so that none of them is passed over."""

EXEMPT = {
    r"make test$": "it is what runs here",
    r"make kafka$": "tests/apache_kafka.py is what all tests against Apache Kafka run on",
    r"kafka-topics\.sh ": "tests/integration/test_operations.py adds partitions as it does",
    r"kafka-(acls|configs)\.sh ": "tests/security runs them on an Apache Kafka with access control",
}
"""Commands, as regular expressions, that are not run here, each with its reason."""

SERVICE = re.compile(r"^(?:(?:\S*/)?citypulse (?:worker|broker)|make demo)\b")
BROKER = re.compile(r"^(?:(?:\S*/)?citypulse broker|make demo)\b")
SHELL = """\
set -euo pipefail
started() {  # process, command that succeeds when it is up
    until eval "$2" >/dev/null 2>&1; do kill -0 "$1" || { cat services.log >&2; exit 1; }; sleep 0.2; done
}
"""
MISTAKEN = {
    "transaction_id": "tx-17",
    "exchange": "bidex",
    "product_type": "spatial",
    "amount": 2650000.0,
    "currency": "CNY",
    "cross_border": False,
}
RECORDS = [
    *(executed(f"{hour}", f"2024-06-01T{hour:02}:30:00Z") for hour in range(17)),
    Record(
        *(TRANSACTIONS, 0, b"tx-17"),
        encode("/bidex/settlement", "bidex-20231124-000017", EXECUTED, "2023-11-24T09:30:00.250+08:00", MISTAKEN),
        [],
    ),
    asset("commissioned", "a", "2024-06-01T10:00:00Z"),
    survey("s", "2024-06-01T11:00:00Z", count=104_000),
    figure("gdp", "2023", "43760.7", "2024-01-20"),
]
"""What is on the topics: among it, at citypulse.transactions.v1:0:17, the one that the pages mend."""

EDITOR = 'sed -i s/"amount":[^,]*,/"amount":"2650000.00",/'
"""Mends it."""

EVENTS = "".join(
    json.dumps(json.loads(path.read_text("utf-8"))) + "\n"
    for path in sorted((ROOT / "schemas/examples/events").iterdir())
)
TRADES = """\
id,source,type,time,transaction_id,exchange,product_type,amount,currency,cross_border
1,/synthetic,citypulse.transaction.executed.v1,2023-11-24T09:30:00+08:00,tx-1,bidex,spatial,2650000.00,CNY,false
"""


class Section(NamedTuple):
    """The commands under one heading."""

    page: str
    title: str
    blocks: list[str]
    files: dict[str, str]

    def lines(self) -> list[str]:
        return [line for block in self.blocks for line in commands(block)]


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


def commands(block: str) -> list[str]:
    """Lines of a shell's block; a line that goes on is one with the next."""
    return re.split(r"(?<!\\)\n", block)


def sections() -> list[Section]:
    """Those with commands. Tables and mappings that a section shows are files of its own."""
    found: dict[tuple[str, str], Section] = {}
    for page in PAGES:
        for title, language, block in fences(page.read_text("utf-8")):
            section = found.setdefault((page.name, title), Section(page.name, title, [], {}))
            if language in {"csv", "yaml"}:
                section.files[f"trades.{language}"] = f"{block}\n"
            kept = [line for line in commands(block) if not any(re.match(one, line) for one in EXEMPT)]
            if language == "sh" and kept:
                section.blocks.append("\n".join(kept))
    return [section for section in found.values() if section.blocks and section.page not in {*ELSEWHERE, *NOT_RUN}]


class Stage:
    """A folder like a checkout, free ports, and the processes of a section.

    Args:
        folder: an empty one.
        files: that the section shows.
        bootstrap: the broker that commands find; "": they start one.
        app_id: of the workers, if a command does not say otherwise.
    """

    def __init__(self, folder: Path, files: dict[str, str], bootstrap: str, app_id: str) -> None:
        for path in ROOT.iterdir():
            if not path.name.startswith("."):
                (folder / path.name).symlink_to(path)
        (folder / ".venv").symlink_to(sys.prefix)
        for name, text in {"events.ndjson": EVENTS, "trades.csv": TRADES, **files}.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "events.ndjson.gz").write_bytes(gzip.compress(EVENTS.encode()))
        self._folder = folder
        self._ports = {port: str(free_port()) for port in ("6066", "6067", "6070", "9092")}
        self._bootstrap = bootstrap or f"127.0.0.1:{self._ports['9092']}"
        self._groups: list[int] = []
        self._env = {**os.environ, "CITYPULSE_BROKER": self._bootstrap, "CITYPULSE_APP_ID": app_id}
        self._env |= {"CITYPULSE_HTTP_PORT": self.worker_port, "EDITOR": EDITOR}
        self._env["PATH"] = f"{folder / '.venv' / 'bin'}{os.pathsep}{self._env['PATH']}"

    @property
    def worker_port(self) -> str:
        """Where the worker of port 6066 listens here."""
        return self._ports["6066"]

    def run(self, block: str) -> None:
        """Runs a block of commands; each of them must succeed."""
        script = SHELL + "\n".join(self._adapted(line) for line in commands(block)) + "\n"
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
        if re.search(r"\bcitypulse (?:totals|verify)\b(?!.*--url)", line):
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
    assert set(NOT_RUN) <= {page.name for page in PAGES}
    assert [page for page, test in ELSEWHERE.items() if page not in (ROOT / test).read_text("utf-8")] == []
    lines = [line for page in PAGES for _, _, block in fences(page.read_text("utf-8")) for line in commands(block)]
    assert [one for one in EXEMPT if not any(re.match(one, line) for line in lines)] == []


@pytest.mark.parametrize("section", sections(), ids=lambda section: f"{section.page}: {section.title}")
async def test_commands(
    section: Section, fresh_broker: Broker, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    own_broker = any(BROKER.match(line) for line in section.lines())
    settings = make_settings(broker=fresh_broker.bootstrap)
    with ExitStack() as stack:
        stage = Stage(tmp_path, section.files, "" if own_broker else settings.broker, settings.app_id)
        if not own_broker:
            await create_topics(settings)
            await load(settings.broker, RECORDS)
            if not any(SERVICE.match(line) for line in section.lines()):
                arguments = (settings.broker, "--port", stage.worker_port)
                worker = stack.enter_context(WorkerProcess(*arguments, app_id=settings.app_id))
                worker.until_consumed(RECORDS)
        stack.callback(stage.stop)
        for block in section.blocks:
            stage.run(block)
