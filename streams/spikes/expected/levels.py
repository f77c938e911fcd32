"""How busy a series is at present, relative to its profile: over days, and over the last hours.

The level of days moves the expectation. The level of hours does not: it says how far counts were above the expectation
just before a window, so that a window is judged against what preceded it, and a drift is no burst.
"""

import numpy as np

from streams.spikes.calendar import QUARTERS
from streams.spikes.columns import Flags, Floats, Integers

#: Time constants: a shift is accepted in one to two days; drifts over more than three hours are no bursts.
DAYS_HOURS, HOURS_HOURS = 36.0, 3.0
#: Levels are shrunk towards 1 as if by this many events.
PRIOR_EVENTS = 8.0
#: A quarter of an hour teaches the level of days at most this multiple, plus some events, and at least this share.
LARGEST_MULTIPLE, LARGEST_EVENTS, LEAST_SHARE = 3.0, 3.0, 0.5
#: It teaches the level of hours at most so many standard deviations above what was expected, plus some events.
LARGEST_DEVIATIONS = 4.0
#: Above this multiple the level of hours adds and no longer multiplies: bursts do not shrink at night.
MOST_MULTIPLE = 3.0
#: Quarters of an hour whose levels are remembered.
SNAPSHOTS = 6


class Levels:
    """The levels of many series. `learn` each quarter of an hour that has passed."""

    def __init__(self, size: int) -> None:
        self.days_count = np.zeros(size)
        self.days_expected = np.zeros(size)
        self.hours_count = np.zeros(size)
        self.hours_expected = np.zeros(size)
        self.hours_bins = np.zeros(size)
        #: After each of the last quarters, the latest one last: the multiple, at least 1, and the excess per bin.
        self.multiples = np.ones((SNAPSHOTS, size))
        self.excesses = np.zeros((SNAPSHOTS, size))

    @property
    def of_days(self) -> Floats:
        """The level over days, as a multiple of the profile."""
        return (self.days_count + PRIOR_EVENTS) / (self.days_expected + PRIOR_EVENTS)

    def learn(
        self, counts: Floats, expected: Floats, bins: float, variance: Floats, is_known: Flags, is_learning: Flags
    ) -> None:
        """Learn from a quarter of an hour.

        `variance` is that of its count; those that are known have an expectation; those that are not learning keep
        their level of days.
        """
        level = self.of_days
        kept = 1 - 1 / (QUARTERS * DAYS_HOURS)
        clipped = np.clip(counts, LEAST_SHARE * expected, LARGEST_MULTIPLE * expected + LARGEST_EVENTS)
        is_learning = is_learning & is_known
        self.days_count = np.where(is_learning, self.days_count * kept + clipped, self.days_count)
        self.days_expected = np.where(is_learning, self.days_expected * kept + expected / level, self.days_expected)
        reference = expected * np.minimum(self.multiples[-1], MOST_MULTIPLE)
        clipped = np.minimum(counts, reference + LARGEST_DEVIATIONS * np.sqrt(variance) + LARGEST_EVENTS)
        kept = float(np.exp(-1 / (QUARTERS * HOURS_HOURS)))
        self.hours_count = np.where(is_known, self.hours_count * kept + clipped, self.hours_count)
        self.hours_expected = np.where(is_known, self.hours_expected * kept + expected, self.hours_expected)
        self.hours_bins = np.where(is_known, self.hours_bins * kept + bins, self.hours_bins)
        multiple = (self.hours_count + PRIOR_EVENTS) / (self.hours_expected + PRIOR_EVENTS)
        excess = (self.hours_count - self.hours_expected) / np.maximum(self.hours_bins, QUARTERS * bins)
        self.multiples[:-1] = self.multiples[1:]
        self.excesses[:-1] = self.excesses[1:]
        self.multiples[-1] = np.maximum(multiple, 1.0)
        self.excesses[-1] = np.maximum(excess, 0.0)

    def reference(self, expected: Floats, lengths: Integers, quarters_before: Integers) -> Floats:
        """Return what is to be expected in windows of these lengths, one row each, given the level before them."""
        multiple = self.multiples[-1 - quarters_before]
        excess = self.excesses[-1 - quarters_before]
        least = expected * np.minimum(multiple, MOST_MULTIPLE)
        return np.maximum(least, np.minimum(expected * multiple, expected + excess * lengths[:, None]))
