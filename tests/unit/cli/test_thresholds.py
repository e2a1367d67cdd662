"""``citypulse thresholds check --json``: what is in a file, or what is wrong with it, for programs."""

import json
from pathlib import Path

import pytest

from schemas.thresholds import read_thresholds
from streams.cli import main
from tests.conftest import ROOT

SHIPPED = ROOT / "deploy" / "thresholds.yaml"


def test_the_thresholds_as_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["thresholds", "check", str(SHIPPED), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["file"], answer["problems"]) == (True, str(SHIPPED), [])
    shipped = read_thresholds(SHIPPED)
    assert [row["name"] for row in answer["thresholds"]] == [threshold.name for threshold in shipped]
    assert [(row["limit"], row["for"]) for row in answer["thresholds"]] == [
        (f"{threshold.limit:f}", threshold.duration) for threshold in shipped
    ]


def test_problems_as_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "thresholds.yaml"
    file.write_text(SHIPPED.read_text().replace("severity:", "severety:", 1))
    assert main(["thresholds", "check", str(file), "--json"]) == 2
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert (answer["ok"], answer["thresholds"], printed.err) == (False, [], "")
    assert any("severety" in problem for problem in answer["problems"])


def test_rules_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["thresholds", "build", str(SHIPPED), "--output", "/nowhere/rules.yml"]) == 2
    assert capsys.readouterr().err == "citypulse: cannot write /nowhere/rules.yml: No such file or directory\n"
