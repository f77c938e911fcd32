"""The shape of a day in quarters of an hour: where counts are far off the straight line between the hours.

A service that opens at eight sharp has nothing before and everything after; a line through the hours would expect half
of each. Working days and weekends have a shape of their own.
"""

import math
from collections.abc import Sequence

from streams.spikes.profile import DAY_HOURS, KEPT_PER_WEEK, LEANING_EVENTS, WEEKEND_HOUR, hour_of_week

QUARTERS = 4
DAY_QUARTERS = DAY_HOURS * QUARTERS
#: A quarter of an hour has a shape of its own if it is so many standard deviations off the straight line.
SHAPE_DEVIATIONS = 3.0
#: With fewer events, times the dispersion, half of what the line says is not so far off: then the line is no better
#: than the hour, and the higher one counts.
SHAPE_EVENTS = (SHAPE_DEVIATIONS / 0.5) ** 2


class DayShape:
    """What came in each quarter of an hour, against the straight line. Hours are those since the epoch."""

    def __init__(self) -> None:
        self._counts = [0.0] * (2 * DAY_QUARTERS)
        self._expected = [0.0] * (2 * DAY_QUARTERS)

    def begin(self, hour: int) -> None:
        """Let what is known of the quarters of an hour fade as it comes again."""
        first = _first_quarter(hour)
        kept = KEPT_PER_WEEK ** (0.2 if first < DAY_QUARTERS else 0.5)
        for index in range(first, first + QUARTERS):
            self._counts[index] *= kept
            self._expected[index] *= kept

    def factors(self, hour: int, dispersion: float) -> Sequence[float]:
        """Of the four quarters of an hour: how many times as many as the line says, 1 where it is not far off."""
        first = _first_quarter(hour)
        found = []
        for count, expected in zip(
            self._counts[first : first + QUARTERS], self._expected[first : first + QUARTERS], strict=True
        ):
            is_off = abs(count - expected) > SHAPE_DEVIATIONS * math.sqrt(dispersion * expected)
            found.append((count + LEANING_EVENTS / 2) / (expected + LEANING_EVENTS / 2) if is_off else 1.0)
        return found

    def is_open(self, hour: int, place: int, dispersion: float) -> bool:
        """Was too little expected in this quarter so far to say whether it is off the line?"""
        return self._expected[_first_quarter(hour) + place] < SHAPE_EVENTS * dispersion

    def learn(self, hour: int, place: int, count: float, expected: float) -> None:
        """What came in the quarter of an hour number `place`, and what the line says."""
        index = _first_quarter(hour) + place
        self._counts[index] += count
        self._expected[index] += expected


def _first_quarter(hour: int) -> int:
    """Among those of a working day, and behind them those of a day of the weekend."""
    is_weekend = hour_of_week(hour) >= WEEKEND_HOUR
    return QUARTERS * (hour % DAY_HOURS + (DAY_HOURS if is_weekend else 0))
