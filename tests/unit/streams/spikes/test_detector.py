"""The expectation of a series, and which counts are spikes, against simulated counts of a known rate."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest

from benchmarks.spikes.series import DAY_MINUTES, draw, season
from streams.spikes.baseline import Baseline
from streams.spikes.detector import Run, SpikeDetector
from streams.spikes.profile import hour_of_week

WEEK = 7 * DAY_MINUTES
#: One false episode in four weeks.
BUDGET = 1 / (4 * WEEK)


def day_and_week(minute: int, mean: float) -> float:
    """Return a rate with nights and weekends, `mean` over the week."""
    return mean * season(minute)


def learn(expectation: Baseline, at: int, count: int) -> None:
    expectation.turn(at)
    expectation.learn(count, expectation.expected(at))


def expected(expectation: Baseline, at: int) -> float:
    expectation.turn(at)
    return expectation.expected(at)


def runs(
    detector: SpikeDetector, minutes: range, chance: Random, rate: Callable[[int], float], dispersion: float
) -> list[Run]:
    """Return the runs that began."""
    found = []
    for minute in minutes:
        run = detector.observe(minute, draw(chance, rate(minute), dispersion))
        if run is not None and run.until is None:
            found.append(run)
    return found


def test_hours_of_the_week_begin_on_monday() -> None:
    assert hour_of_week(int(datetime(2024, 1, 1, 0, 59, tzinfo=UTC).timestamp()) // 3600) == 0
    assert hour_of_week(int(datetime(2024, 1, 6, 13, 0, tzinfo=UTC).timestamp()) // 3600) == 5 * 24 + 13


@pytest.mark.parametrize(("mean", "dispersion"), [(0.3, 1.0), (3.0, 2.0)])
def test_the_profile_of_a_week_and_the_dispersion_are_learned(mean: float, dispersion: float) -> None:
    chance, expectation = Random(1), Baseline()
    for minute in range(6 * WEEK):
        learn(expectation, minute, draw(chance, day_and_week(minute, mean), dispersion))
    next_week = range(6 * WEEK, 7 * WEEK, 30)
    errors = [abs(expected(expectation, minute) - day_and_week(minute, mean)) for minute in next_week]
    assert sum(errors) / len(errors) < 0.12 * mean
    # Errors of the profile count as dispersion, too.
    assert 0.9 * dispersion < expectation.dispersion < 1.6 * dispersion


def test_the_expectation_has_no_steps_between_hours_of_a_smooth_day() -> None:
    expectation = Baseline()
    for minute in range(2 * WEEK):
        learn(expectation, minute, round(60 + 50 * math.sin(2 * math.pi * minute / DAY_MINUTES)))
    found = [expected(expectation, minute) for minute in range(2 * WEEK, 2 * WEEK + DAY_MINUTES)]
    # The steepest minute of the sine rises by 50 * 2 pi / 1440 = 0.22; an hour by 13.
    assert max(abs(one - other) for one, other in pairwise(found)) < 1.5


def test_a_sharp_opening_at_half_past_eight_is_learned() -> None:
    expectation = Baseline()
    for minute in range(3 * WEEK):
        learn(expectation, minute, 10 if 510 <= minute % DAY_MINUTES < 1020 else 0)
    found = [expected(expectation, minute) for minute in range(3 * WEEK, 3 * WEEK + DAY_MINUTES)]
    assert max(found[:510]) < 0.5
    assert min(found[510:1020]) > 8.5
    assert max(found[510:1020]) < 11
    assert max(found[1020:]) < 0.5


def test_a_first_weekend_is_expected_by_working_days_and_first_working_days_not_at_all() -> None:
    # The epoch was a Thursday: two working days, then a Saturday, then a Sunday like it.
    expectation = Baseline()
    for minute in range(4 * DAY_MINUTES):
        learn(expectation, minute, 5 if minute < 2 * DAY_MINUTES else 1)
        if minute == 2 * DAY_MINUTES + 720:
            assert expectation.expected(minute) == pytest.approx(5, rel=0.1)
        if minute == 3 * DAY_MINUTES + 720:
            assert expectation.expected(minute) == pytest.approx(1, rel=0.5)
    # The level is that of the working days.
    assert expected(expectation, 4 * DAY_MINUTES + 720) == pytest.approx(5, rel=0.1)

    # Two days of a weekend say nothing about Monday.
    expectation = Baseline()
    for minute in range(2 * DAY_MINUTES, 4 * DAY_MINUTES + 720):
        learn(expectation, minute, 1)
    assert expectation.expected(4 * DAY_MINUTES + 719) == 0


def test_periods_without_events_can_be_observed_in_one_call() -> None:
    chance, one_by_one, stretched = Random(8), SpikeDetector(BUDGET), SpikeDetector(BUDGET)
    last = 0
    for minute in range(2 * WEEK):
        count = draw(chance, 0.3 if minute < 2 * WEEK - 60 else 2.0, 1.5)
        if stretched.run is None and minute % 15 == 0:
            stretched.observe_zeros(last, minute)
            last = minute
        stretched.turn(minute)
        found = one_by_one.observe(minute, count)
        if count or stretched.run is not None:
            stretched.observe_zeros(last, minute)
            last = minute + 1
            assert (stretched.observe(minute, count) is None) == (found is None)
    assert one_by_one.run is not None
    assert stretched.run is not None
    assert stretched.run.since == one_by_one.run.since
    assert stretched.run.expected == pytest.approx(one_by_one.run.expected)


@pytest.mark.parametrize(("mean", "dispersion"), [(0.02, 1.0), (0.2, 2.0), (1.0, 3.0), (4.0, 1.5)])
def test_quiet_weeks_stay_within_the_budget_of_false_runs(mean: float, dispersion: float) -> None:
    count, series = 0, 4
    for seed in range(series):
        chance, detector = Random(seed), SpikeDetector(BUDGET)
        runs(detector, range(2 * WEEK), chance, lambda minute: day_and_week(minute, mean), dispersion)
        found = runs(detector, range(2 * WEEK, 6 * WEEK), chance, lambda minute: day_and_week(minute, mean), dispersion)
        count += len(found)
    # Four series over four weeks: four false runs would use the budget up.
    assert count <= 4


def test_a_step_from_ten_to_fifty_a_minute_is_noticed_in_two_minutes_and_ends_soon() -> None:
    chance, detector = Random(3), SpikeDetector(BUDGET)
    begin, end = 2 * WEEK + 600, 2 * WEEK + 640
    assert runs(detector, range(begin), chance, lambda minute: 10.0, 2.0) == []
    (found,) = runs(detector, range(begin, end), chance, lambda minute: 50.0, 2.0)
    assert found.detected < begin + 2
    assert begin <= found.since <= found.detected
    assert 3 < found.ratio < 7
    assert runs(detector, range(end, end + 240), chance, lambda minute: 10.0, 2.0) == []
    assert found.until is not None
    assert end <= found.until < end + 10


def test_a_slow_rise_by_half_is_noticed_and_dated_back_to_about_its_beginning() -> None:
    chance, detector = Random(4), SpikeDetector(BUDGET)
    begin = 2 * WEEK + 600
    runs(detector, range(begin), chance, lambda minute: 8.0, 1.5)
    found = runs(detector, range(begin, begin + 120), chance, lambda minute: 12.0, 1.5)
    assert len(found) == 1
    assert abs(found[0].since - begin) < 30
    assert 1.2 < found[0].ratio < 2


def test_a_rare_event_is_not_a_spike_and_a_handful_at_once_is() -> None:
    detector = SpikeDetector(BUDGET)
    for minute in range(2 * WEEK):
        assert detector.observe(minute, 1 if minute % 700 == 0 else 0) is None
    assert detector.observe(2 * WEEK, 1) is None
    found = detector.observe(2 * WEEK + 1, 6)
    assert found is not None
    assert found.observed >= 6


def test_counts_within_a_run_are_not_learned() -> None:
    chance, detector = Random(5), SpikeDetector(BUDGET)
    runs(detector, range(2 * WEEK), chance, lambda minute: 5.0, 1.0)
    before = expected(detector.expectation, 2 * WEEK)
    runs(detector, range(2 * WEEK, 2 * WEEK + 180), chance, lambda minute: 50.0, 1.0)
    assert expected(detector.expectation, 2 * WEEK + 180) == pytest.approx(before, rel=0.05)


def test_a_new_level_is_expected_after_a_day() -> None:
    chance, detector = Random(6), SpikeDetector(BUDGET)
    runs(detector, range(2 * WEEK), chance, lambda minute: 5.0, 1.0)
    runs(detector, range(2 * WEEK, 3 * WEEK), chance, lambda minute: 15.0, 1.0)
    assert detector.run is None
    assert expected(detector.expectation, 3 * WEEK) == pytest.approx(15, rel=0.15)
