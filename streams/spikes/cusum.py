"""A cumulative sum of log-likelihood ratios, its onset, and its rate of false alarms.

Sources: Page, Continuous inspection schemes (1954); Hawkins and Olwell, Cumulative Sum Charts and Charting for Quality
Improvement (1998), chapter 5; for the rate of false alarms Tartakovsky, Nikiforov and Basseville, Sequential Analysis
(2014), chapter 8, and the Cramér-Lundberg constant as in Asmussen and Albrecher, Ruin Probabilities (2010), chapter IV.
"""

import math
from collections.abc import Iterable

from streams.spikes.negative_binomial import log_likelihood_weights
from streams.spikes.tail import TailEstimate

#: Upper bounds of the false alarms per bin times exp(threshold), for any number of events per bin: for ratios above 1
#: (by Spitzer's series, see the tests) and below 1.
_MOST_RISING, _MOST_FALLING = 0.2, 0.5
#: Ordinary evidence, in nats.
_ORDINARY = 2.0
#: Least scale of its excesses. Silences are evaluated by day and by night, and days say little about nights.
_LEAST_SCALE_RISING, _LEAST_SCALE_FALLING = 0.5, 1.0
#: A sum never alarms on less evidence than this, however rare.
LEAST_THRESHOLD = math.log(100)


class Cusum:
    """Evidence that a series has `ratio` times its expectation (above or below 1), from some bin on."""

    __slots__ = (
        "_count_weight",
        "_expected_weight",
        "_highest",
        "excesses",
        "expected",
        "observed",
        "ratio",
        "since",
        "threshold",
        "value",
    )

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self.threshold = math.inf
        #: The tail of the highest values of ordinary rises, one per rise.
        self.excesses = TailEstimate(_ORDINARY, _LEAST_SCALE_RISING if ratio > 1 else _LEAST_SCALE_FALLING)
        self._count_weight = self._expected_weight = 0.0
        self.reset()

    def reset(self) -> None:
        """Discard the evidence so far."""
        self.value, self.since, self.observed, self.expected = 0.0, -1, 0, 0.0
        self._highest = 0.0

    def discard_alarmed(self) -> None:
        """Discard evidence already above the threshold; it was accumulated while learning."""
        if self._highest >= self.threshold:
            self.reset()

    def weigh(self, dispersion: float) -> None:
        """Set the variance / mean of the counts from now on."""
        self._count_weight, self._expected_weight = log_likelihood_weights(dispersion, self.ratio)

    def add(self, at: int, count: int, expected: float) -> bool:
        """Add a bin, or several bins without events that begin at `at`. Return whether it alarms."""
        value = self.value + self._count_weight * count - self._expected_weight * expected
        if value <= 0:
            if self.since >= 0:
                self.excesses.learn(self._highest)
                self.reset()
            return False
        if self.since < 0:
            self.since = at
        self.value = value
        if value > self._highest:
            self._highest = value
        self.observed += count
        self.expected += expected
        return value >= self.threshold


def _per_event(dispersion: float, ratio: float) -> float:
    """Return the factor per expected event, for a bin so short that an event in it is rare."""
    a, b = log_likelihood_weights(dispersion, ratio)
    return (b - a) ** 2 / (ratio * a - b) if ratio > 1 else ratio * a - b


def _saturating(factor: float, ratio: float) -> float:
    return factor / (1 + factor / (_MOST_RISING if ratio > 1 else _MOST_FALLING))


def threshold(means: Iterable[float], bins_each: int, dispersion: float, ratio: float, false_alarms: float) -> float:
    """Return the threshold with `false_alarms` expected over `bins_each` bins of each of these means.

    With Z the log-likelihood ratio of a bin, I0 = −E0 Z under the expectation and I1 = E1 Z at `ratio` times that, the
    rate of false alarms per bin is I1 · ζ² · exp(−threshold), where ζ is the mean of exp(−overshoot) at an alarm. In
    short bins ζ is the Cramér-Lundberg constant: I0 / I1 when counts push the sum up, 1 when they push it down, because
    it then creeps over the threshold. In long bins it overshoots more: the factor stays below 0.2 (0.5), which is
    combined as a harmonic sum.
    """
    per_event = _per_event(dispersion, ratio)
    factor = bins_each * sum(_saturating(per_event * mean, ratio) for mean in means)
    return max(LEAST_THRESHOLD, math.log(max(factor, 1e-300) / false_alarms))
