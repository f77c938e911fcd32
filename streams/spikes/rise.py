"""One series in an episode: how high it has been, so that what goes on is not told twice, and a further rise is."""

HOLD_HOURS = 1.0
#: An episode ends when nothing was unusual for so long.
QUIET_HOURS = 1.0
#: Half of a burst's height is forgotten in so long: five hours later, a burst of a fifth of it is news.
HALF_LIFE_HOURS = 1.5
#: A quarter of an hour with so many times the expectation is still part of it.
HIGH_RATIO = 1.3
_QUARTER_HOURS = 0.25


class Rise:
    """The height of an episode in one series, in times the expectation and in events per bin, fading."""

    def __init__(self, bins_per_hour: int) -> None:
        self._bins_per_hour = bins_per_hour
        self.ratio, self.rate = 1.0, 0.0
        self._before = (1.0, 0.0)
        #: The last bin that was unusual, and the first one that may alarm again.
        self.last_hot = self.hold_until = 0

    def alarm(self, at: int) -> None:
        """Hold back further alarms for a while: what grows within it is the same rise."""
        self.last_hot = at
        self.hold_until = at + int(HOLD_HOURS * self._bins_per_hour)

    def is_over(self, at: int) -> bool:
        """Return whether nothing was unusual for `QUIET_HOURS`."""
        return at - self.last_hot >= QUIET_HOURS * self._bins_per_hour

    @property
    def is_high(self) -> bool:
        """Whether the last quarter of an hour was still above the expectation."""
        return self._before[0] >= HIGH_RATIO

    def turn(self, at: int, count: float, expected: float, bins: int) -> None:
        """Take a quarter of an hour; outside of the hold it counts a quarter of an hour later."""
        now = (count + 1) / (expected + 1), count / bins
        ratio, rate = now if at < self.hold_until else self._before
        self._before = now
        kept = 0.5 ** (_QUARTER_HOURS / HALF_LIFE_HOURS)
        self.ratio = max(1 + (self.ratio - 1) * kept, ratio)
        self.rate = max(self.rate * kept, rate)
