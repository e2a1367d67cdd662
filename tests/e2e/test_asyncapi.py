"""The AsyncAPI document before AsyncAPI's own parser, which checks structure, references and bindings."""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import EXECUTED, TRANSACTIONS

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tests" / "e2e" / "asyncapi"
INSTALLED = ROOT / ".cache" / "asyncapi"
DOCUMENT = json.loads((ROOT / "schemas" / "json" / "asyncapi.json").read_text("utf-8"))
WARNING = 1

Validate = Callable[[Any], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def validate() -> Validate:
    """Errors and warnings of the parser; it is installed once, by its lock file."""
    lock = TOOL / "package-lock.json"
    if shutil.which("npm") is None:
        pytest.fail("npm is missing (Debian: apt-get install npm)")
    mark = INSTALLED / "installed.json"
    if not mark.exists() or mark.read_bytes() != lock.read_bytes():
        INSTALLED.mkdir(parents=True, exist_ok=True)
        for path in TOOL.iterdir():
            shutil.copy(path, INSTALLED)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(INSTALLED)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        shutil.copy(lock, mark)

    def run(document: Any) -> list[dict[str, Any]]:
        command = ["node", str(INSTALLED / "validate.mjs")]
        done = subprocess.run(command, input=json.dumps(document), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return [one for one in found if one["severity"] <= WARNING]

    return run


def test_the_parser_has_nothing_against_the_document(validate: Validate) -> None:
    assert validate(DOCUMENT) == []


def test_the_parser_finds_a_reference_that_leads_nowhere(validate: Validate) -> None:
    wrong = copy.deepcopy(DOCUMENT)
    wrong["channels"][TRANSACTIONS]["messages"][EXECUTED]["$ref"] = "#/components/messages/nowhere"
    assert [one["path"][:2] for one in validate(wrong)] == [["channels", TRANSACTIONS]]
