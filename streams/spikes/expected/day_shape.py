"""The shape of the day: counts of each quarter of an hour, against the line between the hours.

A service that opens at eight sharp has nothing before and everything after; a line through the hours would expect half
of each. Working days and weekends have a shape of their own, learned from the last days of their kind, of which a few
wild ones change nothing.
"""

import numpy as np

from streams.spikes.calendar import DAY_HOURS, QUARTERS, WEEKEND_HOUR
from streams.spikes.columns import Flags, Floats, remember
from streams.spikes.expected.robust import sums_leaning_on

DAY_QUARTERS = DAY_HOURS * QUARTERS
#: Days remembered of each kind: five weekends.
DAYS = 10
#: A quarter of an hour has a shape of its own if it is this many standard deviations off the line.
SHAPE_DEVIATIONS = 3.0
PRIOR_EVENTS = 4.0
#: The line itself counts as so many days, so that a shape of its own takes three days that show it.
LINE_DAYS = 2.01


class DayShape:
    """The shapes of many series. Hours are those of the week."""

    def __init__(self, size: int) -> None:
        self.counts = np.zeros((2 * DAY_QUARTERS, DAYS, size), np.float32)
        self.lines = np.zeros((2 * DAY_QUARTERS, DAYS, size), np.float32)

    def factors(self, hour: int, dispersion: Floats, wander: Floats) -> Floats:
        """Return, for the four quarters of an hour, the ratio of counts to the line, 1 where it is not far off."""
        rows = slice(_first_row(hour), _first_row(hour) + QUARTERS)
        # By day, quarter and series.
        counts, lines = (array[rows].astype(np.float64).swapaxes(0, 1) for array in (self.counts, self.lines))
        as_the_line = np.ones(lines.shape[1:])
        count, line = sums_leaning_on(as_the_line, LINE_DAYS, counts, lines, dispersion, wander)
        variance = dispersion * line + 0.25 * wander * line * line
        is_off = np.abs(count - line) > SHAPE_DEVIATIONS * np.sqrt(variance + 1e-9)
        return np.where(is_off, (count + PRIOR_EVENTS) / (line + PRIOR_EVENTS), 1.0)

    def learn(self, hour: int, place: int, counts: Floats, line: Floats, is_learning: Flags) -> None:
        """Add the counts in a quarter of an hour, and what the line expected, of the series that are learning."""
        row, series = _first_row(hour) + place, np.flatnonzero(is_learning)
        remember(self.counts[row], series, counts)
        remember(self.lines[row], series, line)


def _first_row(hour: int) -> int:
    """Return the row of an hour's first quarter: those of a working day come first, then those of the weekend."""
    return QUARTERS * (hour % DAY_HOURS + (DAY_HOURS if hour >= WEEKEND_HOUR else 0))
