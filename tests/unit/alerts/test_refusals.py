"""When the share of dead letters is an alarm."""

import pytest

from schemas.topics import INDICATORS, TRANSACTIONS
from streams.alerts.refusals import AT_LEAST, RefusalWatch


def counts(applied: int, rejected: int, topic: str = TRANSACTIONS) -> dict[tuple[str, str], int]:
    return {(topic, "applied"): applied, (topic, "late"): 0, (topic, "duplicate"): 0, (topic, "rejected"): rejected}


def watched(*steps: tuple[float, int, int], limit: float = 0.5) -> RefusalWatch:
    """After (moment, applied, rejected) one after the other."""
    watch = RefusalWatch((TRANSACTIONS, INDICATORS), limit)
    for now, applied, rejected in steps:
        watch.observe(counts(applied, rejected), True, now)
    return watch


def test_a_minute_beyond_the_limit_is_an_alarm_that_names_the_topic() -> None:
    watch = watched((0, 100, 0), (30, 110, 20), (60, 120, 40))
    assert watch.shares == {TRANSACTIONS: 40 / 60, INDICATORS: 0.0}
    assert list(watch.reasons) == [TRANSACTIONS]
    assert "40 of the 60 records that citypulse.transactions.v1 had" in watch.reasons[TRANSACTIONS]


@pytest.mark.parametrize(
    ("why", "steps"),
    [
        ("not a minute yet", [(0, 100, 0), (59, 120, 40)]),
        ("just the limit", [(0, 100, 0), (60, 120, 20)]),
        ("too few to say", [(0, 0, 0), (60, 0, AT_LEAST - 1)]),
        ("nothing came", [(0, 0, 100), (60, 0, 100)]),
        ("what it was before is history", [(0, 0, 5_000), (60, 30, 5_020)]),
    ],
)
def test_what_is_no_alarm(why: str, steps: list[tuple[float, int, int]]) -> None:
    assert watched(*steps).reasons == {}, why


def test_it_ends_when_the_minute_is_over() -> None:
    steps = [(float(now), 0, min(now, 60) * 10) for now in range(121)]
    assert watched(*steps[:100]).reasons
    assert not watched(*steps).reasons


def test_a_limit_of_one_is_never_exceeded() -> None:
    assert not watched((0, 0, 0), (60, 0, 1_000), limit=1.0).reasons


def test_while_incomplete_it_says_nothing_and_begins_anew() -> None:
    watch = watched((0, 0, 0), (60, 0, 100))
    watch.observe(counts(0, 0), False, 61)
    assert watch.reasons == {}
    watch.observe(counts(0, 5_000), True, 62)  # read from the state log
    watch.observe(counts(0, 5_001), True, 122)
    assert watch.reasons == {}
