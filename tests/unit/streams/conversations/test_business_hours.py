"""SLA clocks in business hours, and invalid calendars."""

from datetime import date

import msgspec
import pytest

from streams.calendars import BusinessHours, Calendar
from streams.panes.counters import Counter
from streams.rules import Queue, Rules, RulesConfig, Targets
from tests.support.streams.events import HOUR_MS, MINUTE_MS, does, instant, opened, reply
from tests.support.streams.log import DUE, Log, minutes_long

OFFICE = Calendar(
    zone="Europe/Berlin",
    hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-12:00", "13:00-17:00")),
    holidays=(date(2024, 3, 5),),
)
OFFICE_RULES = RulesConfig(
    calendars={"office": OFFICE},
    queues={"desk": Queue(calendar="office", targets=Targets(first_response_seconds=7200))},
)


def test_a_target_runs_in_the_calendar_of_its_queue() -> None:
    # Monday 15:30 UTC is 16:30 in Berlin: 30 min until 17:00; Tuesday is a holiday;
    # Wednesday 9:00 + 90 min = 10:30 = 9:30 UTC
    log = Log(OFFICE_RULES, [opened("a", at="15:30", queue="desk"), opened("b", at="15:30", queue="door")])
    assert log.minutes(DUE) == {"2024-03-06 09:30": 1}
    log.fold(reply("a", at="2024-03-06 09:00"))
    # calendar time 41.5 h; business time 30 + 60 min
    assert log.durations(Counter.FIRST_RESPONSE) == {"2024-03-06 09:00 " + minutes_long(41.5 * 60): 1}
    assert log.durations(Counter.FIRST_RESPONSE_BUSINESS) == {"2024-03-06 09:00 " + minutes_long(90): 1}
    assert log.durations(Counter.SLA_MARGIN) == {"2024-03-06 09:00 " + minutes_long(30): 1}


def test_a_pause_keeps_business_time() -> None:
    # 8:00 UTC = 9:00 Berlin; paused 9:00 UTC after 1 h of 2; resumed 15:30 UTC = 16:30: 30 min today, 30 on Wednesday
    log = Log(OFFICE_RULES, [opened("a", at="08:00", queue="desk"), does("waiting", "a", at="09:00")])
    assert log.fold(does("resumed", "a", at="15:30")).minutes(DUE) == {"2024-03-06 08:30": 1}


def test_target_and_calendar_are_frozen_when_the_clock_starts() -> None:
    log = Log(OFFICE_RULES, [opened("a", at="15:30", queue="desk"), does("queued", "a", at="15:35", queue="door")])
    assert log.minutes(DUE, queue="door") == {"2024-03-06 09:30": 1}
    assert log.minutes(DUE, queue="desk") == {}


def test_opening_hours_follow_the_clock_changes_of_their_zone() -> None:
    # Friday 2024-03-29 16:00 in Berlin is 15:00 UTC; the clocks go forward on Sunday, so Monday 09:00 is 07:00 UTC
    hours = BusinessHours(OFFICE)
    start, end = instant("2024-03-29 15:00"), instant("2024-04-01 08:00")
    assert hours.between(start, end) == 2 * HOUR_MS  # 16:00-17:00 and 09:00-10:00
    assert hours.after(start, 2 * HOUR_MS) == end
    assert hours.between(end, start) == 0
    # the lunch break does not count: 11:30 + 1 h = 13:30 (UTC 10:30 to 12:30)
    assert hours.after(instant("10:30"), 60 * MINUTE_MS) == instant("12:30")


@pytest.mark.parametrize(
    ("calendar", "complaint"),
    [
        (Calendar(hours={"monday": ("09:00-17:00",)}), "expected the days mon"),
        (Calendar(hours={"mon": ("17:00-09:00",)}), "mon: expected a span that ends after it starts"),
        (Calendar(hours={"mon": ("09:00-25:00",)}), "24:00"),
        (Calendar(hours={"mon": ("08:60-18:00",)}), "mon: expected HH:MM-HH:MM .* got '08:60-18:00'"),
        (Calendar(hours={"tue": ("8-18",)}), "tue: expected HH:MM-HH:MM .* got '8-18'"),
        (Calendar(hours={"sun": ("",)}), "sun: expected HH:MM-HH:MM"),
        (Calendar(hours={"mon": ("24:00-24:00",)}), "mon: expected HH:MM-HH:MM"),
        (Calendar("Mars/Olympus", hours={"mon": ("08:00-18:00",)}), "zone: expected a time zone .* got 'Mars/Olympus'"),
        (Calendar(), "at least one day"),
    ],
)
def test_an_invalid_calendar_is_refused_with_a_reason(calendar: Calendar, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BusinessHours(calendar)


def test_the_error_for_an_unknown_calendar_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"calendar: expected one of rules\.calendars \(office\), got 'ofice'"):
        Rules(msgspec.structs.replace(OFFICE_RULES, queues={"desk": Queue(calendar="ofice")}))
