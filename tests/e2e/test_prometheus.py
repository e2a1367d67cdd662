"""A real Prometheus and promtool against the demo: what it scrapes, and the files that we ship for it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 180.0
T = TypeVar("T")


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing (Debian: apt-get install prometheus)")
    return path


def _get(url: str) -> bytes | None:
    """The body, or None while nobody answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            body: bytes = answer.read()
            return body
    except OSError:
        return None


def _until(what: str, process: subprocess.Popen[bytes], look: Callable[[], T | None]) -> T:
    """What ``look`` finds, asked again until it finds something; fails when the process ends or patience does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        assert process.poll() is None, f"ended with {process.returncode} before: {what}"
        time.sleep(0.1)
    pytest.fail(f"not within {PATIENCE_S:.0f} s: {what}")


@pytest.fixture(scope="module")
def worker() -> Iterator[str]:
    """host:port of the demo's worker, which shows complete numbers."""
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "streams", "demo", "--rate", "100", "--port", address.rpartition(":")[2]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CITYPULSE_")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    try:
        _until("the demo's worker is ready", process, lambda: _get(f"http://{address}/readyz"))
        yield address
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()


def test_promtool_has_nothing_against_the_metrics(worker: str) -> None:
    scrape = _get(f"http://{worker}/metrics")
    assert scrape
    run = subprocess.run([_tool("promtool"), "check", "metrics"], input=scrape, capture_output=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, b"")


def test_promtool_accepts_the_configuration() -> None:
    config = ROOT / "deploy" / "prometheus" / "prometheus.yml"
    run = subprocess.run([_tool("promtool"), "check", "config", config], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_prometheus_scrapes_complete_numbers(worker: str, tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: citypulse, static_configs: [{{targets: ['{worker}']}}]}}]\n"
    )
    address = f"127.0.0.1:{free_port()}"
    log = tmp_path / "prometheus.log"
    options = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={address}"]

    def query(expression: str) -> float | None:
        body = _get(f"http://{address}/api/v1/query?query={urllib.parse.quote(expression)}")
        result = json.loads(body)["data"]["result"] if body else []
        return float(result[0]["value"][1]) if result else None

    with log.open("wb") as out:
        process = subprocess.Popen([_tool("prometheus"), *options], stdout=out, stderr=out)
    try:
        # A scrape of a busy machine may fail, or find the worker behind: what is asked for comes with another one.
        _until("complete numbers are scraped", process, lambda: query("citypulse_complete == 1"))
        applied = 'sum(citypulse_events_total{outcome="applied"}) > 0'
        _until("applied events are scraped", process, lambda: query(applied))
        _until("the worker is up", process, lambda: query('up{job="citypulse"} == 1'))
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    # What Prometheus takes but complains about: duplicate, out of order or ill-formed samples.
    complaints = [line for line in log.read_text().splitlines() if "scrape" in line and "level=info" not in line]
    assert complaints == []
