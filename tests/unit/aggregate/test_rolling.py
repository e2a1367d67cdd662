"""Rolling and to-date sums on panes and days made by hand."""

from datetime import date

import pytest

from streams.aggregate.rolling import Panes, RollingSums, ToDateSums, all_windows, pane_kind
from streams.aggregate.windows import PERIODS, WINDOWS, Window

TENS = Window("tens", 40, 10)
"""A window of four panes of ten microseconds."""

ONE_EACH: Panes = {pane: {0: 10**pane} for pane in range(30)}
"""So that the digits of a sum say which panes it holds."""


def rolling(series: int = 1) -> RollingSums:
    sums = RollingSums(TENS)
    sums.sums = [0] * series
    return sums


def held(sums: RollingSums) -> list[int]:
    """The panes of ``ONE_EACH`` in the first series."""
    return [pane for pane, digit in enumerate(reversed(str(sums.sums[0]))) if digit == "1"]


def test_there_is_one_for_each_window() -> None:
    assert [sums.window for sums in all_windows()] == list(WINDOWS)
    assert [pane_kind(window) for window in WINDOWS] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("steps", [[109], [100, 109], [69, 70, 99, 109], [50, 100], [60, 100], [70, 100], [99, 100]])
def test_the_head_pane_and_those_before_it_are_in(steps: list[int]) -> None:
    sums = rolling()
    for clock in steps:
        sums.advance(clock, [ONE_EACH])
        head = clock // 10
        assert held(sums) == [head - 3, head - 2, head - 1, head]


def test_a_clock_that_goes_back_changes_nothing() -> None:
    sums = rolling()
    sums.advance(109, [ONE_EACH])
    for clock in (108, 99, 0, -5):
        sums.advance(clock, [ONE_EACH])
        assert held(sums) == [7, 8, 9, 10]


def test_partitions_are_added() -> None:
    sums = rolling(2)
    sums.advance(35, [{0: {0: 1}, 3: {1: 5}}, {3: {0: 10, 1: -2}}, {}])
    assert sums.sums == [11, 3]
    sums.advance(45, [{0: {0: 1}, 3: {1: 5}}, {3: {0: 10, 1: -2}, 4: {0: 100}}, {}])
    assert sums.sums == [110, 3]


def test_only_panes_in_the_window_take_additions() -> None:
    sums = rolling()
    sums.add(10, {0: 1})
    assert sums.sums == [0]  # before the clock is known
    sums.advance(109, [])
    for pane in range(30):
        sums.add(pane, ONE_EACH[pane])
    assert held(sums) == [7, 8, 9, 10]


def test_a_rebuild_keeps_the_clock() -> None:
    sums = rolling()
    sums.rebuild(None, [ONE_EACH])
    assert sums.sums == [0]  # no clock yet
    sums.advance(109, [])
    sums.rebuild(None, [ONE_EACH])
    assert held(sums) == [7, 8, 9, 10]
    sums.rebuild(None, [{}])
    assert sums.sums == [0]


def test_a_dropped_pane_leaves_the_sum_if_the_window_holds_it() -> None:
    sums = rolling()
    sums.remove(10, ONE_EACH[10])
    assert sums.sums == [0]  # before the clock is known
    sums.advance(109, [ONE_EACH])
    for pane in (6, 7, 11):
        sums.remove(pane, ONE_EACH[pane])
    assert held(sums) == [8, 9, 10]


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


DATES = (
    "2023-12-31", "2024-01-01", "2024-03-31", "2024-04-01", "2024-04-30", "2024-05-14", "2024-05-15", "2024-12-31",
    "2025-01-01",
)  # fmt: skip
DAYS = {day(text): {0: 10**place} for place, text in enumerate(DATES)}
"""One each, as above."""


def to_date() -> ToDateSums:
    sums = ToDateSums()
    for period in PERIODS:
        sums.sums[period] = [0]
    return sums


def shown(sums: ToDateSums) -> dict[str, list[int]]:
    """The places in ``DAYS`` that each period holds."""
    return {
        period: [place for place, digit in enumerate(reversed(str(sum_[0]))) if digit == "1"]
        for period, sum_ in sums.sums.items()
    }


MIDDLE = {"day": [6], "month": [5, 6], "quarter": [3, 4, 5, 6], "year": [1, 2, 3, 4, 5, 6, 7]}


@pytest.mark.parametrize("steps", [["2024-05-15"], ["2023-12-31", "2024-01-01", "2024-04-30", "2024-05-15"]])
def test_periods_hold_their_days(steps: list[str]) -> None:
    sums = to_date()
    for today in steps:
        sums.advance(day(today), [DAYS])
    assert shown(sums) == MIDDLE


def test_a_day_that_goes_back_changes_nothing() -> None:
    sums = to_date()
    sums.advance(day("2024-05-15"), [DAYS])
    sums.advance(day("2024-05-14"), [DAYS])
    sums.advance(day("2023-05-15"), [DAYS])
    assert shown(sums) == MIDDLE


def test_every_period_begins_anew_with_the_year() -> None:
    sums = to_date()
    sums.advance(day("2024-12-31"), [DAYS])
    assert shown(sums) == {"day": [7], "month": [7], "quarter": [7], "year": [1, 2, 3, 4, 5, 6, 7]}
    sums.advance(day("2025-01-01"), [DAYS])
    assert shown(sums) == {period: [8] for period in PERIODS}


def test_additions_go_to_the_periods_that_hold_the_day() -> None:
    sums = to_date()
    sums.add(day("2024-05-15"), {0: 1})
    assert shown(sums) == {period: [] for period in PERIODS}  # before the day is known
    sums.advance(day("2024-05-15"), [])
    for ordinal, row in DAYS.items():
        sums.add(ordinal, row)
    assert shown(sums) == MIDDLE


def test_a_rebuild_keeps_the_day() -> None:
    sums = to_date()
    sums.rebuild([DAYS])
    assert shown(sums) == {period: [] for period in PERIODS}  # no day yet
    sums.advance(day("2024-05-15"), [])
    sums.rebuild([DAYS, DAYS])
    assert {period: sum_[0] for period, sum_ in sums.sums.items()} == {
        period: 2 * sum(10**place for place in places) for period, places in MIDDLE.items()
    }
