"""Detectors under one interface: ours and the usual alternatives.

Each sees every bin once, in order. Alarms less than an hour apart form one episode; ours decides this itself.
"""

import math
from collections import deque
from typing import Protocol

from streams.spikes.baseline import Baseline
from streams.spikes.cusum import Cusum
from streams.spikes.detector import SpikeDetector

DAY_BINS = 1_440


class Detector(Protocol):
    """A detector of the bins that begin an episode."""

    def learn(self, at: int, count: int) -> None:
        """Learn from a bin without evaluating it."""

    def begins(self, at: int, count: int) -> bool:
        """Return whether an episode begins with this bin."""


class Ours:
    """`streams/spikes/detector.py` with a budget of false episodes per bin."""

    def __init__(self, budget: float, bins_per_hour: int = 60) -> None:
        self._detector = SpikeDetector(budget, bins_per_hour)

    def learn(self, at: int, count: int) -> None:
        self._detector.learn(at, count)

    def begins(self, at: int, count: int) -> bool:
        run = self._detector.observe(at, count)
        return run is not None and run.until is None


class _Episodes:
    """Grouping of alarms less than an hour apart into one episode."""

    def __init__(self) -> None:
        self._last = -DAY_BINS

    def is_new(self, at: int, is_alarm: bool) -> bool:
        if not is_alarm:
            return False
        is_new = at - self._last >= 60
        self._last = at
        return is_new


class ThreeSigma:
    """Threshold at mean + 3 standard deviations of the last day: the usual first attempt."""

    def __init__(self) -> None:
        self._counts: deque[int] = deque()
        self._sum = self._squares = 0
        self._episodes = _Episodes()

    def learn(self, at: int, count: int) -> None:
        self._counts.append(count)
        self._sum += count
        self._squares += count * count
        if len(self._counts) > DAY_BINS:
            old = self._counts.popleft()
            self._sum -= old
            self._squares -= old * old

    def begins(self, at: int, count: int) -> bool:
        number = max(1, len(self._counts))
        mean = self._sum / number
        deviation = math.sqrt(max(0.0, self._squares / number - mean * mean))
        self.learn(at, count)
        return self._episodes.is_new(at, count > mean + 3 * deviation)


class EarsC2:
    """C2 of the Early Aberration Reporting System: mean + 3 standard deviations of seven bins, two bins ago.

    Hutwagner et al., The bioterrorism preparedness and response Early Aberration Reporting System (2003), with bins in
    place of days. The standard deviation is at least 0.2, as in CDC's program.
    """

    BASELINE_BINS, GUARD_BINS = 7, 2

    def __init__(self) -> None:
        self._counts: deque[int] = deque(maxlen=self.BASELINE_BINS + self.GUARD_BINS)
        self._episodes = _Episodes()

    def learn(self, at: int, count: int) -> None:
        self._counts.append(count)

    def begins(self, at: int, count: int) -> bool:
        baseline = list(self._counts)[: self.BASELINE_BINS]
        mean = sum(baseline) / len(baseline)
        variance = sum((value - mean) ** 2 for value in baseline) / (len(baseline) - 1)
        self.learn(at, count)
        return self._episodes.is_new(at, count > mean + 3 * max(0.2, math.sqrt(variance)))


class PoissonSum:
    """A cumulative sum for twice the rate that assumes Poisson counts, with the same expectation as ours.

    Its threshold log(1 / budget) would keep the budget by Lorden's inequality if they were Poisson.
    """

    RATIO = 2.0

    def __init__(self, budget: float) -> None:
        self._expectation = Baseline()
        self._sum = Cusum(self.RATIO)
        self._sum.weigh(1.0)
        self._sum.threshold = math.log(1 / budget)
        self._episodes = _Episodes()

    def learn(self, at: int, count: int) -> None:
        self._expectation.turn(at)
        self._expectation.learn(count, self._expectation.expected(at))

    def begins(self, at: int, count: int) -> bool:
        self.learn(at, count)
        expected = self._expectation.expected(at)
        is_alarm = expected > 0 and self._sum.add(at, count, expected)
        if is_alarm:
            self._sum.reset()
        return self._episodes.is_new(at, is_alarm)
