"""What is counted of each series: known bins, the sums of the current hour, and the events of the last days."""

import numpy as np

from streams.spikes.columns import Flags, Floats

DAYS = 28
#: A series of another kind: two days in a row, each with more events than all days before, of which there are some.
LEAST_DAYS_BEFORE, LEAST_EVENTS = 3, 80.0


class Counters:
    """The counters of many series."""

    def __init__(self, size: int) -> None:
        self.bins = np.zeros(size)
        self.hour_counts = np.zeros(size)
        self.hour_bins = np.zeros(size)
        self.hour_expected = np.zeros(size)
        self.day_counts = np.zeros(size)
        #: Of the last days, the latest one last.
        self.days = np.zeros((DAYS, size), np.float32)
        self.day_number = np.zeros(size)

    def add(self, counts: Floats, expected: Floats, bins: int) -> None:
        """Add a quarter of an hour."""
        self.bins += bins
        self.hour_counts += counts
        self.hour_expected += expected
        self.hour_bins += bins
        self.day_counts += counts

    def begin_hour(self) -> None:
        """Begin the sums of another hour."""
        self.hour_counts[:] = self.hour_bins[:] = self.hour_expected[:] = 0.0

    def close_day(self) -> Flags:
        """End a day, and return which series have become series of another kind: after a pilot, or stray events."""
        self.days[:-1] = self.days[1:]
        self.days[-1] = self.day_counts
        self.day_counts[:] = 0.0
        self.day_number += 1
        last: Floats = np.minimum(self.days[-1], self.days[-2])
        before: Floats = self.days[:-2].sum(axis=0)
        return (self.day_number >= LEAST_DAYS_BEFORE + 2) & (last > np.maximum(before, LEAST_EVENTS))
