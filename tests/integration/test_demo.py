"""``citypulse demo`` from start to end, as a process: the totals add up and nothing is left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.conftest import ROOT, Cli


def answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def broker_address(line: str) -> str:
    assert line.startswith("broker"), line
    return line.split()[1]


def test_final_totals_as_json(cli: Cli) -> None:
    done = cli("demo", "--seconds", "3", "--rate", "300", "--port", "0", "--json")
    assert done.returncode == 0, done.stderr
    final: dict[str, Any] = json.loads(done.stdout)
    assert final["totals"]["complete"] is True
    assert [part["lag"] for part in final["totals"]["partitions"]] == [0] * 12
    topics = final["events"]["topics"]
    for topic in topics:
        assert sum(topic["outcomes"].values()) == topic["consumed"] == sum(topic["next_offsets"].values())
    outcomes = {name: sum(topic["outcomes"][name] for topic in topics) for name in topics[0]["outcomes"]}
    assert all(outcomes[name] > 0 for name in ("applied", "late", "duplicate", "rejected")), outcomes
    synthetic = [series for series in final["totals"]["series"] if series["exchange"].endswith("-synthetic")]
    assert synthetic
    current = {(f["indicator"], f["area"]): f["printed"] for f in final["indicators"]["current"]}
    assert current["digital_economy_value_added", "110000"].startswith("14060 ")
    assert any(finding["hint"] == "off by 1000?" for finding in final["indicators"]["inconsistencies"])
    assert not answers(broker_address(done.stderr.splitlines()[0]))


def test_final_totals_as_tables(cli: Cli) -> None:
    done = cli("demo", "--seconds", "1", "--port", "0")
    assert done.returncode == 0, done.stderr
    for title in ("Exchange volume", "Infrastructure", "Indicators", "Inconsistent figures", "Events"):
        assert title in done.stdout


# Only Linux ends the broker of a killed demo.
SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGKILL] if sys.platform == "linux" else [])]


@pytest.mark.parametrize("number", SIGNALS)
def test_nothing_is_left_behind(number: signal.Signals) -> None:
    """Also when it is killed: on Linux the broker dies with its parent."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        try:
            assert process.stdout is not None
            broker = broker_address(process.stdout.readline())
            page = process.stdout.readline().split()[1].removeprefix("http://").rstrip("/")
            for line in process.stdout:
                if "synthetic events a second" in line:
                    break
            assert answers(broker)
            assert answers(page)
            process.send_signal(number)
            code = process.wait(60)
            rest = process.stdout.read()
        finally:
            process.kill()
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0), rest
    assert "Traceback" not in rest, rest
    assert not answers(page)
    deadline = time.monotonic() + 30
    while answers(broker):  # a killed demo's broker ends just after it
        assert time.monotonic() < deadline, "the broker has outlived the demo"
        time.sleep(0.05)
