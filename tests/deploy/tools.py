"""The programs that judge the files of deploy/, and compose files as docker-compose understands them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
BASE: Final = ("docker-compose.yml",)
THREE_BROKERS: Final = (*BASE, "deploy/compose/three-brokers.yml")
SECRETS: Final = ROOT / "deploy" / "compose" / "secrets"


def run(program: str, *arguments: object, stdin: str = "") -> str:
    """Runs a program of tests/deploy/requirements.lock, which must succeed, and gives what it said."""
    command = [str(Path(sys.executable).parent / program), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compose(files: tuple[str, ...]) -> dict[str, Any]:
    """Compose files, merged and judged by docker-compose itself."""
    options = [option for name in files for option in ("--file", name)]
    model: dict[str, Any] = json.loads(run("docker-compose", *options, "config", "--format", "json"))
    return model


def make_secrets(folder: Path) -> Path:
    """What make-secrets.sh makes."""
    script = ROOT / "deploy" / "compose" / "make-secrets.sh"
    done = subprocess.run([script, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder
