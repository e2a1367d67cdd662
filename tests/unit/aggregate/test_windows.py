"""Windows, panes and calendar days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.aggregate.windows import DAY, HOUR, MINUTE, PERIODS, SECOND, WINDOWS, Calendar, late_before, period_starts

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    "Asia/Shanghai", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/St_Johns", "Pacific/Chatham", "Africa/Cairo",
)  # fmt: skip


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def local(time_us: int, zone: str) -> datetime:
    return (EPOCH + timedelta(microseconds=time_us)).astimezone(ZoneInfo(zone))


def test_the_windows_are_those_of_the_contract() -> None:
    assert {window.name: (window.width, window.pane, window.panes) for window in WINDOWS} == {
        "1m": (60 * SECOND, 10 * SECOND, 6),
        "5m": (300 * SECOND, 10 * SECOND, 30),
        "1h": (HOUR, MINUTE, 60),
        "24h": (24 * HOUR, MINUTE, 1440),
        "7d": (7 * DAY, HOUR, 168),
        "30d": (30 * DAY, HOUR, 720),
    }


@pytest.mark.parametrize("into_hour", [0, 1, 30 * MINUTE, HOUR - 1])
def test_late_is_what_lies_before_the_longest_window(into_hour: int) -> None:
    hour = us(datetime(2024, 2, 29, 7, tzinfo=UTC))
    assert late_before(hour + into_hour) == hour + HOUR - 30 * DAY


def test_lateness_moves_on_with_the_hour() -> None:
    hour = us(datetime(2024, 2, 29, 7, tzinfo=UTC))
    assert late_before(hour) - late_before(hour - 1) == HOUR
    assert late_before(-1) == -30 * DAY


MIDNIGHTS = [
    ("Asia/Shanghai", "2024-01-01", 16),
    ("Europe/Berlin", "2024-03-31", 23),  # the day that clocks go forward
    ("Europe/Berlin", "2024-04-01", 22),
    ("Europe/Berlin", "2024-10-27", 22),  # the day that clocks go back
    ("Europe/Berlin", "2024-10-28", 23),
    ("Asia/Kathmandu", "2024-02-29", 18.25),
    ("Australia/Lord_Howe", "2024-01-01", 13),
    ("Australia/Lord_Howe", "2024-04-08", 13.5),  # clocks went back by half an hour the day before
    ("America/New_York", "2024-07-01", 4),
]


@pytest.mark.parametrize(("zone", "day", "utc_hour"), MIDNIGHTS)
def test_a_day_begins_at_local_midnight(zone: str, day: str, utc_hour: float) -> None:
    wanted = date.fromisoformat(day)
    midnight = us(datetime(wanted.year, wanted.month, wanted.day, tzinfo=ZoneInfo(zone)))
    assert midnight % DAY == utc_hour * HOUR
    calendar = Calendar(zone)
    for _ in range(2):  # looked up, and remembered
        assert calendar.day(midnight - 1) == wanted.toordinal() - 1
        assert calendar.day(midnight) == wanted.toordinal()
        assert calendar.day(midnight // HOUR * HOUR + HOUR - 1) == wanted.toordinal()


def test_clocks_that_go_back_into_the_day_before_split_the_hour() -> None:
    # Newfoundland until 2011: at 00:01 on Sunday it became 23:01 on Saturday (tz database, northamerica).
    hour = us(datetime(2010, 11, 7, 2, tzinfo=UTC))
    calendar = Calendar("America/St_Johns")
    saturday = date(2010, 11, 6).toordinal()
    days = [calendar.day(hour + minute * MINUTE) - saturday for minute in (0, 29, 30, 31, 59)]
    assert days == [0, 0, 1, 0, 0]


@given(st.sampled_from(ZONES), st.lists(st.datetimes(datetime(1901, 1, 2), datetime(2060, 1, 1)), min_size=1))  # noqa: DTZ001
def test_days_are_those_of_the_time_zone_database(zone: str, moments: list[datetime]) -> None:
    calendar = Calendar(zone)
    for moment in moments:
        time_us = us(moment.replace(tzinfo=UTC))
        for near in (time_us, time_us // HOUR * HOUR, time_us // (15 * MINUTE) * (15 * MINUTE) - 1):
            assert calendar.day(near) == local(near, zone).toordinal()


def test_remembered_hours_are_bounded() -> None:
    calendar = Calendar("Asia/Shanghai")
    for hour in range(100_003):
        calendar.day(hour * HOUR)
    assert len(calendar._day_of_hour) < 100_002
    assert calendar.day(0) == date(1970, 1, 1).toordinal()
    assert calendar.day(16 * HOUR) == date(1970, 1, 2).toordinal()


@pytest.mark.parametrize(
    ("day", "starts"),
    [
        ("2024-01-01", ("2024-01-01", "2024-01-01", "2024-01-01", "2024-01-01")),
        ("2024-02-29", ("2024-02-29", "2024-02-01", "2024-01-01", "2024-01-01")),
        ("2024-03-31", ("2024-03-31", "2024-03-01", "2024-01-01", "2024-01-01")),
        ("2024-04-01", ("2024-04-01", "2024-04-01", "2024-04-01", "2024-01-01")),
        ("2024-09-30", ("2024-09-30", "2024-09-01", "2024-07-01", "2024-01-01")),
        ("2023-12-31", ("2023-12-31", "2023-12-01", "2023-10-01", "2023-01-01")),
    ],
)
def test_where_periods_start(day: str, starts: tuple[str, ...]) -> None:
    found = period_starts(date.fromisoformat(day).toordinal())
    assert {period: date.fromordinal(start).isoformat() for period, start in found.items()} == dict(
        zip(PERIODS, starts, strict=True)
    )
