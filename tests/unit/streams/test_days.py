"""The days of a zone follow one another without a gap."""

import zoneinfo

import pytest

from streams.days import ReportingDays
from tests.support.zone_traffic import DAY_MS, HARD_ZONES, clock_changes, date_of


@pytest.mark.parametrize(
    "name", [*HARD_ZONES, "America/Moncton", "America/Goose_Bay", "Antarctica/Casey", "Pacific/Apia"]
)
def test_days_follow_one_another_without_a_gap_across_clock_changes(name: str) -> None:
    """Also where clocks went back over midnight, until 2011 in St. John's at 00:01, so that a date occurred twice."""
    days, zone = ReportingDays(name), zoneinfo.ZoneInfo(name)
    for change in clock_changes(zone, 946_684_800_000, 1_800_000_000_000) or [1_700_000_000_000]:
        for at_ms in range(change - 2 * DAY_MS, change + 2 * DAY_MS, 1_800_000):
            start_ms, end_ms = days.start(at_ms), days.end(at_ms)
            assert start_ms <= at_ms < end_ms
            assert days.start(start_ms) == days.start(end_ms - 1) == start_ms
            assert days.start(end_ms) == end_ms == days.end(start_ms)
            # A day is named after the date at its noon.
            assert date_of(zone, start_ms + DAY_MS // 2) in (date_of(zone, start_ms), date_of(zone, end_ms - 1))
