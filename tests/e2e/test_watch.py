"""``make watch`` as a person has it: it tells an alert with its runbook, and Ctrl-C leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = [sys.executable, "-m", "tests.watch"]


def test_an_alert_is_told_with_its_runbook_and_ctrl_c_ends_all() -> None:
    # A group of its own, as a shell gives it: Ctrl-C reaches all processes of it.
    watch = subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    addresses: dict[str, str] = {}
    try:
        assert watch.stdout is not None
        for line in watch.stdout:
            if found := re.match(r"(\w+) +(http://\S+)", line):
                addresses[found[1]] = found[2]
            if "FIRING" in line and "CityPulseIndicatorInconsistent" in line:
                break
        else:
            pytest.fail(f"it ended with {watch.wait()} before an alert came")
        assert "contradicts" in watch.stdout.readline()
        runbook = watch.stdout.readline().strip()
        with urllib.request.urlopen(runbook, timeout=30) as page:
            assert "<h1>CityPulseIndicatorInconsistent</h1>" in page.read().decode()
        os.killpg(watch.pid, signal.SIGINT)
        assert watch.stdout.read().endswith("ending\n")
        assert watch.wait() == 0
    finally:
        if watch.poll() is None:
            os.killpg(watch.pid, signal.SIGKILL)
        watch.communicate()
    assert set(addresses) == {"worker", "receiver", "alertmanager", "prometheus"}
    for address in addresses.values():
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(address, timeout=30)
    with pytest.raises(ProcessLookupError):
        os.killpg(watch.pid, 0)


def test_without_prometheus_it_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, cwd=ROOT, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    said = "make watch: prometheus is missing (Debian: apt-get install prometheus)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
