"""schemathesis against a worker: whatever is asked, the answer must be one that the OpenAPI document describes.

``python -m tests.http_fuzz`` (``make fuzz``) runs it and writes into docs/contract.md what it covered; a test runs it
and compares.
"""

import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from streams.settings import Settings
from tests.e2e.ingesting import ingesting_worker
from tests.workers import ROOT, WorkerProcess

DOCUMENT = ROOT / "docs" / "contract.md"
BEGIN, END = "<!-- written by make fuzz -->\n", "<!-- end of the report -->\n"

ENDLESS = "/api/v1/stream"
"""Left out: its answer has no end."""

PHASES = ("examples", "coverage", "fuzzing")
EXAMPLES = 20
"""Of each operation in the fuzzing phase; the coverage phase has as many as there are boundaries."""


def fuzzed(worker: WorkerProcess) -> str:
    """Asks the worker everything; gives the report as Markdown.

    Raises:
        AssertionError: an answer was not as described.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("st")),
                "--config-file",
                str(ROOT / "tests" / "e2e" / "schemathesis.toml"),
                "--no-color",
                "run",
                f"{worker.url}/openapi.json",
                f"--exclude-path={ENDLESS}",
                f"--phases={','.join(PHASES)}",
                "--generation-deterministic",
                f"--max-examples={EXAMPLES}",
                "--continue-on-failure",
                "--suppress-health-check=too_slow",  # time decides no test
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    return _report(done.stdout.partition("= SUMMARY =")[2])


def _report(summary: str) -> str:
    found = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+).*?(\d+) generated, (\d+) passed", summary, re.DOTALL)
    assert found is not None, summary
    selected, operations, tested, generated, passed = map(int, found.groups())
    assert selected == tested, summary
    rows = [
        ("tool", f"schemathesis {version('schemathesis')}, the same cases each time"),
        ("operations", f"{tested} of {operations}; `{ENDLESS}` has no end"),
        ("phases", f"{', '.join(PHASES)} ({EXAMPLES} cases an operation in the last one)"),
        ("cases", f"{generated:,}"),
        ("answers that are not as described", f"{generated - passed}"),
    ]
    return "\n".join(["| HTTP fuzz | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""])


def written(text: str, report: str) -> str:
    """The document with the report in its place."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{report}{END}{tail}"


if __name__ == "__main__":
    with ingesting_worker(Settings) as worker:
        report = fuzzed(worker)
    DOCUMENT.write_text(written(DOCUMENT.read_text(), report))
    print(report, end="")
