"""The profile of the week: the rate of each of its 168 hours, relative to the mean rate of the week.

Of each hour of the week, the last four counts are remembered, each with its exposure: the events there would have been
at the mean rate of the 168 hours that ended with it. The rate of an hour is the sum of its counts, clipped around their
middle, over the sum of its exposures; with few events it is shrunk towards the same hour of the other working days or
of the weekend, and that towards all hours (gamma-Poisson shrinkage). In the first week, exposures refer to the mean
rate so far.
"""

from typing import NamedTuple

import numpy as np

from streams.spikes.calendar import DAY_HOURS, WEEK_HOURS, WEEKEND_HOUR, hours_alike
from streams.spikes.columns import Flags, Floats, remember
from streams.spikes.expected.robust import clipped_sums, sums_leaning_on, weighted_median

#: Counts remembered of each hour of the week, and so what is learned again after a restart.
WEEKS = 4
#: An hour leans on the hours like it as if by this many events there, and these on all hours.
EVENTS_OF_LIKE_HOURS, EVENTS_OF_ALL_HOURS = 8.0, 2.0
#: An hour's count teaches the mean rate at most this multiple of what was expected, plus some events, and at least
#: this share of it: a burst is no new level, and neither is a day with closed doors.
LARGEST_MULTIPLE, LARGEST_EVENTS, LEAST_SHARE = 3.0, 5.0, 0.5


class Rate(NamedTuple):
    """The relative rate of an hour of the week: in how many weeks it was seen, and on how many events it rests.

    `is_seen` tells whether such an hour was ever seen, on any working day or any day of a weekend respectively.
    """

    rate: Floats
    weeks: Floats
    events: Floats
    is_seen: Flags


class Week:
    """The profile of many series. `add` each hour that has passed."""

    def __init__(self, size: int) -> None:
        self.counts = np.zeros((WEEK_HOURS, WEEKS, size), np.float32)
        #: In bins until the series' first week is complete, then in events at the mean rate.
        self.exposures = np.zeros((WEEK_HOURS, WEEKS, size), np.float32)
        self.is_first_week = np.ones(size, np.bool_)
        #: The last 168 hours, clipped.
        self.last_counts = np.zeros((WEEK_HOURS, size), np.float32)
        self.last_bins = np.zeros((WEEK_HOURS, size), np.float32)
        #: Hours added so far.
        self.hours = np.zeros(size, np.int64)
        #: Events per bin.
        self.mean = np.full(size, 1e-9)

    def add(
        self, hour: int, counts: Floats, bins: Floats, expected: Floats, is_known: Flags, is_counted: Flags
    ) -> None:
        """Add an hour of the week to the series that `is_counted` names.

        `expected` clips what it teaches the mean rate of those that are known.
        """
        clipped = np.clip(counts, LEAST_SHARE * expected, LARGEST_MULTIPLE * expected + LARGEST_EVENTS)
        clipped = np.where(is_known, clipped, counts)
        place = self.hours % WEEK_HOURS
        series = np.flatnonzero(is_counted)
        rows = place[series]
        self.last_counts[rows, series] = clipped[series]
        self.last_bins[rows, series] = bins[series]
        self.hours[series] += 1
        self.mean[series] = (self.last_counts[:, series].sum(axis=0) + 0.5) / self.last_bins[:, series].sum(axis=0)
        completed = np.flatnonzero(self.is_first_week & (self.hours >= WEEK_HOURS))
        if completed.size:
            self.exposures[..., completed] *= self.mean[completed]
            self.is_first_week[completed] = False
        remember(self.counts[hour], series, counts)
        remember(self.exposures[hour], series, bins * np.where(self.is_first_week, 1.0, self.mean))

    def rate(self, hour: int, dispersion: Floats, wander: Floats) -> Rate:
        """Return the relative rates of an hour of the week."""
        like_rate, like_events, is_own_kind = self._rate_of_like_hours(hour, dispersion, wander)
        counts, exposures = self._of([hour])
        counts, exposures = counts[0], exposures[0]
        weeks = (exposures > 0).sum(axis=0)
        # The like hours weigh as much as one week, so that one wild week of two is seen.
        count, exposure = sums_leaning_on(like_rate, 1.0, counts, exposures, dispersion, wander)
        rate = like_rate * (count + EVENTS_OF_LIKE_HOURS) / (like_rate * exposure + EVENTS_OF_LIKE_HOURS)
        # An hour seen once is hardly evidence that there is less then than on like days.
        rate = np.where((weeks == 1) & is_own_kind, np.maximum(rate, like_rate), rate)
        return Rate(rate, weeks.astype(np.float64), like_events + count, is_own_kind)

    def _rate_of_like_hours(self, hour: int, dispersion: Floats, wander: Floats) -> tuple[Floats, Floats, Flags]:
        """Return the relative rate of like hours, their events, and whether any such hour was seen.

        A first weekend is like working days; where nothing is known the rate is 1.
        """
        count, exposure = self._sums_of(hours_alike(hour), dispersion, wander)
        is_own_kind = exposure > 0
        if hour >= WEEKEND_HOUR and not is_own_kind.all():
            other_count, other_exposure = self._sums_of(hours_alike(hour % DAY_HOURS), dispersion, wander)
            count = np.where(is_own_kind, count, other_count)
            exposure = np.where(is_own_kind, exposure, other_exposure)
        return (count + EVENTS_OF_ALL_HOURS) / (exposure + EVENTS_OF_ALL_HOURS), count, is_own_kind

    def _sums_of(self, hours: range, dispersion: Floats, wander: Floats) -> tuple[Floats, Floats]:
        # Every hour of every week for itself, so that one wild hour of a weekend is seen.
        counts, exposures = (array.reshape(-1, array.shape[-1]) for array in self._of(list(hours)))
        return clipped_sums(counts, exposures, weighted_median(counts, exposures), dispersion, wander)

    def _of(self, hours: list[int]) -> tuple[Floats, Floats]:
        """Return counts and exposures of hours of the week, by hour, week and series."""
        scale = np.where(self.is_first_week, self.mean, 1.0)
        return self.counts[hours].astype(np.float64), self.exposures[hours].astype(np.float64) * scale
