"""Documents that name tests name such as there are."""

import re

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize("document", ["security.md", "operations.md", "guarantees.md"])
def test_named_tests_exist(document: str) -> None:
    named = re.findall(r"`([\w/]+/test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / document).read_text())
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^\s*(?:async )?def {name}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_threat_has_an_answer_and_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", text.split("## Threats", 1)[1], re.MULTILINE)[2:]
    assert len(rows) > 10
    assert [threat for threat, _, test in rows if "`" not in test] == []
