"""What is expected of a series of counts per bin: a profile of the week times a slow level, and how much it varies.

Profile: the rate of each of the 168 hours of the week, of past weeks with less and less weight. Where an hour has seen
little it leans on the same hour of the other working days or of the weekend, and that one on the mean of all hours
(gamma-Poisson shrinkage). Between the middles of two hours it runs straight. Level: what came lately against what the
profile says. Dispersion: variance / mean of what came against what had been expected, over blocks of one bin, a
quarter of an hour and an hour, the largest of them: a rate that wanders shows in long blocks only.

Bins are a minute long, or some that make an hour, and are numbered since the epoch, UTC. Floats are fine here: nothing
of this is stored in the ledger.
"""

WEEK_HOURS, DAY_HOURS = 168, 24
#: Of an hour's weight, what is left a week later: four weeks make two thirds of a profile.
KEPT_PER_WEEK = 0.75
#: An hour leans on its parent as if it had seen so many events there, the level on the profile likewise.
LEANING_EVENTS = 8.0
#: Time constants of forgetting.
LEVEL_HOURS = 36.0
DISPERSION_HOURS = 336.0
#: Squares seen in advance, so that a young series is not taken for a steady one.
ASSUMED_DISPERSION, ASSUMED_HOURS = 1.5, 6.0
#: 1970-01-01 was a Thursday; weeks begin on Monday.
EPOCH_HOUR_OF_WEEK = 72
WEEKEND_HOUR = 120


def hour_of_week(hour: int) -> int:
    """Of an hour since the epoch: 0 is Monday 00:00 UTC to 01:00."""
    return (hour + EPOCH_HOUR_OF_WEEK) % WEEK_HOURS


class Expectation:
    """One series. Ask `expected` for a bin, then let it `observe` that bin; bins only go forward."""

    def __init__(self, bins_per_hour: int = 60) -> None:
        self._bins_per_hour = bins_per_hour
        self._counts = [0.0] * WEEK_HOURS
        self._bins = [0.0] * WEEK_HOURS
        self._recent_count = self._recent_expected = 0.0
        self._known_bins = 0
        self._level_kept = 1 - 1 / (LEVEL_HOURS * bins_per_hour)
        sizes = sorted({1, max(1, bins_per_hour // 4), bins_per_hour})
        self._blocks = [_Block(size, bins_per_hour) for size in sizes]
        self._rates_hour = -1
        self._rates = (0.0, 0.0, 0.0)

    def expected(self, at: int) -> float:
        """Events in the bin `at`, 0 during the first day."""
        is_known = self._known_bins >= DAY_HOURS * self._bins_per_hour
        return self._profile(at) * self._level() if is_known else 0.0

    @property
    def dispersion(self) -> float:
        """Variance / mean, at least 1."""
        return max(block.dispersion for block in self._blocks)

    def observe(self, at: int, count: float, expected: float) -> None:
        """Learn from a bin of which `expected` had been said."""
        self._known_bins += 1
        hour = hour_of_week(at // self._bins_per_hour)
        if at % self._bins_per_hour == 0:
            self._counts[hour] *= KEPT_PER_WEEK
            self._bins[hour] *= KEPT_PER_WEEK
        if expected > 0:
            for block in self._blocks:
                block.observe(count, expected)
        # The profile is what came at the level 1: what the level explains must not count twice.
        self._counts[hour] += count
        self._bins[hour] += self._level()
        self._recent_count = self._recent_count * self._level_kept + count
        self._recent_expected = self._recent_expected * self._level_kept + self._profile(at)

    def _level(self) -> float:
        return (self._recent_count + LEANING_EVENTS) / (self._recent_expected + LEANING_EVENTS)

    def _profile(self, at: int) -> float:
        """Rate per bin, straight between the middles of the hours."""
        hour, place = divmod(at, self._bins_per_hour)
        if hour != self._rates_hour:
            before, here, after = (self._rate(hour_of_week(hour + step)) for step in (-1, 0, 1))
            self._rates_hour, self._rates = hour, (before, here, after)
        before, here, after = self._rates
        share = (place + 0.5) / self._bins_per_hour - 0.5
        return here + (after - here) * share if share >= 0 else here + (before - here) * -share

    def _rate(self, hour: int) -> float:
        """Of an hour of the week, leaning on its like, and on all."""
        first, last = (WEEKEND_HOUR, WEEK_HOURS) if hour >= WEEKEND_HOUR else (0, WEEKEND_HOUR)
        like = range(first + hour % DAY_HOURS, last, DAY_HOURS)
        all_bins = sum(self._bins)
        if not all_bins:
            return 0.0
        overall = sum(self._counts) / all_bins
        of_like = _leaning(overall, sum(self._counts[one] for one in like), sum(self._bins[one] for one in like))
        return _leaning(of_like, self._counts[hour], self._bins[hour])


def _leaning(parent_rate: float, count: float, bins: float) -> float:
    """The rate of `count` in so many bins, drawn towards a parent's, all the more the fewer events were expected."""
    return parent_rate * (count + LEANING_EVENTS) / (parent_rate * bins + LEANING_EVENTS)


class _Block:
    """Squared errors of sums over so many bins, against their means."""

    def __init__(self, size: int, bins_per_hour: int) -> None:
        self._size = size
        self._kept = 1 - size / (DISPERSION_HOURS * bins_per_hour)
        self._seen = 0
        self._count = self._expected = 0.0
        self._means = ASSUMED_HOURS * bins_per_hour / size
        self._squares = ASSUMED_DISPERSION * self._means

    @property
    def dispersion(self) -> float:
        return max(1.0, self._squares / self._means)

    def observe(self, count: float, expected: float) -> None:
        self._count += count
        self._expected += expected
        self._seen += 1
        if self._seen == self._size:
            self._squares = self._squares * self._kept + (self._count - self._expected) ** 2
            self._means = self._means * self._kept + self._expected
            self._seen, self._count, self._expected = 0, 0.0, 0.0
