"""Spikes in one series of counts per bin: is what comes credible under what had to be expected?

Three tests on every bin, with one budget: two cumulative sums of log-likelihood ratios (for rises by half, which
take their time, and to three times as much), and the exact tail probability of the bin. By Lorden's inequality a
cumulative sum that alarms at log(1 / q) does so falsely at most once in 1 / q bins, and by its definition the tail
below q once in 1 / q; so each of the three gets a third of the budget. Sources: Lorden, Procedures for reacting to a
change in distribution (1971); Hawkins and Olwell (1998).

An episode begins with the first test that alarms, since when the sums tell. While it lasts the level stands still and
nothing is learned from more than was credible. It ends when the log-likelihood ratio of a return to the expected rate
against what the episode has had so far reaches log(1000).
"""

import math

import msgspec

from streams.expectation import Expectation
from streams.negative_binomial import least_incredible, log_likelihood_weights, tail_probability

RATIOS = (1.5, 3.0)
TESTS = len(RATIOS) + 1
END_LIKELIHOOD = math.log(1_000)
LARGEST_RATIO = 20.0
#: Counts beyond this are not learned from, as if they had been just this improbable.
CREDIBLE_PROBABILITY = 0.001
#: An episode this long is the new normal: it is learned from again.
LONGEST_EPISODE_HOURS = 24


class Episode(msgspec.Struct):
    """A spike: from bin `since` on, alarmed at `detected`, until `until` (None while it lasts)."""

    since: int
    detected: int
    observed: int
    expected: float
    until: int | None = None

    @property
    def ratio(self) -> float:
        """How many times as many as expected."""
        return self.observed / max(self.expected, 1e-9)


class _Sum:
    """A cumulative sum of log-likelihood ratios, and since when it has been above 0."""

    __slots__ = ("expected", "observed", "ratio", "since", "value")

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio
        self.reset()

    def reset(self) -> None:
        self.value, self.since, self.observed, self.expected = 0.0, -1, 0, 0.0

    def add(self, at: int, count: int, expected: float, dispersion: float) -> None:
        a, b = log_likelihood_weights(dispersion, self.ratio)
        value = self.value + a * count - b * expected
        if value <= 0:
            self.reset()
            return
        if self.since < 0:
            self.since = at
        self.value = value
        self.observed += count
        self.expected += expected


class SpikeDetector:
    """One series; `false_alarm_probability` is its budget: false episodes per bin at most."""

    def __init__(self, false_alarm_probability: float, bins_per_hour: int = 60) -> None:
        share = false_alarm_probability / TESTS
        self._tail_probability = share
        self._threshold = math.log(1 / share)
        self._expectation = Expectation(bins_per_hour)
        self._longest_episode = LONGEST_EPISODE_HOURS * bins_per_hour
        self._sums = [_Sum(ratio) for ratio in RATIOS]
        self._return_value = 0.0
        self.episode: Episode | None = None

    def expected(self, at: int) -> float:
        """Events to be expected in a bin that is next."""
        return self._expectation.expected(at)

    def observe(self, at: int, count: int) -> Episode | None:
        """Judge a bin that is settled. The episode comes back when it begins or ends with this one."""
        expectation = self._expectation
        expected, dispersion = expectation.expected(at), expectation.dispersion
        if expected <= 0:
            expectation.observe(at, count, expected)
            return None
        # Nothing less is improbable enough to matter, and a tail is a long sum.
        is_high = count > expected + 2 * math.sqrt(dispersion * expected)
        tail = tail_probability(count, expected, dispersion) if is_high else 1.0
        found = self._judge(at, count, expected, dispersion, tail)
        expectation.observe(at, self._credible(at, count, expected, dispersion, tail), expected)
        return found

    def _credible(self, at: int, count: int, expected: float, dispersion: float, tail: float) -> float:
        """What is learned from a count."""
        if self.episode is not None and at - self.episode.since < self._longest_episode:
            return min(count, expected)
        return count if tail > CREDIBLE_PROBABILITY else least_incredible(expected, dispersion, CREDIBLE_PROBABILITY)

    def _judge(self, at: int, count: int, expected: float, dispersion: float, tail: float) -> Episode | None:
        if self.episode is not None:
            return self._go_on(self.episode, at, count, expected, dispersion)
        for one in self._sums:
            one.add(at, count, expected, dispersion)
        alarmed = [one for one in self._sums if one.value >= self._threshold]
        if alarmed:
            first = max(alarmed, key=lambda one: one.since)
            self.episode = Episode(first.since, at, first.observed, first.expected)
        elif tail <= self._tail_probability:
            self.episode = Episode(at, at, count, expected)
        if self.episode is not None:
            self._return_value = 0.0
            for one in self._sums:
                one.reset()
        return self.episode

    def _go_on(self, episode: Episode, at: int, count: int, expected: float, dispersion: float) -> Episode | None:
        a, b = log_likelihood_weights(dispersion, min(max(episode.ratio, RATIOS[0]), LARGEST_RATIO))
        self._return_value = max(0.0, self._return_value - (a * count - b * expected))
        if self._return_value < END_LIKELIHOOD:
            episode.observed += count
            episode.expected += expected
            return None
        episode.until = at
        self.episode = None
        return episode
