"""The commands of docs/watch.md, run as they stand there against the demo; `make watch` has a test of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "watch.md").read_text(), re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if not line.startswith("make ")]
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    """The port of a demo that shows its numbers."""
    command = [sys.executable, "-m", "streams", "demo", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            page = ""
            for line in demo.stdout:
                if line.startswith("page"):
                    page = line.split()[1].rstrip("/")
                if "synthetic events a second" in line:
                    break
            yield page.rpartition(":")[2]
        finally:
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=TIMEOUT_S)


def test_the_document_has_commands() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_document_works(port: str, command: str) -> None:
    here = command.replace("127.0.0.1:6066", f"127.0.0.1:{port}")
    here = here.replace(".venv/bin/citypulse", f"{sys.executable} -m streams")
    done = subprocess.run(
        ["bash", "-c", here], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
