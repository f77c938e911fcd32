"""Variance / mean of counts about their expectation, over blocks of a given length.

A drifting rate shows only in long blocks.
"""

#: Time constant of the decay.
DISPERSION_HOURS = 336.0
#: A prior, so that a young series is not taken for a steady one.
ASSUMED_DISPERSION, ASSUMED_HOURS = 1.5, 6.0


class Blocks:
    """Squared errors of sums over blocks of `hours`, against their means."""

    def __init__(self, hours: float) -> None:
        self._means = ASSUMED_HOURS / hours
        self._squares = ASSUMED_DISPERSION * self._means

    @property
    def dispersion(self) -> float:
        """Variance / mean, at least 1: less is chance."""
        return max(1.0, self._squares / self._means)

    def observe(self, square: float, mean: float, hours: float) -> None:
        """Add blocks of `hours` together: the sums of their squared errors and of their means."""
        kept = 1 - hours / DISPERSION_HOURS
        self._squares = self._squares * kept + square
        self._means = self._means * kept + mean
