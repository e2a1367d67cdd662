"""Benchmarks run, on a small count; what they find is not judged: time decides no test."""

import pytest

from benchmarks import latency, scaling
from benchmarks.load import totals

EVENTS = 150_000


def test_latency_sees_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "WARM_UP_S", 0.2)
    result = latency.measure("embedded", 500, 1.0)
    assert "counted" not in result.void
    assert 0 < result.observed[0] <= result.observed[1]
    assert 0 < result.histogram[0] <= result.histogram[1]


def test_two_workers_share_what_is_poured_in() -> None:
    drained = scaling.run("embedded", 2, EVENTS, totals(EVENTS))
    assert drained.exact
    assert drained.events_per_second > 0
    assert drained.cpu_us > 0
