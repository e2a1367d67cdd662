"""What a worker says about the state of things: each change once."""

import logging

import pytest

from streams.state.changes import AWAY_AFTER, Changes


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streams.state.changes")


def test_complete_and_incomplete_are_said_when_they_change(caplog: pytest.LogCaptureFixture) -> None:
    changes = Changes()
    states = [["starting"], ["starting"], [], [], ["a", "b", "c", "d", "e"], ["a"], [], []]
    for now, reasons in enumerate(states):
        changes.observe(reasons, heard=now, now=now)
    assert [entry.getMessage() for entry in caplog.records] == [
        "complete",
        "incomplete: a; b; c; and 2 more",
        "complete",
    ]
    assert vars(caplog.records[1])["reasons"] == ["a", "b", "c", "d", "e"]


def test_a_broker_that_is_away_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    changes = Changes()
    changes.observe([], heard=0.0, now=0.0)
    caplog.clear()
    for now in range(1, 20):
        changes.observe([], heard=0.0 if now < 12 else float(now), now=float(now))
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("WARNING", f"broker is away: no answer for {AWAY_AFTER + 1:.0f} s"),
        ("WARNING", "broker is back after 12 s"),
    ]
