"""schemathesis against a real worker: whatever is asked, the answer is one that the OpenAPI document describes."""

import re
from collections.abc import Callable

from streams.settings import Settings
from tests.e2e.ingesting import ingesting_worker
from tests.http_fuzz import DOCUMENT, fuzzed, written

CASES = re.compile(r"(?<=\| cases \| )[\d,]+")
"""How many there are depends on the version of Python, too."""


def test_every_answer_is_described(make_settings: Callable[..., Settings]) -> None:
    with ingesting_worker(make_settings) as worker:
        report = fuzzed(worker)
        text = DOCUMENT.read_text()
        assert CASES.sub("", text) == CASES.sub("", written(text, report)), "run: make fuzz"
        assert all(int(cases.replace(",", "")) > 1_000 for cases in CASES.findall(text + report))
        # What it wrote was counted, each event once, and the worker lives.
        accepted = worker.get("/api/v1/events")["topics"]
        assert sum(row["outcomes"]["applied"] for row in accepted) > 0
        assert sum(row["outcomes"]["rejected"] for row in accepted) == 0
