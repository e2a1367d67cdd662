"""``make sbom``: what the image is made of."""

import json
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.deploy.tools import ROOT


def made(path: Path) -> str:
    done = subprocess.run(["make", "sbom", f"SBOM={path}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return path.read_text()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("sbom") / "sbom.json")


def test_it_keeps_to_the_schema_and_lists_what_the_image_installs(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert bom["metadata"]["component"]["name"] == "citypulse"
    listed = {each["purl"] for each in bom["components"]}
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    everywhere = {"pkg:pypi/" + line.replace("==", "@") for line in lines if ";" not in line}
    newer = {f"pkg:pypi/{line.split(' ')[0].replace('==', '@')}" for line in lines if ">= '3.12'" in line}
    assert listed == everywhere | newer


def test_it_is_the_same_each_time(text: str, tmp_path: Path) -> None:
    assert made(tmp_path / "again.json") == text
