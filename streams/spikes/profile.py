"""The rates of the 168 hours of the week, of past weeks with less and less weight.

Where an hour has seen little it leans on the same hour of the other working days or of the weekend, and that one on the
mean of all hours: gamma-Poisson shrinkage, by so much as the hours of a day are alike.
"""

import math
from collections.abc import Iterable, Sequence

WEEK_HOURS, DAY_HOURS = 168, 24
#: Of an hour's weight, what is left a week later: four weeks make two thirds of a profile.
KEPT_PER_WEEK = 0.75
#: An hour leans on its parent as if it had seen so many events there, or fewer.
PRIOR_EVENTS = 8.0
#: 1970-01-01 was a Thursday; weeks begin on Monday.
EPOCH_HOUR_OF_WEEK = 72
WEEKEND_HOUR = 120
QUARTERS = 4
DAY_QUARTERS = DAY_HOURS * QUARTERS
#: A quarter of an hour has a shape of its own if it is so many standard deviations off the straight line.
SHAPE_DEVIATIONS = 3.0
#: With fewer events, times the dispersion, half of what the line says is not so far off: then the line is no better
#: than the hour, and the higher one counts.
SHAPE_EVENTS = (SHAPE_DEVIATIONS / 0.5) ** 2


def hour_of_week(hour: int) -> int:
    """Of an hour since the epoch: 0 is Monday 00:00 UTC to 01:00."""
    return (hour + EPOCH_HOUR_OF_WEEK) % WEEK_HOURS


class Week:
    """Counts and bins of each hour of the week (0 is Monday 00:00 UTC). `begin` each hour, `learn` what it brings."""

    def __init__(self) -> None:
        self._counts = [0.0] * WEEK_HOURS
        self._bins = [0.0] * WEEK_HOURS
        self._leaning_on_all = PRIOR_EVENTS

    def begin(self, hour: int, dispersion: float) -> None:
        """Let what is known of an hour fade as it comes again; `dispersion` is that of the counts."""
        self._counts[hour] *= KEPT_PER_WEEK
        self._bins[hour] *= KEPT_PER_WEEK
        if hour % DAY_HOURS == 0 or self._leaning_on_all == PRIOR_EVENTS:
            self._leaning_on_all = self._prior_strength(dispersion)

    def learn(self, hour: int, count: float, bins: float) -> None:
        """Events that came in so many bins of an hour."""
        self._counts[hour] += count
        self._bins[hour] += bins

    def is_like_known(self, hour: int) -> bool:
        """Was there such an hour on a working day, or on a weekend?"""
        return any(self._bins[_hour_class(hour)])

    def seen_events(self, hour: int) -> float:
        """Events in such hours, faded."""
        return sum(self._counts[_hour_class(hour)])

    def rates(self, hours: Iterable[int]) -> list[float]:
        """Events per bin, each hour leaning on its like, and that on all."""
        counts, bins = self._counts, self._bins
        all_bins = sum(bins)
        if not all_bins:
            return [0.0 for _ in hours]
        overall = sum(counts) / all_bins
        found = []
        for hour in hours:
            like = _hour_class(hour)
            if hour >= WEEKEND_HOUR and not any(bins[like]):
                # Of the first weekend only that it is hardly busier than working days.
                like = _hour_class(hour % DAY_HOURS)
            of_like = _leaning(overall, sum(counts[like]), sum(bins[like]), self._leaning_on_all)
            found.append(_leaning(of_like, counts[hour], bins[hour], PRIOR_EVENTS))
        return found

    def _prior_strength(self, dispersion: float) -> float:
        """How many events an hour of the day leans on all hours: few where days and nights differ.

        The shape of the gamma distribution from which the rates of the hours come, by moments: mean² / variance.
        """
        groups = [_hour_class(hour) for hour in (*range(DAY_HOURS), *range(WEEKEND_HOUR, WEEKEND_HOUR + DAY_HOURS))]
        known = [(sum(self._counts[one]), sum(self._bins[one])) for one in groups]
        all_bins = sum(bins for _, bins in known)
        mean = sum(count for count, _ in known) / all_bins if all_bins else 0.0
        squares = sum((count - mean * bins) ** 2 / bins for count, bins in known if bins)
        variance = (squares - len(known) * mean * dispersion) / all_bins if all_bins else 0.0
        return mean * mean / variance if variance * PRIOR_EVENTS > mean * mean else PRIOR_EVENTS


def _hour_class(hour: int) -> slice:
    """The same hour of the working days, or of the weekend."""
    if hour < WEEKEND_HOUR:
        return slice(hour % DAY_HOURS, WEEKEND_HOUR, DAY_HOURS)
    return slice(WEEKEND_HOUR + hour % DAY_HOURS, WEEK_HOURS, DAY_HOURS)


def _leaning(parent_rate: float, count: float, bins: float, events: float) -> float:
    """The rate of `count` in so many bins, drawn towards a parent's as if so many events had been seen of that."""
    return parent_rate * (count + events) / (parent_rate * bins + events)


class DayShape:
    """What came in each quarter of an hour, against the straight line between the hours. Hours are since the epoch.

    A service that opens at eight sharp has nothing before and everything after; a line through the hours would expect
    half of each. Working days and weekends have a shape of their own.
    """

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
            found.append((count + PRIOR_EVENTS / 2) / (expected + PRIOR_EVENTS / 2) if is_off else 1.0)
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
