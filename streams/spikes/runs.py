"""Runs: stretches of bins in which a series is not as expected, from an alarm's onset to the return."""

import math
from collections.abc import Sequence

import msgspec

from streams.spikes.calendar import WEEK_HOURS
from streams.spikes.negative_binomial import log_likelihood_weights

END_LIKELIHOOD = math.log(1_000)
LEAST_RATIO, LARGEST_RATIO = 1.5, 20.0
#: A run ends after this long, even if the series never returns: it is gone, or this is how it is now.
LONGEST_HOURS = WEEK_HOURS


class Run(msgspec.Struct):
    """Unusual bins: from `since` on, alarmed at `detected`, until before `until` (None while it lasts).

    `observed` and `expected` are sums over them, without the bins that may turn out to be the return to normal. Those
    are the bins from `return_since` on (-1 for none), with `return_value` nats of evidence for the return.
    """

    since: int
    detected: int
    observed: int
    expected: float
    until: int | None = None
    return_value: float = 0.0
    return_since: int = -1
    return_observed: int = 0
    return_expected: float = 0.0

    @property
    def ratio(self) -> float:
        """The observed count as a multiple of the expected one."""
        return self.observed / max(self.expected, 1e-9)

    def extend(self, at: int, count: int, expected: float, weights: tuple[float, float], longest: int) -> bool:
        """Add a bin, with the `log_likelihood_weights` of the run's ratio. Return whether the run continues.

        It ends when the log-likelihood ratio of a return to the expectation against the run's own ratio so far reaches
        log(1000), with the bin from which that has grown; and when it is `longest` bins long.
        """
        a, b = weights
        value = self.return_value - (a * count - b * expected)
        if value <= 0:
            self.observed += self.return_observed + count
            self.expected += self.return_expected + expected
            self.return_value, self.return_since, self.return_observed, self.return_expected = 0.0, -1, 0, 0.0
        else:
            if self.return_since < 0:
                self.return_since = at
            self.return_value = value
            self.return_observed += count
            self.return_expected += expected
        if value >= END_LIKELIHOOD:
            self.until = self.return_since
        elif at - self.since >= longest:
            self.until = at
        return self.until is None


def weights_of_rise(run: Run, dispersion: float) -> tuple[float, float]:
    """Return the weights with which a run of a spike is extended: for its own ratio, within bounds."""
    return log_likelihood_weights(dispersion, min(max(run.ratio, LEAST_RATIO), LARGEST_RATIO))


def onset(counts: Sequence[float], expected: Sequence[float], earliest: int, alarmed: int) -> int:
    """Return the index of the bin that a rise most likely began with, of consecutive bins from `earliest` on.

    Maximum likelihood of a rise to the ratio of the alarm's window, which begins at `alarmed`, for Poisson counts.
    """
    ratio = max(sum(counts[alarmed:]) / max(sum(expected[alarmed:]), 1e-9), LEAST_RATIO)
    gain, best, found = 0.0, -math.inf, alarmed
    for index in range(len(counts) - 1, earliest - 1, -1):
        gain += counts[index] * math.log(ratio) - (ratio - 1) * expected[index]
        if gain > best and counts[index]:
            best, found = gain, index
    return found
