"""Business time agrees with the wall clock, minute by minute, across clock changes."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.calendars import WEEKDAYS, BusinessHours, Calendar
from streams.days import END_MS

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
#: Zones and a day on which their clocks change: by an hour or half of one, at night or at midnight.
CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Santiago", "2026-09-06"),
    ("America/Havana", "2026-11-01"),
    ("Asia/Beirut", "2026-03-29"),
    ("Asia/Kathmandu", "2026-03-29"),
]
_times = st.integers(0, 48).map(lambda half_hours: half_hours * 30)


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@st.composite
def calendars(draw: st.DrawFn, zone: str, near: str) -> Calendar:
    """Draw any spans on any days, overlapping or not, and sometimes a holiday."""
    span = st.lists(_times, min_size=2, max_size=2, unique=True).map(sorted)
    spans = st.lists(span, max_size=3).map(lambda pairs: tuple(f"{clock(a)}-{clock(b)}" for a, b in pairs))
    hours = draw(st.fixed_dictionaries(dict.fromkeys(WEEKDAYS, spans)))
    if not any(hours.values()):
        hours["wed"] = ("08:00-18:00",)
    holidays = draw(st.sampled_from([(), (date.fromisoformat(near),)]))
    return Calendar(zone, hours, holidays)


def open_minutes(calendar: Calendar, start_ms: int, length: int) -> int:
    """Count those of the next minutes at which the wall clock is within a span of its day."""
    zone = ZoneInfo(calendar.zone)
    spans = {day: [span.split("-") for span in spans] for day, spans in calendar.hours.items()}
    found = 0
    for at_ms in range(start_ms, start_ms + length * MINUTE_MS, MINUTE_MS):
        local = datetime.fromtimestamp(at_ms / 1000, zone)
        spans_of_day = spans.get(WEEKDAYS[local.weekday()])
        if spans_of_day and local.date() not in calendar.holidays:
            shown = f"{local.hour:02}:{local.minute:02}"
            found += any(start <= shown < end for start, end in spans_of_day)
    return found


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(CHANGES), st.integers(-3000, 3000), st.integers(0, 6000))
def test_business_time_agrees_with_the_wall_clock_minute_by_minute(
    data: st.DataObject, change: tuple[str, str], offset: int, length: int
) -> None:
    zone, day = change
    calendar = data.draw(calendars(zone, day))
    hours = BusinessHours(calendar)
    start_ms = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 1000 + offset * MINUTE_MS
    open_ms = MINUTE_MS * open_minutes(calendar, start_ms, length)
    assert hours.between(start_ms, start_ms + length * MINUTE_MS) == open_ms
    # `after` is the first instant with that much business time before it.
    reached = hours.after(start_ms, open_ms)
    if open_ms:
        assert hours.between(start_ms, reached) == open_ms
        assert hours.between(start_ms, reached - 1) == open_ms - 1


@settings(max_examples=12, deadline=None)
@given(st.integers(946_684_800_000, END_MS - 1), st.integers(946_684_800_000, END_MS - 1), st.integers(0, 10**12))
def test_the_order_of_calls_changes_no_result(one: int, other: int, business_ms: int) -> None:
    calendar = Calendar("Europe/Berlin", {"mon": ("08:00-13:00", "12:00-18:00"), "sun": ("00:00-02:30",)})
    reused, fresh = BusinessHours(calendar), BusinessHours(calendar)
    start, end = sorted((one, other))
    reused.after(end, business_ms)
    assert reused.between(start, end) == fresh.between(start, end)
    assert reused.after(start, business_ms) == fresh.after(start, business_ms) <= END_MS


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def test_overlapping_spans_count_once() -> None:
    # Monday 08:00 to 18:00 in Berlin, as 08-13 and 12-18: nine hours after 08:00 is 17:00, until 16:30 it is 8 h 30.
    hours = BusinessHours(Calendar("Europe/Berlin", {"mon": ("08:00-13:00", "12:00-18:00")}))
    assert hours.after(at("2026-11-23T08:00+01:00"), 9 * HOUR_MS) == at("2026-11-23T17:00+01:00")
    assert hours.between(at("2026-11-23T08:00+01:00"), at("2026-11-23T16:30+01:00")) == 30_600_000


@pytest.mark.parametrize(
    ("spans", "open_hours"),
    [
        (("00:00-02:30", "02:30-10:00"), 9),  # without a break: 00:00 to 10:00 on a day that skips an hour
        (("00:00-02:30",), 2),  # the wall clock never shows 02:30: at 02:00 it is 03:00
        (("02:30-10:00",), 7),  # open from 03:00, which follows 01:59
        (("02:00-03:00",), 0),
    ],
)
def test_a_span_with_an_end_in_the_hour_that_is_skipped(spans: tuple[str, ...], open_hours: int) -> None:
    hours = BusinessHours(Calendar("Europe/Berlin", {"sun": spans}))
    assert hours.between(at("2026-03-29T00:00+01:00"), at("2026-03-30T00:00+02:00")) == open_hours * HOUR_MS


def test_an_endless_target_is_due_at_the_end_of_the_calendar() -> None:
    hours = BusinessHours(Calendar("Europe/Berlin", {"mon": ("08:00-18:00",)}))
    assert hours.after(at("2026-11-23T08:00+01:00"), 10**15) == END_MS
    assert BusinessHours(None).after(at("2026-11-23T08:00+01:00"), 10**15) == END_MS
    # Hours that holidays cancel for good never come.
    mondays = [date.fromordinal(n) for n in range(date(2098, 1, 6).toordinal(), date(2102, 1, 1).toordinal(), 7)]
    never = BusinessHours(Calendar("UTC", {"mon": ("08:00-18:00",)}, tuple(mondays)))
    assert never.after(at("2098-01-03T00:00+00:00"), HOUR_MS) == END_MS


def test_a_date_decades_ahead_costs_no_more_than_tomorrow() -> None:
    # The expanded calendar is cached: a thousand calls about 2099 search the lists that the first one built.
    hours = BusinessHours(Calendar("Europe/Berlin", dict.fromkeys(WEEKDAYS[:5], ("08:00-18:00",))))
    start, end = at("2026-11-23T08:00+01:00"), at("2099-12-31T00:00+00:00")
    first = hours.between(start, end)
    made = hours._closes
    for n in range(1_000):
        assert hours.between(start + n, end) == first - n
    assert hours._closes is made


def test_years_in_any_order_are_expanded_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = Calendar(zone="Europe/Berlin", hours={"mon": ("09:00-12:00", "13:00-17:00"), "sat": ("22:00-24:00",)})
    upward, downward = BusinessHours(calendar), BusinessHours(calendar)
    laid_out: list[int] = []
    spans_of_year = BusinessHours._spans_of_year

    def watched(hours: BusinessHours, year: int) -> Any:
        laid_out.append(year)
        return spans_of_year(hours, year)

    monkeypatch.setattr(BusinessHours, "_spans_of_year", watched)
    downward.between(at("2099-06-01 12:00"), at("2099-12-31 12:00"))
    for year in range(2099, 1999, -1):
        downward.after(at(f"{year}-06-01 12:00"), 3_600_000)
    assert len(laid_out) == len(set(laid_out)) > 100
    for year in (2000, 2001, 2026, 2057, 2098):
        start_ms = at(f"{year}-06-06 12:00")
        assert downward.after(start_ms, 90_000_000) == upward.after(start_ms, 90_000_000)
        assert downward.between(start_ms, start_ms + 10**10) == upward.between(start_ms, start_ms + 10**10) > 0
    assert downward.between(at("2000-01-01 00:00"), END_MS) == upward.between(at("2000-01-01 00:00"), END_MS)
