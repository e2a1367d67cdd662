"""Secrets that were committed once and taken out later are still there for everybody."""

import re
import subprocess
from pathlib import Path

from tests.conftest import ROOT
from tests.unit.test_secrets import PLANTED, SECRETS


def found(root: Path) -> list[str]:
    """What looks like a secret in a line that any commit added."""
    command = ["git", "log", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "--format="]
    log = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode(errors="replace")
    added = "\n".join(line[1:] for line in log.splitlines() if line.startswith("+"))
    return [f"{kind}: {match[0][:40]}" for kind, pattern in SECRETS.items() for match in re.finditer(pattern, added)]


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def test_no_commit_holds_a_secret() -> None:
    assert found(ROOT) == []


def test_one_that_was_taken_out_again_is_found(tmp_path: Path) -> None:
    git(tmp_path, "init")
    for text in (PLANTED[0], "nothing"):
        (tmp_path / "file").write_text(text)
        git(tmp_path, "add", "file")
        git(tmp_path, "commit", "--message", "a file")
    assert found(tmp_path) == [f"private key: {PLANTED[0]}"]
