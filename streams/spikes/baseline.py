"""The expectation of a series of counts per bin: a profile of the week times a slow level, and its dispersion.

Profile: the rate of each of the 168 hours of the week, with less weight for older weeks. An hour with few events is
shrunk towards the same hour of the other working days or of the weekend, and that one towards the mean of all hours
(gamma-Poisson shrinkage, the stronger the more alike the hours of a day). Between the midpoints of adjacent hours it is
linear, times the shape of the day: for each quarter of an hour of working days and of weekends, the ratio of counts to
the line where that is far off, so that a service that opens at eight sharp is expected to. Level: recent counts
relative to the profile.

Dispersion: variance / mean of the counts about their expectation, over blocks of one bin, a quarter of an hour and an
hour, whichever is largest: a drifting rate shows only in long blocks.

Everything is constant within a quarter of an hour and updated by `turn`, so that a bin without events costs nothing by
itself. Bins are one minute, or several that divide a quarter of an hour, numbered since the epoch, UTC. Floats are fine
here: nothing of this is stored in the ledger.
"""

from streams.spikes.dispersion import ASSUMED_DISPERSION, Blocks
from streams.spikes.profile import (
    DAY_HOURS,
    PRIOR_EVENTS,
    QUARTERS,
    WEEK_HOURS,
    WEEKEND_HOUR,
    DayShape,
    Week,
    hour_of_week,
)

#: Time constant of the level's decay; it is shrunk towards 1 as if by `PRIOR_EVENTS` events.
LEVEL_HOURS = 36.0


class Baseline:
    """The expectation of one series. Moves forward only.

    For each quarter of an hour: `turn`, read what is `expected`, then `learn` the bins.
    """

    def __init__(self, bins_per_hour: int = 60) -> None:
        if bins_per_hour % QUARTERS:
            raise ValueError(f"expected a number of bins per hour that {QUARTERS} divides, got {bins_per_hour}")
        self._bins_per_hour = bins_per_hour
        self._bins_per_quarter = bins_per_hour // QUARTERS
        self._week = Week()
        self._day_shape = DayShape()
        self._recent_count = self._recent_expected = 0.0
        #: Bins learned so far.
        self.known_bins = 0
        self._blocks = [Blocks(hours) for hours in (1 / bins_per_hour, 1 / QUARTERS, 1.0)]
        self._hour = self._quarter = -1
        self._is_like_known = self._has_expectation = False
        #: Share of this hour's expectation that was observed in such hours, not inferred from others.
        self.seen_ratio = 0.0
        self._lines = [(0.0, 0.0)] * QUARTERS
        self._shapes = [1.0] * QUARTERS
        self._straight = [0.0] * QUARTERS
        self._first_bin = 0
        self._first = self._slope = 0.0
        self._reset_quarter()
        self._hour_count = self._hour_expected = 0.0
        #: Variance / mean, at least 1.
        self.dispersion = ASSUMED_DISPERSION

    def turn(self, at: int) -> bool:
        """Move to the quarter of an hour that contains bin `at`. Return False if it is the current one."""
        quarter = at // self._bins_per_quarter
        if quarter == self._quarter:
            return False
        if self._quarter >= 0:
            self._close_quarter()
        hour = quarter // QUARTERS
        if hour != self._hour:
            self._turn_hour(hour)
        self._quarter = quarter
        self._open_quarter()
        return True

    def expected(self, at: int) -> float:
        """Return the events expected in a bin of this quarter of an hour; 0 while nothing is known about such an hour.

        A first weekend is expected to be like working days, and contributes nothing but its own rates.
        """
        return self._first + self._slope * (at - self._first_bin)

    def expected_between(self, begin: int, end: int) -> float:
        """Return the events expected in the bins `[begin, end)`, all of this quarter of an hour."""
        return (end - begin) * (self._first + self._slope * ((begin + end - 1) / 2 - self._first_bin))

    def learn(self, count: float, expected: float) -> None:
        """Learn from a bin of this quarter of an hour, for which `expected` was the expectation."""
        self._seen_bins += 1
        self._count += count
        self._expected += expected
        self._squares += (count - expected) ** 2

    def learn_zeros(self, bins: int, expected: float) -> None:
        """Learn from `bins` bins without events, for which `expected` was the expectation of their sum."""
        if bins:
            self._seen_bins += bins
            self._expected += expected
            self._squares += expected * expected / bins

    def weekly_rates(self) -> list[float]:
        """Return the events per bin at the current level, by hour of the week from Monday on."""
        level = self._level()
        return [level * rate for rate in self._week.rates(range(WEEK_HOURS))]

    @property
    def line(self) -> tuple[float, float]:
        """The expectation in the first bin of this quarter of an hour, and the increase per bin."""
        return self._first, self._slope

    @property
    def is_known(self) -> bool:
        """Whether a day has been learned."""
        return self.known_bins >= DAY_HOURS * self._bins_per_hour

    @property
    def is_week_known(self) -> bool:
        """Whether a week has been learned, so that nights and weekends are known, too."""
        return self.known_bins >= WEEK_HOURS * self._bins_per_hour

    def _turn_hour(self, hour: int) -> None:
        if self._hour_expected > 0:
            self._blocks[2].observe((self._hour_count - self._hour_expected) ** 2, self._hour_expected, 1.0)
        self._hour_count = self._hour_expected = 0.0
        self._hour = hour
        week_hour, week = hour_of_week(hour), self._week
        week.begin(week_hour, self.dispersion)
        self._is_like_known = week.is_like_known(week_hour)
        self._has_expectation = self._is_like_known or (
            week_hour >= WEEKEND_HOUR and week.is_like_known(week_hour % DAY_HOURS)
        )
        self.seen_ratio = week.seen_events(week_hour) / (week.seen_events(week_hour) + PRIOR_EVENTS)
        self._lines, self._shapes = self._profile(hour)

    def _profile(self, hour: int) -> tuple[list[tuple[float, float]], list[float]]:
        """Return, by quarter of an hour, the line (rate at its midpoint, slope per bin) and the factor of its shape."""
        before, here, after = self._week.rates([hour_of_week(hour + step) for step in (-1, 0, 1)])
        rising, falling = (here - before) / self._bins_per_hour, (after - here) / self._bins_per_hour
        step = self._bins_per_quarter
        lines = [
            (here - 1.5 * step * rising, rising),
            (here - 0.5 * step * rising, rising),
            (here + 0.5 * step * falling, falling),
            (here + 1.5 * step * falling, falling),
        ]
        self._straight = [line for line, _ in lines]
        self._day_shape.begin(hour)
        shapes = self._day_shape.factors(hour, self._blocks[0].dispersion)
        for place, (line, _) in enumerate(lines):
            if shapes[place] != 1:
                lines[place] = line, 0.0
            elif self._day_shape.is_undecided(hour, place, self.dispersion):
                lines[place] = max(line, here), 0.0
        # The quarters must add up to the hour, which the line through its neighbours and the shape do not ensure.
        total = sum(line * shape for (line, _), shape in zip(lines, shapes, strict=True))
        scale = QUARTERS * here / total if total > 0 else 1.0
        return lines, [scale * shape for shape in shapes]

    def _open_quarter(self) -> None:
        place = self._quarter % QUARTERS
        line, slope = self._lines[place]
        scale = self._shapes[place] * self._level() if self.is_known and self._has_expectation else 0.0
        self._first_bin = self._quarter * self._bins_per_quarter
        self._first = scale * (line - slope * (self._bins_per_quarter - 1) / 2)
        self._slope = scale * slope

    def _close_quarter(self) -> None:
        bins, count, expected = self._seen_bins, self._count, self._expected
        if bins:
            hour, level = hour_of_week(self._hour), self._level()
            self.known_bins += bins
            # The profile is the rate at level 1: what the level explains must not count twice.
            self._week.learn(hour, count, bins * level)
            if expected > 0 and self._is_like_known:
                place = self._quarter % QUARTERS
                line = bins * self._lines[place][0]
                self._day_shape.learn(self._hour, place, count, bins * self._straight[place] * level)
                hours = bins / self._bins_per_hour
                kept = 1 - hours / LEVEL_HOURS
                self._recent_count = self._recent_count * kept + count
                self._recent_expected = self._recent_expected * kept + line * self._shapes[place]
                self._blocks[0].observe(self._squares, expected, hours)
                self._blocks[1].observe((count - expected) ** 2, expected, hours)
                self._hour_count += count
                self._hour_expected += expected
            self.dispersion = max(block.dispersion for block in self._blocks)
        self._reset_quarter()

    def _reset_quarter(self) -> None:
        self._seen_bins = 0
        self._count = self._expected = self._squares = 0.0

    def _level(self) -> float:
        return (self._recent_count + PRIOR_EVENTS) / (self._recent_expected + PRIOR_EVENTS)
