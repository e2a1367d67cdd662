"""A real Prometheus and promtool for the end-to-end tests, and where Prometheus's and Alertmanager's tools are."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.ports import free_port

PATIENCE_S = 180.0
POLL_S = 0.2
PACKAGES = {"prometheus": "prometheus", "promtool": "prometheus"}
"""Debian's package of a tool; the others are in prometheus-alertmanager."""

T = TypeVar("T")


class ToolMissing(AssertionError):
    """A tool is not installed."""


def tool(name: str) -> str:
    """Path of a tool of Prometheus or Alertmanager.

    Raises:
        ToolMissing: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        package = PACKAGES.get(name, "prometheus-alertmanager")
        raise ToolMissing(f"{name} is missing (Debian: apt-get install {package})")
    return path


def until(what: str, look: Callable[[], T | None]) -> T:
    """What ``look`` finds, asked again until it finds something.

    Raises:
        TimeoutError: nothing found within the patience.
    """
    deadline = time.monotonic() + PATIENCE_S
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}")
        time.sleep(POLL_S)
    return found


class Prometheus:
    """Prometheus as a process; a context manager that leaves nothing behind.

    Args:
        folder: where it keeps its configuration, data and log.
        config: its configuration.
        options: further ones of its command.
    """

    def __init__(self, folder: Path, config: dict[str, Any], *options: str) -> None:
        self._folder = folder
        self._options = options
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [
            tool("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'tsdb'}",
            f"--web.listen-address={self.address}",
            *self._options,
        ]
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def ready(self) -> bool | None:
        """True once it answers questions, else None: it listens before it does, and says 503 until then."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=30):
                return True
        except OSError:
            return None

    def ask(self, endpoint: str, **parameters: str) -> Any:
        """``data`` of an answer of its HTTP API.

        Raises:
            AssertionError: it refuses the question; the message has its reason and the question.
        """
        url = f"http://{self.address}/api/v1/{endpoint}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{json.load(refusal)['error']}: {parameters}") from None
