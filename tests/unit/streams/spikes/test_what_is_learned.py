"""What detectors have missed or told for ever, on series of a known rate: each failure by name.

Chance alarms are allowed, one in seven days for each series: sums over six series are compared with what is expected.
"""

from statistics import median

import numpy as np
import pytest

from streams.spikes.detectors import SpikeDetectors
from tests.support.streams.counts import BINS_PER_HOUR, DAY, MONDAY, WEEK, Alarm, alarms, observed, usual

SERIES = 6
#: Bins: the detectors' own delay is at least one.
HOUR = BINS_PER_HOUR


def on_day(found: list[Alarm], weekday: int) -> list[Alarm]:
    """Return the alarms on one day of the week, 0 for Monday."""
    return [alarm for alarm in found if (alarm.at - MONDAY) // DAY % 7 == weekday]


def delays(found: list[Alarm], begin: int, bins: int) -> list[int | None]:
    """Return, for each series, the bins until an alarm after `begin`, 1 for the bin itself, None within `bins`."""
    return [
        min(
            (alarm.at - begin + 1 for alarm in found if alarm.series == one and 0 <= alarm.at - begin < bins),
            default=None,
        )
        for one in range(SERIES)
    ]


@pytest.mark.slow
def test_a_log_that_begins_with_a_closed_friday_does_not_alarm_on_every_friday() -> None:
    closed = MONDAY // DAY + 4
    found = alarms(lambda at: 5 * usual(at) * (0.1 if at // DAY == closed else 1), range(MONDAY, MONDAY + 10 * WEEK))
    fridays = [alarm for alarm in on_day(found, 4) if not alarm.is_again]
    # Nine Fridays of six series: two recurrences each at the most, and a chance alarm on every seventh day.
    assert len(fridays) <= 2 * SERIES + 9 * SERIES / 7


@pytest.mark.slow
def test_mondays_that_become_twice_as_busy_are_accepted_after_two() -> None:
    def rate(at: int) -> float:
        return 5 * usual(at) * (2 if at >= MONDAY + WEEK and (at - MONDAY) // DAY % 7 == 0 else 1)

    found = alarms(rate, range(MONDAY, MONDAY + 10 * WEEK))
    later = [alarm for alarm in on_day(found, 0) if alarm.at >= MONDAY + 4 * WEEK and not alarm.is_again]
    assert len(later) <= 6 * SERIES / 7 + 4


def test_a_level_three_times_as_high_is_accepted_within_two_days() -> None:
    begin = MONDAY + 4 * WEEK
    found = alarms(lambda at: 2 * usual(at) * (3 if at >= begin else 1), range(MONDAY, begin + 2 * WEEK))
    assert all(delay is not None and delay <= 3 for delay in delays(found, begin, HOUR))
    later = [alarm for alarm in found if alarm.at >= begin + 2 * DAY]
    # Twelve days of six series: ten by chance.
    assert len(later) <= 16


@pytest.mark.parametrize("events_per_week", [5, 15])
def test_a_rare_series_alarms_within_minutes_of_a_storm(events_per_week: int) -> None:
    begin = MONDAY + 4 * WEEK + 10 * HOUR
    storm = range(begin, begin + HOUR // 2)
    found = alarms(lambda at: 50.0 if at in storm else events_per_week / WEEK, range(MONDAY, storm.stop))
    assert delays(found, begin, len(storm)) == [1] * SERIES
    assert sum(alarm.at < begin for alarm in found) <= 4 * SERIES


def test_stray_events_long_before_the_start_do_not_blind() -> None:
    start = MONDAY + 4 * WEEK
    burst = range(start + 16 * DAY + 10 * HOUR, start + 16 * DAY + 12 * HOUR)

    def rate(at: int) -> float:
        return 130 / (4 * WEEK) if at < start else 2 * usual(at) * (5 if at in burst else 1)

    found = delays(alarms(rate, range(MONDAY, burst.stop)), burst.start, len(burst))
    assert all(delay is not None for delay in found)
    assert median(delay for delay in found if delay is not None) <= 1


@pytest.mark.parametrize("hours_later", [6, 24, 504])
def test_a_huge_burst_does_not_blind_for_a_smaller_one(hours_later: int) -> None:
    first = MONDAY + 3 * WEEK
    second = first + hours_later * HOUR

    def rate(at: int) -> float:
        return 1000.0 if first <= at < first + HOUR else 231.0 if at == second else 2.5

    found = alarms(rate, range(MONDAY, second + HOUR))
    assert delays(found, first, HOUR) == [1] * SERIES
    assert all(delay is not None and delay <= 2 for delay in delays(found, second, HOUR))


def test_a_burst_inside_a_long_episode_alarms_again() -> None:
    begin = MONDAY + 4 * WEEK + 8 * HOUR
    bursts = [range(begin + hours * HOUR, begin + hours * HOUR + HOUR // 3) for hours in (6, 20)]

    def rate(at: int) -> float:
        is_episode = begin <= at < begin + 30 * HOUR
        return 10 * (3 if is_episode else 1) * (4 if any(at in burst for burst in bursts) else 1)

    found = alarms(rate, range(MONDAY, begin + 30 * HOUR))
    for burst in bursts:
        assert all(delay is not None and delay <= 3 for delay in delays(found, burst.start, HOUR // 2))


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, -1])
def test_a_change_of_the_clocks_is_no_spike_in_local_time(hours: int) -> None:
    change = MONDAY + 5 * WEEK

    def rate(at: int) -> float:
        return 5 * usual(at + (hours * HOUR if at >= change else 0))

    def offset_hours(at: int) -> int:
        return hours if at >= change else 0

    bins = range(MONDAY, change + WEEK)
    local = [alarm for alarm in alarms(rate, bins, offset_hours=offset_hours) if alarm.at >= change]
    universal = [alarm for alarm in alarms(rate, bins) if alarm.at >= change]
    assert len(local) <= 2 * SERIES
    assert len(universal) > 4 * SERIES


def test_opening_at_eight_sharp_is_no_spike_once_it_was_seen() -> None:
    def rate(at: int) -> float:
        is_open = 8 * HOUR <= at % DAY < 20 * HOUR and (at - MONDAY) // DAY % 7 < 5
        return 40.0 if is_open else 0.1

    found = alarms(rate, range(MONDAY, MONDAY + 4 * WEEK), series=60)
    at_opening = [alarm for alarm in found if alarm.at >= MONDAY + WEEK and 0 <= alarm.at % DAY - 8 * HOUR < HOUR]
    # 60 series open on 15 days each.
    assert len(at_opening) <= 0.02 * 60 * 15


def test_a_closed_day_that_is_a_known_holiday_is_followed_by_no_spike() -> None:
    closed = MONDAY // DAY + 4 * 7 + 2
    bins = range(MONDAY, MONDAY + 5 * WEEK)

    def rate(at: int) -> float:
        return 5 * usual(at) * (0.05 if at // DAY == closed else 1)

    def on_the_day_after(found: list[Alarm]) -> int:
        return sum(alarm.at // DAY == closed + 1 for alarm in found)

    assert on_the_day_after(alarms(rate, bins, holidays={closed})) <= 2
    assert on_the_day_after(alarms(rate, bins)) >= SERIES - 1


@pytest.mark.parametrize("day", [9, 12, 19])
def test_one_burst_does_not_change_what_is_expected_the_next_day(day: int) -> None:
    """Five events in five minutes at any time; on a working day or a Saturday, six times as many for 40 minutes."""
    burst = range(MONDAY + day * DAY + 12 * BINS_PER_HOUR, MONDAY + day * DAY + 12 * BINS_PER_HOUR + 8)
    detectors = SpikeDetectors(20, BINS_PER_HOUR)
    detectors.ordinary_days.set_budget(7.0)
    bins = range(MONDAY, burst.stop + DAY)
    expected = [
        detectors.windows.expected(at, 1)
        for at, _ in observed(detectors, lambda at: 30.0 if at in burst else 5.0, bins, 1.2, seed=3)
        if at - DAY in burst
    ]
    assert np.mean(expected) < 1.25 * 5.0
    assert np.mean(np.array(expected) > 1.6 * 5.0) < 0.05
