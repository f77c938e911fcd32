"""What is expected of a series of counts per minute: a profile of the week times a slow level, and how much it varies.

Profile: the rate of each of the 168 hours of the week, of past weeks with less and less weight. Where an hour has seen
little it leans on the same hour of the other working days or of the weekend, and that one on the mean of all hours
(gamma-Poisson shrinkage). Between the middles of two hours it runs straight. Level: what came lately against what the
profile says. Dispersion: variance / mean of what came against what had been expected, over blocks of one minute, a
quarter of an hour and an hour, the largest of them: a rate that wanders shows in long blocks only.

Minutes are counted since the epoch, UTC. Floats are fine here: nothing of this is stored in the ledger.
"""

WEEK_HOURS = 168
HOUR_MINUTES = 60
DAY_MINUTES = 1_440
#: Of an hour's weight, what is left a week later: four weeks make two thirds of a profile.
KEPT_PER_WEEK = 0.75
#: An hour leans on its parent as if it had seen so many events there.
LEANING_EVENTS = 8.0
#: The level forgets with this time constant, and leans on the profile likewise.
LEVEL_MINUTES = 1.5 * DAY_MINUTES
DISPERSION_MINUTES = 14.0 * DAY_MINUTES
BLOCKS_MINUTES = (1, 15, 60)
#: Squares seen in advance, so that a young series is not taken for a steady one. In minutes.
ASSUMED_DISPERSION, ASSUMED_MINUTES = 1.5, 360.0
#: 1970-01-01 was a Thursday; weeks begin on Monday.
EPOCH_HOUR_OF_WEEK = 72
WEEKEND_HOUR = 120


def hour_of_week(minute: int) -> int:
    """0 is Monday 00:00 UTC to 01:00."""
    return (minute // HOUR_MINUTES + EPOCH_HOUR_OF_WEEK) % WEEK_HOURS


class Expectation:
    """One series. Ask `expected` for a minute, then let it `observe` that minute; minutes only go forward."""

    def __init__(self) -> None:
        self._counts = [0.0] * WEEK_HOURS
        self._minutes = [0.0] * WEEK_HOURS
        self._recent_count = self._recent_expected = 0.0
        self._known_minutes = 0
        self._blocks = [_Block(size) for size in BLOCKS_MINUTES]
        self._rates_hour = -1
        self._rates = (0.0, 0.0, 0.0)

    def expected(self, minute: int) -> float:
        """Events in this minute, 0 during the first day."""
        return self._profile(minute) * self._level() if self._known_minutes >= DAY_MINUTES else 0.0

    @property
    def dispersion(self) -> float:
        """Variance / mean, at least 1."""
        return max(block.dispersion for block in self._blocks)

    def observe(self, minute: int, count: float, expected: float) -> None:
        """Learn from a minute of which `expected` had been said."""
        self._known_minutes += 1
        hour = hour_of_week(minute)
        if minute % HOUR_MINUTES == 0:
            self._counts[hour] *= KEPT_PER_WEEK
            self._minutes[hour] *= KEPT_PER_WEEK
        if expected > 0:
            for block in self._blocks:
                block.observe(count, expected)
        # The profile is what came at the level 1: what the level explains must not count twice.
        self._counts[hour] += count
        self._minutes[hour] += self._level()
        keep = 1 - 1 / LEVEL_MINUTES
        self._recent_count = self._recent_count * keep + count
        self._recent_expected = self._recent_expected * keep + self._profile(minute)

    def _level(self) -> float:
        return (self._recent_count + LEANING_EVENTS) / (self._recent_expected + LEANING_EVENTS)

    def _profile(self, minute: int) -> float:
        """Rate per minute, straight between the middles of the hours."""
        hour = minute // HOUR_MINUTES
        if hour != self._rates_hour:
            before, here, after = (self._rate(hour_of_week((hour + step) * HOUR_MINUTES)) for step in (-1, 0, 1))
            self._rates_hour, self._rates = hour, (before, here, after)
        before, here, after = self._rates
        share = (minute % HOUR_MINUTES + 0.5) / HOUR_MINUTES - 0.5
        return here + (after - here) * share if share >= 0 else here + (before - here) * -share

    def _rate(self, hour: int) -> float:
        """Of an hour of the week, leaning on its like, and on all."""
        first, last = (WEEKEND_HOUR, WEEK_HOURS) if hour >= WEEKEND_HOUR else (0, WEEKEND_HOUR)
        like = range(first + hour % 24, last, 24)
        all_minutes = sum(self._minutes)
        if not all_minutes:
            return 0.0
        overall = sum(self._counts) / all_minutes
        of_like = _leaning(overall, sum(self._counts[one] for one in like), sum(self._minutes[one] for one in like))
        return _leaning(of_like, self._counts[hour], self._minutes[hour])


def _leaning(parent_rate: float, count: float, minutes: float) -> float:
    """The rate of `count` in `minutes`, drawn towards a parent's, all the more the fewer events were expected."""
    return parent_rate * (count + LEANING_EVENTS) / (parent_rate * minutes + LEANING_EVENTS)


class _Block:
    """Squared errors of sums over so many minutes, against their means."""

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes
        self._seen = 0
        self._count = self._expected = 0.0
        self._squares = ASSUMED_DISPERSION * ASSUMED_MINUTES / minutes
        self._means = ASSUMED_MINUTES / minutes

    @property
    def dispersion(self) -> float:
        return max(1.0, self._squares / self._means)

    def observe(self, count: float, expected: float) -> None:
        self._count += count
        self._expected += expected
        self._seen += 1
        if self._seen == self._minutes:
            keep = 1 - self._minutes / DISPERSION_MINUTES
            self._squares = self._squares * keep + (self._count - self._expected) ** 2
            self._means = self._means * keep + self._expected
            self._seen, self._count, self._expected = 0, 0.0, 0.0
