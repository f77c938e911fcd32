"""The rates of the 168 hours of the week, with less weight for older weeks.

An hour with few events is shrunk towards the same hour of the other working days or of the weekend, and that one
towards the mean of all hours: gamma-Poisson shrinkage, the stronger the more alike the hours of a day.
"""

import math
from collections.abc import Iterable, Sequence

WEEK_HOURS, DAY_HOURS = 168, 24
#: The share of an hour's weight that is left a week later: four weeks make up two thirds of a profile.
KEPT_PER_WEEK = 0.75
#: An hour is shrunk towards its parent as if by this many events there, or fewer.
PRIOR_EVENTS = 8.0
#: 1970-01-01 was a Thursday; weeks begin on Monday.
EPOCH_HOUR_OF_WEEK = 72
WEEKEND_HOUR = 120
QUARTERS = 4
DAY_QUARTERS = DAY_HOURS * QUARTERS
#: A quarter of an hour has a shape of its own if it is this many standard deviations off the line.
SHAPE_DEVIATIONS = 3.0
#: With fewer events expected, times the dispersion, half of the line would not be that far off. The line is then no
#: better than the mean of the hour, and the higher of the two counts.
SHAPE_EVENTS = (SHAPE_DEVIATIONS / 0.5) ** 2


def hour_of_week(hour: int) -> int:
    """Return the hour of the week of an hour since the epoch; 0 is Monday 00:00 UTC to 01:00."""
    return (hour + EPOCH_HOUR_OF_WEEK) % WEEK_HOURS


class Week:
    """Counts and bins of each hour of the week (0 is Monday 00:00 UTC). `begin` each hour, then `learn` from it."""

    def __init__(self) -> None:
        self._counts = [0.0] * WEEK_HOURS
        self._bins = [0.0] * WEEK_HOURS
        self._events_of_all = PRIOR_EVENTS

    def begin(self, hour: int, dispersion: float) -> None:
        """Decay what is known of an hour as it comes again; `dispersion` is that of the counts."""
        self._counts[hour] *= KEPT_PER_WEEK
        self._bins[hour] *= KEPT_PER_WEEK
        if hour % DAY_HOURS == 0 or self._events_of_all == PRIOR_EVENTS:
            self._events_of_all = self._prior_strength(dispersion)

    def learn(self, hour: int, count: float, bins: float) -> None:
        """Add `count` events in `bins` bins of an hour."""
        self._counts[hour] += count
        self._bins[hour] += bins

    def is_like_known(self, hour: int) -> bool:
        """Return whether such an hour was seen, on any working day or any weekend day respectively."""
        return any(self._bins[_hour_class(hour)])

    def seen_events(self, hour: int) -> float:
        """Return the decayed number of events in such hours."""
        return sum(self._counts[_hour_class(hour)])

    def rates(self, hours: Iterable[int]) -> list[float]:
        """Return the events per bin, each hour shrunk towards its class, and that towards all hours."""
        counts, bins = self._counts, self._bins
        all_bins = sum(bins)
        if not all_bins:
            return [0.0 for _ in hours]
        overall = sum(counts) / all_bins
        rates = []
        for hour in hours:
            hour_class = _hour_class(hour)
            if hour >= WEEKEND_HOUR and not any(bins[hour_class]):
                # All that is assumed of a first weekend is that it is hardly busier than working days.
                hour_class = _hour_class(hour % DAY_HOURS)
            class_rate = _shrunk(overall, sum(counts[hour_class]), sum(bins[hour_class]), self._events_of_all)
            rates.append(_shrunk(class_rate, counts[hour], bins[hour], PRIOR_EVENTS))
        return rates

    def _prior_strength(self, dispersion: float) -> float:
        """Return as how many events all hours count for an hour of the day: few where days and nights differ.

        This is the shape of the gamma distribution of the hours' rates, by moments: mean² / variance.
        """
        groups = [_hour_class(hour) for hour in (*range(DAY_HOURS), *range(WEEKEND_HOUR, WEEKEND_HOUR + DAY_HOURS))]
        known = [(sum(self._counts[group]), sum(self._bins[group])) for group in groups]
        all_bins = sum(bins for _, bins in known)
        mean = sum(count for count, _ in known) / all_bins if all_bins else 0.0
        squares = sum((count - mean * bins) ** 2 / bins for count, bins in known if bins)
        variance = (squares - len(known) * mean * dispersion) / all_bins if all_bins else 0.0
        return mean * mean / variance if variance * PRIOR_EVENTS > mean * mean else PRIOR_EVENTS


def _hour_class(hour: int) -> slice:
    """Return the same hour of all working days, or of the weekend."""
    if hour < WEEKEND_HOUR:
        return slice(hour % DAY_HOURS, WEEKEND_HOUR, DAY_HOURS)
    return slice(WEEKEND_HOUR + hour % DAY_HOURS, WEEK_HOURS, DAY_HOURS)


def _shrunk(parent_rate: float, count: float, bins: float, events: float) -> float:
    """Return the rate of `count` in `bins`, shrunk towards a parent's as if by `events` events of that."""
    return parent_rate * (count + events) / (parent_rate * bins + events)


class DayShape:
    """Counts of each quarter of an hour, against the line between the hours. Hours are since the epoch.

    A service that opens at eight sharp has nothing before and everything after; a line through the hours would expect
    half of each. Working days and weekends have a shape of their own.
    """

    def __init__(self) -> None:
        self._counts = [0.0] * (2 * DAY_QUARTERS)
        self._expected = [0.0] * (2 * DAY_QUARTERS)

    def begin(self, hour: int) -> None:
        """Decay what is known of the quarters of an hour as it comes again."""
        first = _first_quarter(hour)
        kept = KEPT_PER_WEEK ** (0.2 if first < DAY_QUARTERS else 0.5)
        for index in range(first, first + QUARTERS):
            self._counts[index] *= kept
            self._expected[index] *= kept

    def factors(self, hour: int, dispersion: float) -> Sequence[float]:
        """Return, for the four quarters of an hour, the ratio of counts to the line, 1 where it is not far off."""
        first = _first_quarter(hour)
        factors = []
        for count, expected in zip(
            self._counts[first : first + QUARTERS], self._expected[first : first + QUARTERS], strict=True
        ):
            is_off = abs(count - expected) > SHAPE_DEVIATIONS * math.sqrt(dispersion * expected)
            factors.append((count + PRIOR_EVENTS / 2) / (expected + PRIOR_EVENTS / 2) if is_off else 1.0)
        return factors

    def is_undecided(self, hour: int, place: int, dispersion: float) -> bool:
        """Return whether too little was expected in this quarter so far to tell whether it is off the line."""
        return self._expected[_first_quarter(hour) + place] < SHAPE_EVENTS * dispersion

    def learn(self, hour: int, place: int, count: float, expected: float) -> None:
        """Add the count in quarter `place` of an hour, and what the line expected."""
        index = _first_quarter(hour) + place
        self._counts[index] += count
        self._expected[index] += expected


def _first_quarter(hour: int) -> int:
    """Return the index of an hour's first quarter: those of a working day come first, then those of the weekend."""
    is_weekend = hour_of_week(hour) >= WEEKEND_HOUR
    return QUARTERS * (hour % DAY_HOURS + (DAY_HOURS if is_weekend else 0))
