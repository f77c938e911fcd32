"""Business time: the part of an interval that lies within a calendar's opening hours.

Opening hours are local wall-clock times: an hour skipped by a clock change contains no business time, a repeated one
counts twice where it lies within a span, and overlapping spans count once.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import msgspec

from streams.days import END_MS, time_zone

END_YEAR = 2100

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE_MS = 60_000
DAY_MINUTES = 1440

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Opening hours of a week in a zone. `hours` maps `mon` … `sun` to `HH:MM-HH:MM` spans; `holidays` are dates."""

    zone: str = "UTC"
    hours: dict[str, tuple[str, ...]] = {}
    holidays: tuple[date, ...] = ()


class BusinessHours:
    """Business time of one calendar, in UTC epoch ms. Without a calendar (None) all time counts.

    Raises ValueError for an invalid calendar. Spans are expanded year by year on demand, with the cumulative business
    time before each, so that a query costs two binary searches however long the interval is.
    """

    def __init__(self, calendar: Calendar | None) -> None:
        self._calendar = calendar
        if calendar is None:
            return
        self._zone = time_zone("zone", calendar.zone)
        if unknown := set(calendar.hours) - set(WEEKDAYS):
            raise ValueError(f"hours: expected the days {', '.join(WEEKDAYS)}, got {sorted(unknown)}")
        self._week = [_joined(day, calendar.hours.get(day, ())) for day in WEEKDAYS]
        if not any(self._week):
            raise ValueError("hours: expected opening hours on at least one day, got none")
        self._holidays = frozenset(calendar.holidays)
        #: The spans of the years `[_first_year, _end_year)`, and the business time before each, counted from the year
        #: requested first; negative for earlier years.
        self._opens: list[int] = []
        self._closes: list[int] = []
        self._before: list[int] = []
        self._first_year = self._end_year = 0

    def between(self, start_ms: int, end_ms: int) -> int:
        """Return the business ms in `[start_ms, end_ms)`; 0 if the end is not after the start."""
        if end_ms <= start_ms:
            return 0
        if self._calendar is None:
            return end_ms - start_ms
        self._expand(_year(start_ms) - 1, _year(end_ms) + 2)
        return self._until(end_ms) - self._until(start_ms)

    def after(self, start_ms: int, business_ms: int) -> int:
        """Return the instant at which `business_ms` of business time have passed since `start_ms`, at most END_MS."""
        if self._calendar is None:
            return min(start_ms + business_ms, END_MS)
        year = _year(start_ms)
        self._expand(year - 1, year + 2)
        first = bisect_right(self._closes, start_ms)
        wanted = self._until(start_ms) + business_ms
        while self._total_ms() < wanted or first == len(self._closes):
            if self._end_year > END_YEAR:
                return END_MS
            self._expand(self._first_year, self._end_year + 1)
        # The last span with less than `wanted` before it; for no business time, the span that is open or opens next.
        index = max(first, bisect_left(self._before, wanted) - 1)
        return min(max(start_ms, self._opens[index] + wanted - self._before[index]), END_MS)

    def _until(self, at_ms: int) -> int:
        """Return the business ms before an instant, on the scale of `_before`."""
        index = bisect_right(self._opens, at_ms) - 1
        if index < 0:
            return self._before[0] if self._before else 0
        return self._before[index] + min(at_ms, self._closes[index]) - self._opens[index]

    def _total_ms(self) -> int:
        """Return the business ms before the end of the last expanded span, on the scale of `_before`."""
        return self._before[-1] + self._closes[-1] - self._opens[-1] if self._before else 0

    def _expand(self, first_year: int, end_year: int) -> None:
        if self._end_year == 0:
            self._first_year = self._end_year = first_year
        if first_year < self._first_year:
            self._expand_before(first_year)
        for year in range(self._end_year, end_year):
            self._end_year = year + 1
            for opens, closes in self._spans_of_year(year):
                self._before.append(self._total_ms())
                self._opens.append(opens)
                self._closes.append(closes)

    def _expand_before(self, first_year: int) -> None:
        years = range(first_year, self._first_year)
        earlier = [span for year in years for span in self._spans_of_year(year)]
        lengths = [closes - opens for opens, closes in earlier]
        start_ms = (self._before[0] if self._before else 0) - sum(lengths)
        self._before[:0] = accumulate(lengths[:-1], initial=start_ms) if lengths else ()
        self._opens[:0] = [opens for opens, _ in earlier]
        self._closes[:0] = [closes for _, closes in earlier]
        self._first_year = first_year

    def _spans_of_year(self, year: int) -> Iterator[tuple[int, int]]:
        day, last = date(year, 1, 1), date(year, 12, 31)
        start = self._midnight(day)
        while day <= last:
            following = day + timedelta(days=1)
            end = self._midnight(following)
            spans = [] if day in self._holidays else self._week[day.weekday()]
            if spans:
                midnight = (day.toordinal() - _EPOCH) * DAY_MINUTES
                if end - start == DAY_MINUTES:
                    shift = start - midnight
                    yield from (
                        ((midnight + a + shift) * MINUTE_MS, (midnight + b + shift) * MINUTE_MS) for a, b in spans
                    )
                else:
                    yield from self._spans_of_transition_day(start, end, spans)
            day, start = following, end

    def _midnight(self, day: date) -> int:
        """Return the first minute of a local day, counted from the epoch."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) // 60

    def _spans_of_transition_day(self, start: int, end: int, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield the spans of a day with a clock change, checking the local time of every minute."""
        opened = None
        for minute in range(start, end):
            local = datetime.fromtimestamp(minute * 60, UTC).astimezone(self._zone)
            minute_of_day = local.hour * 60 + local.minute
            is_open = any(opens <= minute_of_day < closes for opens, closes in spans)
            if is_open and opened is None:
                opened = minute
            elif not is_open and opened is not None:
                yield opened * MINUTE_MS, minute * MINUTE_MS
                opened = None
        if opened is not None:
            yield opened * MINUTE_MS, end * MINUTE_MS


def _joined(day: str, texts: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the spans of a day in minutes, merging those that overlap or touch. Raises ValueError."""
    joined: list[tuple[int, int]] = []
    for opens, closes in sorted(_span(day, text) for text in texts):
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
        else:
            joined.append((opens, closes))
    return joined


def _span(day: str, text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"hours.{day}: expected HH:MM-HH:MM from 00:00 to 24:00, such as 08:00-18:00, got {text!r}")
    opens = int(match[1]) * 60 + int(match[2])
    closes = int(match[3]) * 60 + int(match[4]) if match[3] else DAY_MINUTES
    if opens >= closes:
        raise ValueError(f"hours.{day}: expected a span that ends after it starts, got {text!r}")
    return opens, closes


def _year(at_ms: int) -> int:
    return datetime.fromtimestamp(at_ms / 1000, UTC).year
