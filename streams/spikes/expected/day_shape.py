"""The shape of the day: counts of each quarter of an hour, against the line between the hours.

A service that opens at eight sharp has nothing before and everything after; a line through the hours would expect half
of each. Working days and weekends have a shape of their own.
"""

import numpy as np

from streams.spikes.calendar import DAY_HOURS, QUARTERS, WEEKEND_HOUR
from streams.spikes.columns import Flags, Floats

DAY_QUARTERS = DAY_HOURS * QUARTERS
#: A quarter of an hour has a shape of its own if it is this many standard deviations off the line.
SHAPE_DEVIATIONS = 3.0
PRIOR_EVENTS = 4.0
#: A quarter teaches at most this multiple of the line, plus some events.
LARGEST_MULTIPLE, LARGEST_EVENTS = 4.0, 5.0
#: What is left of a quarter's weight when it comes again: three quarters in a week.
KEPT_PER_WORKING_DAY, KEPT_PER_WEEKEND_DAY = 0.944, 0.866


class DayShape:
    """The shapes of many series. Hours are those of the week."""

    def __init__(self, size: int) -> None:
        self.counts = np.zeros((2 * DAY_QUARTERS, size), np.float32)
        self.lines = np.zeros((2 * DAY_QUARTERS, size), np.float32)

    def factors(self, hour: int, dispersion: Floats, wander: Floats) -> Floats:
        """Return, for the four quarters of an hour, the ratio of counts to the line, 1 where it is not far off."""
        rows = slice(_first_row(hour), _first_row(hour) + QUARTERS)
        counts, lines = self.counts[rows].astype(np.float64), self.lines[rows].astype(np.float64)
        variance = dispersion * lines + 0.25 * wander * lines * lines
        is_off = np.abs(counts - lines) > SHAPE_DEVIATIONS * np.sqrt(variance + 1e-9)
        return np.where(is_off, (counts + PRIOR_EVENTS) / (lines + PRIOR_EVENTS), 1.0)

    def learn(self, hour: int, place: int, counts: Floats, line: Floats, is_learning: Flags) -> None:
        """Add the counts in a quarter of an hour, and what the line expected, of the series that are learning."""
        row = _first_row(hour) + place
        kept = KEPT_PER_WORKING_DAY if row < DAY_QUARTERS else KEPT_PER_WEEKEND_DAY
        clipped = np.minimum(counts, LARGEST_MULTIPLE * line + LARGEST_EVENTS)
        self.counts[row] = np.where(is_learning, self.counts[row] * kept + clipped, self.counts[row])
        self.lines[row] = np.where(is_learning, self.lines[row] * kept + line, self.lines[row])


def _first_row(hour: int) -> int:
    """Return the row of an hour's first quarter: those of a working day come first, then those of the weekend."""
    return QUARTERS * (hour % DAY_HOURS + (DAY_HOURS if hour >= WEEKEND_HOUR else 0))
