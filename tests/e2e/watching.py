"""Prometheus, Alertmanager and a webhook receiver as they are shipped, on loopback; for tests and for `make watch`."""

import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.ports import free_port
from tests.prometheus import tool
from tests.rules.tools import ALERTMANAGER, ROOT

GRAFANA = "http://grafana.test"
RUNBOOKS = "http://runbooks.test"
LINKS = {"grafana": GRAFANA, "runbooks": RUNBOOKS}
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
    """Collects what Alertmanager sends: (time, receiver, alert), the oldest first.

    Args:
        told: is given each alert with its receiver, as it comes.
    """

    def __init__(self, told: Callable[[str, dict[str, Any]], None] = lambda receiver, alert: None) -> None:
        received = self.received = list[tuple[float, str, dict[str, Any]]]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in body["alerts"]:
                    received.append((time.time(), body["receiver"], alert))
                    told(body["receiver"], alert)
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
def alertmanager(folder: Path, webhook: str, port: int = 0, *, hasty: bool = True) -> Iterator[str]:
    """Alertmanager with our routes; gives its host:port.

    Args:
        folder: where it keeps its configuration, data and log.
        webhook: address of the receiver of all alerts.
        port: where it listens; 0: a free one.
        hasty: groups wait a second, instead of ten and of a minute as we ship it.
    """
    config = yaml.safe_load(ALERTMANAGER.read_text())
    if hasty:
        config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = f"{webhook}/{receiver['name']}"
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{port or free_port()}"
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
def prometheus(
    folder: Path,
    workers: Iterable[str],
    alerts_to: str,
    port: int = 0,
    *,
    links: Mapping[str, str] = LINKS,
    hasty: bool = True,
) -> Iterator[str]:
    """Prometheus with our rules; gives its host:port.

    Args:
        folder: where it keeps its configuration, data and log.
        workers: host:port of each.
        alerts_to: host:port of Alertmanager.
        port: where it listens; 0: a free one.
        links: where the alerts' links lead.
        hasty: it scrapes and evaluates each second, instead of each fifth as we ship it.
    """
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    if hasty:
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["global"]["external_labels"] = dict(links)
    config["rule_files"] = [str(ROOT / "deploy" / "prometheus" / "rules" / "*.yml")]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alerts_to]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = list(workers)
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{port or free_port()}"
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
