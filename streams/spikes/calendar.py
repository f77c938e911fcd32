"""Local time: hours of the week and days that are like Sundays, of all series that share a calendar."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

WEEK_HOURS, DAY_HOURS, WEEKEND_HOUR = 168, 24, 120
QUARTERS, QUARTER_MINUTES = 4, 15
#: 1970-01-01 was a Thursday; weeks begin on Monday.
EPOCH_HOUR_OF_WEEK = 72


class LocalQuarter(NamedTuple):
    """A quarter of an hour in local time: `number` counts them since 1970-01-01 00:00 local time."""

    number: int
    is_holiday: bool = False

    @property
    def hour(self) -> int:
        """The local hour since the epoch."""
        return self.number // QUARTERS

    @property
    def day(self) -> int:
        """The local day since the epoch."""
        return self.hour // DAY_HOURS

    @property
    def place(self) -> int:
        """The quarter's place in its hour, 0 to 3."""
        return self.number % QUARTERS


def hour_of_week(hour: int) -> int:
    """Return the hour of the week of a local hour since the epoch; 0 is Monday 00:00 to 01:00."""
    return (hour + EPOCH_HOUR_OF_WEEK) % WEEK_HOURS


def hours_alike(hour: int) -> range:
    """Return the same hour of all working days, or of both days of the weekend, as hours of the week."""
    if hour < WEEKEND_HOUR:
        return range(hour % DAY_HOURS, WEEKEND_HOUR, DAY_HOURS)
    return range(WEEKEND_HOUR + hour % DAY_HOURS, WEEK_HOURS, DAY_HOURS)


def as_on_sunday(hour: int) -> int:
    """Return the hour of the week of the same time on a Sunday."""
    return WEEK_HOURS - DAY_HOURS + hour % DAY_HOURS


class LocalTime:
    """The local time of one zone, None for UTC, and its holidays: days that are like Sundays."""

    def __init__(self, zone: ZoneInfo | None = None, holidays: Collection[date] = ()) -> None:
        self._zone = zone
        self._holidays = frozenset(holidays)

    def quarter(self, minute: int) -> LocalQuarter:
        """Return the local quarter of an hour that contains a minute since the epoch, UTC."""
        now = datetime.fromtimestamp(minute * 60, self._zone or UTC)
        offset = now.utcoffset()
        offset_minutes = round(offset.total_seconds()) // 60 if offset else 0
        return LocalQuarter((minute + offset_minutes) // QUARTER_MINUTES, now.date() in self._holidays)
