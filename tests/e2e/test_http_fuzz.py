"""schemathesis against a real worker: whatever is asked, the answer is one that the OpenAPI document describes."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from streams.settings import Settings
from tests.e2e.ingesting import ingesting_worker

EXAMPLES = 20
"""Of each operation in the fuzzing phase; the coverage phase has as many as there are boundaries."""


def test_every_answer_is_described(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    with ingesting_worker(make_settings) as worker:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("st")),
                "--config-file",
                str(Path(__file__).with_name("schemathesis.toml")),
                "--no-color",
                "run",
                f"{worker.url}/openapi.json",
                "--exclude-path=/api/v1/stream",  # it has no end
                "--phases=examples,coverage,fuzzing",
                "--generation-deterministic",
                f"--max-examples={EXAMPLES}",
                "--continue-on-failure",
                "--suppress-health-check=too_slow",  # time decides no test
            ],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        report = done.stdout.partition("= SUMMARY =")[2]
        print(report)
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
        generated = re.search(r"(\d+) generated", report)
        assert generated is not None
        assert int(generated[1]) > 1_000
        # What it wrote was counted, each event once, and the worker lives.
        accepted = worker.get("/api/v1/events")["topics"]
        assert sum(row["outcomes"]["applied"] for row in accepted) > 0
        assert sum(row["outcomes"]["rejected"] for row in accepted) == 0
