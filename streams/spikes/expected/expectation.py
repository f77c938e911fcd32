"""The expectation of many series of counts per bin: profile of the week × mean rate × level of days.

Between the midpoints of adjacent hours the profile is linear, times the shape of the day. Everything is constant within
a quarter of an hour, but for the slope of the line.
"""

import numpy as np

from streams.spikes.calendar import QUARTERS, LocalQuarter, as_on_sunday, hour_of_week
from streams.spikes.columns import Flags, Floats
from streams.spikes.expected.day_shape import DayShape
from streams.spikes.expected.holidays import HolidayBelief
from streams.spikes.expected.week import Rate, Week

#: A line between the hours never falls below this share of the hour.
LEAST_OF_LINE = 0.1


class Expectation:
    """The profiles of many series, and their lines in the current hour.

    Call `open_hour` for each local hour, then `line` for each of its quarters, and learn from what has passed.
    """

    def __init__(self, size: int, bins_per_hour: int) -> None:
        self._bins_per_hour = bins_per_hour
        self.week = Week(size)
        self.day_shape = DayShape(size)
        self.holidays = HolidayBelief(size)
        #: By quarter of the current hour: the line through the hours, and with the shape: rate at its midpoint, slope.
        self.straight = np.zeros((QUARTERS, size))
        self.rates = np.zeros((QUARTERS, size))
        self.slopes = np.zeros((QUARTERS, size))
        #: Of the current hour: the weeks that it was seen in, and the relative variance of its rate.
        self.weeks = np.zeros(size)
        self.uncertainty = np.full(size, 0.1)
        #: Whether such an hour was ever seen; what is only inferred teaches no level.
        self.is_seen = np.zeros(size, np.bool_)

    def open_hour(self, quarter: LocalQuarter, dispersion: Floats, wander: Floats) -> None:
        """Set the lines of the hour that contains a quarter."""
        before, here, after = (
            self._rate(quarter.hour + step, quarter.is_holiday, dispersion, wander) for step in (-1, 0, 1)
        )
        self.weeks[:] = here.weeks
        self.is_seen[:] = here.is_seen
        self.uncertainty[:] = 1 / (here.events + 1)
        mean = self.week.mean
        self._compare_with_sunday(quarter, dispersion, wander)
        rates = [rate.rate * mean for rate in (before, here, after)]
        rising, falling = (rates[1] - rates[0]) / self._bins_per_hour, (rates[2] - rates[1]) / self._bins_per_hour
        step = self._bins_per_hour / QUARTERS
        slopes = np.array([rising, rising, falling, falling])
        lines = rates[1] + step * np.array([[-1.5], [-0.5], [0.5], [1.5]]) * slopes
        self.straight[:] = np.maximum(lines, LEAST_OF_LINE * rates[1])
        factors = self.day_shape.factors(hour_of_week(quarter.hour), dispersion, wander)
        total = (self.straight * factors).sum(axis=0)
        scale = np.where(total > 0, QUARTERS * rates[1] / np.maximum(total, 1e-300), 1.0)
        self.rates[:] = scale * self.straight * factors
        # A quarter with a shape of its own says nothing about its inside.
        self.slopes[:] = np.where(factors == 1.0, scale * slopes, 0.0)

    def line(self, place: int, level: Floats) -> tuple[Floats, Floats]:
        """Return the expectation in the first bin of a quarter of the current hour, and its increase per bin."""
        slope = level * self.slopes[place]
        bins = self._bins_per_hour // QUARTERS
        return np.maximum(level * self.rates[place] - slope * (bins - 1) / 2, 1e-9), slope

    def learn(self, quarter: LocalQuarter, counts: Floats, scale: Floats, is_learning: Flags) -> None:
        """Learn the shape of the day from a quarter of the current hour; `scale` is its bins times the level."""
        line = self.straight[quarter.place] * scale
        self.day_shape.learn(hour_of_week(quarter.hour), quarter.place, counts, line, is_learning)

    def _rate(self, hour: int, is_holiday: bool, dispersion: Floats, wander: Floats) -> Rate:
        usual = self.week.rate(hour_of_week(hour), dispersion, wander)
        if not is_holiday:
            return usual
        return self.holidays.choose(self.week.rate(as_on_sunday(hour), dispersion, wander), usual)

    def _compare_with_sunday(self, quarter: LocalQuarter, dispersion: Floats, wander: Floats) -> None:
        if not quarter.is_holiday:
            self.holidays.leave()
            return
        slots = as_on_sunday(quarter.hour), hour_of_week(quarter.hour)
        sunday, usual = (self.week.rate(slot, dispersion, wander).rate * self.week.mean for slot in slots)
        self.holidays.open_hour(sunday, usual)
