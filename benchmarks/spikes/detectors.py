"""Detectors under one interface: ours and the usual alternatives, each for many series side by side.

Each sees every bin once, in order. Alarms less than an hour apart form one episode; ours decides this itself.
"""

import math
from typing import Protocol

import numpy as np

from streams.spikes.calendar import QUARTERS, LocalQuarter
from streams.spikes.columns import Flags, Floats
from streams.spikes.detectors import SpikeDetectors

DAY_BINS, WEEK_BINS = 1_440, 10_080


class Detector(Protocol):
    """A detector of the bins that begin an episode, or a further rise inside of one."""

    def learn(self, at: int, counts: Floats) -> None:
        """Learn from a bin without evaluating it."""

    def begins(self, at: int, counts: Floats) -> Flags:
        """Return in which series an episode begins with this bin."""


class Ours:
    """`streams/spikes/detectors.py`, each series with a budget of its own: false episodes per bin."""

    def __init__(self, budgets: Floats, bins_per_hour: int = 60) -> None:
        self._quarter_bins = bins_per_hour // QUARTERS
        self._detectors = SpikeDetectors(budgets.size, bins_per_hour)
        self._detectors.ordinary_days.set_budget(1 / (budgets * 24 * bins_per_hour))
        self._nowhere = np.zeros(budgets.size, np.bool_)
        self._last: int | None = None

    def learn(self, at: int, counts: Floats) -> None:
        self.begins(at, counts)

    def begins(self, at: int, counts: Floats) -> Flags:
        is_gap = self._last is not None and at > self._last + 1
        if is_gap:
            self._detectors.skip(at)
        if is_gap or self._last is None or at % self._quarter_bins == 0:
            self._detectors.turn(at, LocalQuarter(at // self._quarter_bins), self._nowhere)
        self._last = at
        flags = self._nowhere.copy()
        flags[[alarm.series for alarm in self._detectors.observe(at, counts)]] = True
        return flags

    def expected(self, at: int) -> Floats:
        """Return the expectation of the last bin; 0 where less than a day is known."""
        return np.where(self._detectors.is_known, self._detectors.windows.expected(at, 1), 0.0)


class _Episodes:
    """Grouping of alarms less than an hour apart into one episode."""

    def __init__(self, size: int) -> None:
        self._last = np.full(size, -DAY_BINS)

    def are_new(self, at: int, alarms: Flags) -> Flags:
        are_new: Flags = alarms & (at - self._last >= 60)
        self._last[alarms] = at
        return are_new


class ThreeSigma:
    """Threshold at mean + 3 standard deviations of the last day: the usual first attempt."""

    def __init__(self, size: int) -> None:
        self._counts = np.zeros((DAY_BINS, size))
        self._sum, self._squares = np.zeros(size), np.zeros(size)
        self._bins = 0
        self._episodes = _Episodes(size)

    def learn(self, at: int, counts: Floats) -> None:
        old = self._counts[self._bins % DAY_BINS]
        self._sum += counts - old
        self._squares += counts * counts - old * old
        self._counts[self._bins % DAY_BINS] = counts
        self._bins += 1

    def begins(self, at: int, counts: Floats) -> Flags:
        number = max(1, min(self._bins, DAY_BINS))
        mean = self._sum / number
        deviation = np.sqrt(np.maximum(0.0, self._squares / number - mean * mean))
        self.learn(at, counts)
        return self._episodes.are_new(at, counts > mean + 3 * deviation)


class EarsC2:
    """C2 of the Early Aberration Reporting System: mean + 3 standard deviations of seven bins, two bins ago.

    Hutwagner et al., The bioterrorism preparedness and response Early Aberration Reporting System (2003), with bins in
    place of days. The standard deviation is at least 0.2, as in CDC's program.
    """

    BASELINE_BINS, GUARD_BINS = 7, 2

    def __init__(self, size: int) -> None:
        self._counts = np.zeros((self.BASELINE_BINS + self.GUARD_BINS, size))
        self._episodes = _Episodes(size)

    def learn(self, at: int, counts: Floats) -> None:
        self._counts[:-1] = self._counts[1:]
        self._counts[-1] = counts

    def begins(self, at: int, counts: Floats) -> Flags:
        baseline = self._counts[: self.BASELINE_BINS]
        limit = baseline.mean(axis=0) + 3 * np.maximum(0.2, baseline.std(axis=0, ddof=1))
        self.learn(at, counts)
        return self._episodes.are_new(at, counts > limit)


class Farrington:
    """Quasi-Poisson threshold from the same half hours of the weeks before, as in public health surveillance.

    Farrington et al., A statistical algorithm for the early detection of outbreaks of infectious disease (1996), with
    the weights of residuals above 2.58 of Noufaily et al. (2013), without a trend; bins in place of weeks, and weeks in
    place of years. The upper limit is the 99.5 % quantile by the power 2/3.
    """

    WEEKS, HALF_WINDOW_BINS = 4, 30
    QUANTILE, LARGEST_RESIDUAL = 2.58, 2.58
    LEAST_EVENTS = 5

    def __init__(self, size: int) -> None:
        bins = self.WEEKS * WEEK_BINS + self.HALF_WINDOW_BINS + 1
        self._counts = np.full((bins, size), np.nan, np.float32)
        self._episodes = _Episodes(size)

    def learn(self, at: int, counts: Floats) -> None:
        self._counts[at % len(self._counts)] = counts

    def begins(self, at: int, counts: Floats) -> Flags:
        near = np.arange(-self.HALF_WINDOW_BINS, self.HALF_WINDOW_BINS + 1)
        weeks = WEEK_BINS * np.arange(1, self.WEEKS + 1)
        rows = (at - weeks[:, None] + near).ravel() % len(self._counts)
        known = self._counts[rows].astype(np.float64)
        known = known[~np.isnan(known).any(axis=1)]
        self.learn(at, counts)
        if not len(known):
            return np.zeros(counts.size, np.bool_)
        mean = np.maximum(known.mean(axis=0), 1e-9)
        dispersion = np.maximum(known.var(axis=0) / mean, 1.0)
        residuals = 1.5 * (known ** (2 / 3) - mean ** (2 / 3)) / (mean ** (1 / 6) * np.sqrt(dispersion))
        weights = np.where(residuals > self.LARGEST_RESIDUAL, np.maximum(residuals, 1.0) ** -2, 1.0)
        mean = np.maximum((weights * known).sum(axis=0) / weights.sum(axis=0), 1e-9)
        variance = dispersion * mean * (1 + 1 / len(known))
        limit = mean * (1 + 2 / 3 * self.QUANTILE * np.sqrt(variance) / mean) ** 1.5
        is_enough = known.sum(axis=0) >= self.LEAST_EVENTS
        return self._episodes.are_new(at, is_enough & (counts > limit))


class PoissonSum:
    """A cumulative sum for twice the rate that assumes Poisson counts, with the same expectation as ours.

    Its threshold log(1 / budget) would keep the budget by Lorden's inequality if they were Poisson.
    """

    RATIO = 2.0

    def __init__(self, size: int, budget: float) -> None:
        self._expectation = Ours(np.full(size, budget))
        self._sum = np.zeros(size)
        self._threshold = math.log(1 / budget)
        self._episodes = _Episodes(size)

    def learn(self, at: int, counts: Floats) -> None:
        self._expectation.learn(at, counts)

    def begins(self, at: int, counts: Floats) -> Flags:
        self.learn(at, counts)
        expected = self._expectation.expected(at)
        gain = counts * math.log(self.RATIO) - (self.RATIO - 1) * expected
        self._sum = np.where(expected > 0, np.maximum(0.0, self._sum + gain), 0.0)
        alarms: Flags = self._sum >= self._threshold
        self._sum[alarms] = 0.0
        return self._episodes.are_new(at, alarms)
