"""Prometheus, Alertmanager and a webhook receiver as they are shipped, only faster and on loopback."""

import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import yaml

from streams.ports import free_port
from tests.rules.tools import ALERTMANAGER, ROOT, tool

GRAFANA = "http://grafana.test"
RUNBOOKS = "http://runbooks.test"
PATIENCE_S = 120.0
T = TypeVar("T")


def until(what: str, look: Callable[[], T | None]) -> T:
    """What ``look`` finds, asked again until it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}")


class Webhook:
    """Collects what Alertmanager sends: (time, receiver, alert), the oldest first."""

    def __init__(self) -> None:
        received = self.received = list[tuple[float, str, dict[str, Any]]]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                received.extend((time.time(), body["receiver"], alert) for alert in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Webhook":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, name: str) -> list[tuple[float, str, dict[str, Any]]]:
        """What was received about one alert."""
        return [each for each in self.received if each[2]["labels"]["alertname"] == name]

    def others(self, *names: str) -> list[str]:
        """Other alerts that were received."""
        return sorted({each[2]["labels"]["alertname"] for each in self.received} - set(names))


@contextmanager
def process(log: Path, *command: object) -> Iterator[None]:
    """A process until the end of the block; its words go to a file."""
    with log.open("wb") as out:
        running = subprocess.Popen([str(part) for part in command], stdout=out, stderr=out)
        try:
            yield
        finally:
            running.terminate()
            running.wait(60)


@contextmanager
def alertmanager(folder: Path, webhook: str) -> Iterator[str]:
    """Alertmanager with our routes; gives its host:port. Groups wait a second instead of ten and of a minute."""
    config = yaml.safe_load(ALERTMANAGER.read_text())
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = f"{webhook}/{receiver['name']}"
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    options = (
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    )
    command = (tool("prometheus-alertmanager"), f"--config.file={path}", *options)
    with process(folder / "alertmanager.log", *command):
        until("Alertmanager is ready", lambda: _text(f"http://{address}/-/ready"))
        yield address


@contextmanager
def prometheus(folder: Path, workers: list[str], alerts_to: str) -> Iterator[str]:
    """Prometheus with our rules; gives its host:port. It scrapes and evaluates each second."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["global"]["external_labels"] = {"grafana": GRAFANA, "runbooks": RUNBOOKS}
    config["rule_files"] = [str(ROOT / "deploy" / "prometheus" / "rules" / "*.yml")]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alerts_to]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = workers
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    options = (f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={address}")
    with process(folder / "prometheus.log", tool("prometheus"), f"--config.file={path}", *options):
        until("Prometheus is ready", lambda: _text(f"http://{address}/-/ready"))
        yield address


def query(address: str, expression: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    answer = _text(f"http://{address}/api/v1/query?query={urllib.parse.quote(expression)}")
    result: list[dict[str, Any]] = json.loads(answer)["data"]["result"] if answer else []
    return result


def _text(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return None
