"""Rolling windows made of panes, and calendar periods.

All times are integer microseconds since the Unix epoch. A pane is named by its index, time // pane length. At clock
``now`` a window of width W and pane g holds the panes (now//g - W/g, now//g]: the pane that the clock is in, and those
before it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Window:
    """A rolling window: its name as a label, its width and its pane in microseconds."""

    name: str
    width: int
    pane: int

    @property
    def panes(self) -> int:
        """How many panes it is made of."""
        return self.width // self.pane


PANE_LENGTHS = (10 * SECOND, MINUTE, HOUR)

WINDOWS = (
    Window("1m", MINUTE, PANE_LENGTHS[0]),
    Window("5m", 5 * MINUTE, PANE_LENGTHS[0]),
    Window("1h", HOUR, PANE_LENGTHS[1]),
    Window("24h", DAY, PANE_LENGTHS[1]),
    Window("7d", 7 * DAY, PANE_LENGTHS[2]),
    Window("30d", 30 * DAY, PANE_LENGTHS[2]),
)

PERIODS = ("day", "month", "quarter", "year")

_LONGEST = WINDOWS[-1]


_Clock = TypeVar("_Clock", int, npt.NDArray[np.int64])


def late_before(clock_us: _Clock) -> _Clock:
    """The start of the longest window at a clock, or at each of many: an older transaction is late."""
    return (clock_us // _LONGEST.pane + 1) * _LONGEST.pane - _LONGEST.width


class Calendar:
    """Local calendar days of one time zone, as proleptic Gregorian ordinals."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._day_of_hour: dict[int, int | None] = {}

    def day(self, time_us: int) -> int:
        """The ordinal of the local day that holds the time.

        An hour that lies within one day is looked up once: zones with offsets of minutes split some hours. An hour in
        which the clocks change is not trusted either: Newfoundland's went back at 00:01, into the day before.
        """
        hour = time_us // HOUR
        try:
            day = self._day_of_hour[hour]
        except KeyError:
            first, last = self._local(hour * HOUR), self._local(hour * HOUR + HOUR - 1)
            whole = first.date() == last.date() and first.utcoffset() == last.utcoffset()
            if len(self._day_of_hour) > 100_000:
                self._day_of_hour.clear()
            day = self._day_of_hour[hour] = first.toordinal() if whole else None
        return self._local(time_us).toordinal() if day is None else day

    def _local(self, time_us: int) -> datetime:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
        return moment.astimezone(self._zone)


def period_starts(day: int) -> dict[str, int]:
    """The first local day of the day, month, quarter and year that hold a day (ordinals)."""
    moment = date.fromordinal(day)
    return {
        "day": day,
        "month": moment.replace(day=1).toordinal(),
        "quarter": date(moment.year, (moment.month - 1) // 3 * 3 + 1, 1).toordinal(),
        "year": date(moment.year, 1, 1).toordinal(),
    }
