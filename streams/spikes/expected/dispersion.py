"""How much counts vary: from bin to bin (dispersion), and over longer windows (wander).

The dispersion, variance over mean of a bin's count, comes from differences of neighbouring bins, so that season and
level cancel. The wander of a window length is the relative variance of its expectation: what its counts vary more than
the dispersion explains. Errors are clipped, so that a burst teaches little.
"""

import numpy as np

from streams.spikes.columns import Flags, Floats
from streams.spikes.expected.robust import clipped_squares

#: Time constant of forgetting; before so much was seen, everything counts alike.
MEMORY_HOURS = 336.0
ASSUMED_DISPERSION, ASSUMED_WANDER = 1.5, 0.02
#: A wander beyond this is a misjudged profile.
MOST_WANDER = 4.0
#: Shorter expectations than this say nothing about the wander.
LEAST_EXPECTED = 0.5
LEAST_RELATIVE_VARIANCE = 0.01


class Dispersion:
    """The dispersion of many series."""

    def __init__(self, size: int) -> None:
        self.squares = np.full(size, ASSUMED_DISPERSION)
        self.means = np.ones(size)
        self.bins = np.zeros(size)

    @property
    def of_bins(self) -> Floats:
        """Variance over mean of a bin's count, at least 1."""
        return np.maximum(self.squares / self.means, 1.0)

    def learn(self, counts: Floats, mean: Floats, bins_per_hour: int, is_learning: Flags) -> None:
        """Learn from consecutive bins, one row each after the one before them; `mean` is the expectation of a bin."""
        bins = len(counts) - 1
        near = 0.5 * (counts[1:] + counts[:-1])
        squares = clipped_squares(np.diff(counts, axis=0), 2 * self.of_bins * np.maximum(near, 0.5 * mean))
        kept = 1 - np.maximum(bins / (MEMORY_HOURS * bins_per_hour), bins / (self.bins + bins + 1))
        self.bins = np.where(is_learning, self.bins + bins, self.bins)
        self.squares = np.where(is_learning, self.squares * kept + squares.sum(axis=0), self.squares)
        self.means = np.where(is_learning, self.means * kept + 2 * near.sum(axis=0), self.means)


class Wander:
    """The wander of many series, over windows of one length."""

    def __init__(self, size: int) -> None:
        self.squares = np.full(size, ASSUMED_WANDER)
        self.weights = np.ones(size)
        self.blocks = np.zeros(size)

    @property
    def relative_variance(self) -> Floats:
        """Relative variance of the expectation over such windows."""
        return np.clip(self.squares / self.weights, 0.0, MOST_WANDER)

    def learn(
        self, counts: Floats, expected: Floats, reference: Floats, dispersion: Floats, hours: float, is_learning: Flags
    ) -> None:
        """Learn from a window of so many hours.

        A count between what the season and what the last hours made likely is no error.
        """
        wander = self.relative_variance
        low, high = np.minimum(expected, reference), np.maximum(reference, 1e-9)
        errors = np.where(counts > high, counts - high, np.where(counts < low, low - counts, 0.0))
        squares = clipped_squares(errors, dispersion * high + wander * high * high)
        # Relative, so that busy hours do not count for more than quiet ones that vary less by chance.
        weights = 1 / (dispersion / high + wander + LEAST_RELATIVE_VARIANCE)
        is_learning = is_learning & (low > LEAST_EXPECTED)
        self.blocks = np.where(is_learning, self.blocks + 1, self.blocks)
        kept = 1 - np.maximum(hours / MEMORY_HOURS, 1 / (self.blocks + 1))
        excess = weights * (squares / high - dispersion) / high
        self.squares = np.where(is_learning, self.squares * kept + excess, self.squares)
        self.weights = np.where(is_learning, self.weights * kept + weights, self.weights)
