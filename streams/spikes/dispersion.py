"""Variance / mean of counts against what had been expected, over blocks of some length.

A rate that wanders shows in long blocks only.
"""

#: Time constant of forgetting.
DISPERSION_HOURS = 336.0
#: Squares seen in advance, so that a young series is not taken for a steady one.
ASSUMED_DISPERSION, ASSUMED_HOURS = 1.5, 6.0


class Blocks:
    """Squared errors of sums over blocks of so many hours, against their means."""

    def __init__(self, hours: float) -> None:
        self._means = ASSUMED_HOURS / hours
        self._squares = ASSUMED_DISPERSION * self._means

    @property
    def dispersion(self) -> float:
        """At least 1: less is chance."""
        return max(1.0, self._squares / self._means)

    def observe(self, square: float, mean: float, hours: float) -> None:
        """Take blocks of so many hours together: their squared errors and their means, summed up."""
        kept = 1 - hours / DISPERSION_HOURS
        self._squares = self._squares * kept + square
        self._means = self._means * kept + mean
