"""Business time: what remains of a stretch of time when only a calendar's opening hours count."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Opening hours of a week in a zone. `hours` maps `mon` … `sun` to `HH:MM-HH:MM` spans; `holidays` are dates."""

    zone: str = "UTC"
    hours: dict[str, tuple[str, ...]] = {}
    holidays: tuple[date, ...] = ()


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    value = int(hour) * 60 + int(minute)
    if not 0 <= value <= 24 * 60:
        raise ValueError(f"expected a time of day from 00:00 to 24:00, got {text!r}")
    return value


class BusinessHours:
    """Business time of one calendar, in UTC epoch ms. No calendar (None) means that all time counts."""

    def __init__(self, calendar: Calendar | None) -> None:
        self._calendar = calendar
        self._days: dict[date, list[tuple[int, int]]] = {}
        if calendar is None:
            return
        self._zone = ZoneInfo(calendar.zone)
        if unknown := set(calendar.hours) - set(WEEKDAYS):
            raise ValueError(f"calendar: expected the days {', '.join(WEEKDAYS)}, got {sorted(unknown)}")
        self._week: list[list[tuple[int, int]]] = []
        for day in WEEKDAYS:
            spans = sorted(tuple(map(_minutes, span.split("-", 1))) for span in calendar.hours.get(day, ()))
            if any(start >= end for start, end in spans):
                raise ValueError(f"calendar: {day} has a span that does not end after it starts")
            self._week.append([(start, end) for start, end in spans])
        if not any(self._week):
            raise ValueError("calendar: expected opening hours on at least one day, got none")

    def between(self, start_ms: int, end_ms: int) -> int:
        """Business ms in `[start_ms, end_ms)`; 0 when the end is not after the start."""
        if end_ms <= start_ms:
            return 0
        if self._calendar is None:
            return end_ms - start_ms
        total, day = 0, self._local_date(start_ms)
        last = self._local_date(end_ms)
        while day <= last:
            for opens, closes in self._spans(day):
                total += max(0, min(closes, end_ms) - max(opens, start_ms))
            day += timedelta(days=1)
        return total

    def after(self, start_ms: int, business_ms: int) -> int:
        """The instant at which `business_ms` of business time have passed since `start_ms`."""
        if self._calendar is None:
            return start_ms + business_ms
        remaining, day = business_ms, self._local_date(start_ms)
        # A year without enough opening hours means holidays eat them all: then calendar time counts.
        for _ in range(3660):
            for opens, closes in self._spans(day):
                begin = max(opens, start_ms)
                if closes - begin >= remaining and closes > begin:
                    return begin + remaining
                remaining -= max(0, closes - begin)
            day += timedelta(days=1)
        return start_ms + business_ms

    def _local_date(self, at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self._zone).date()

    def _spans(self, day: date) -> list[tuple[int, int]]:
        found = self._days.get(day)
        if found is None:
            calendar = self._calendar
            assert calendar is not None
            week = [] if day in calendar.holidays else self._week[day.weekday()]
            midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
            found = [
                (
                    int((midnight + timedelta(minutes=start)).timestamp() * 1000),
                    int((midnight + timedelta(minutes=end)).timestamp() * 1000),
                )
                for start, end in week
            ]
            self._days[day] = found
        return found
