"""What ``citypulse verify`` takes and says, without a broker."""

from typing import Any

import pytest

from schemas.topics import INDICATORS, TRANSACTIONS
from streams.cli import worker_answers
from streams.cli.parser import build_parser
from streams.cli.verify import Verdict
from streams.cli.worker_answers import NotVerifiableError, WorkerAnswers, ask

URL = "http://127.0.0.1:6066"


def totals(figures: int = 3, complete: bool = True) -> dict[str, Any]:
    parts = [(TRANSACTIONS, 0, 5), (INDICATORS, 0, figures)]
    return {
        "clock": "2024-06-30T12:00:00.000000Z",
        "complete": complete,
        "reasons": [] if complete else ["partition 3 is not read yet"],
        "partitions": [dict(zip(("topic", "partition", "next_offset"), part, strict=True)) for part in parts],
        "events": {TRANSACTIONS: {"applied": 4, "rejected": 1}},
        "series": [{}],
    }


class FakeWorker:
    """Gives one list of totals after the other, the last one for ever."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def fetch(self, url: str, resources: tuple[str, ...]) -> dict[str, Any]:
        now = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        others = {name: {"complete": True, "reasons": []} for name in resources}
        return {**others, "totals": now}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_answers, "RETRY_S", 0.0)
    monkeypatch.setattr(worker_answers, "PATIENCE_S", 0.05)


async def asked(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> WorkerAnswers:
    monkeypatch.setattr(worker_answers, "fetch", FakeWorker(*answers).fetch)
    return await ask(URL)


async def test_answers_belong_together_when_no_figure_came_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = await asked(monkeypatch, totals(1), totals(2), totals(3), totals(3))
    assert worker.offsets == {(TRANSACTIONS, 0): 5, (INDICATORS, 0): 3}


async def test_an_incomplete_worker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = await asked(monkeypatch, totals(complete=False), totals())
    assert worker.totals["complete"]


async def test_one_that_stays_incomplete_is_an_error_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotVerifiableError, match=r"is not complete: partition 3 is not read yet$"):
        await asked(monkeypatch, totals(complete=False))


async def test_one_that_never_holds_still_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    moving = [totals(n) for n in range(100_000)]
    with pytest.raises(NotVerifiableError, match="all the time"):
        await asked(monkeypatch, *moving)


def test_several_workers_may_be_named() -> None:
    arguments = build_parser().parse_args(["verify", "--json", "--url", "http://a:1", "--url", "http://b:2"])
    assert (arguments.url, arguments.json, arguments.clock) == (["http://a:1", "http://b:2"], True, None)
    assert build_parser().parse_args(["verify"]).url is None


def test_a_verdict_says_what_was_compared_and_what_differs() -> None:
    answers = {
        "totals": totals(),
        "infrastructure": {"assets": [{}, {}], "reported": []},
        "indicators": {"figures": [], "inconsistencies": []},
    }
    verdict = Verdict(WorkerAnswers(URL, answers), ["series x gross: expected '1', got '2'"], ["something aged"])
    compared = "5 records, 1 series, 2 assets, 0 reported, 0 figures, 0 inconsistencies"
    assert verdict.lines() == [
        f"{URL}  DIFFERENCES: 1  as of 2024-06-30T12:00:00.000000Z: {compared}",
        "  series x gross: expected '1', got '2'",
        "  note: something aged",
    ]
    assert verdict.as_json()["equal"] is False
    assert verdict.as_json()["offsets"][0] == {"topic": TRANSACTIONS, "partition": 0, "next_offset": 5}
    assert Verdict(verdict.worker, [], []).lines()[0].startswith(f"{URL}  equal  as of")
