"""Spikes in one series of counts per bin: counts that are statistically unlikely under the expectation.

Three tests run on every bin and share one budget of false alarms, a third each: two cumulative sums of log-likelihood
ratios (for rises by half, which take longer, and to three times as much), and the exact tail probability of the bin.
The thresholds of the sums follow from their rate of false alarms under the rates of the whole week, see `cusum`.

A run begins when the first test alarms, and is dated to the onset that the sums give. During a run nothing is learned;
otherwise improbable counts are capped before they are learned. A run ends when the log-likelihood ratio of a return to
the expected rate against the run's own so far reaches log(1000), and is dated to the bin from which that has grown.
"""

import math

import msgspec

from streams.spikes.baseline import Baseline
from streams.spikes.cusum import Cusum, threshold
from streams.spikes.negative_binomial import critical_count, log_likelihood_weights, tail_probability
from streams.spikes.profile import WEEK_HOURS
from streams.spikes.tail import TailEstimate

RATIOS = (1.5, 3.0)
TESTS = len(RATIOS) + 1
#: Fewer events never make a spike.
LEAST_EVENTS = 5
END_LIKELIHOOD = math.log(1_000)
LEAST_RATIO, LARGEST_RATIO = 1.5, 20.0
#: Counts more improbable than this, in nats, are learned as if they were just this improbable.
LARGEST_IMPROBABILITY = math.log(10_000)
#: Improbabilities above this, in nats, measure the tail; counts within this many standard deviations are left out.
ORDINARY_IMPROBABILITY, ORDINARY_DEVIATIONS = 4.0, 2.0
LEAST_TAIL_SCALE = 0.5
#: Bins with a smaller expectation are too coarse for that: a single event decides.
LEAST_EXPECTED = 1.0
LEAST_PROBABILITY = 1e-300
#: A run this long is the new normal, and is learned from again.
LONGEST_RUN_HOURS = 24
#: A run ends after this long, even if nothing is expected any more.
LAST_RUN_HOURS = 168


class Run(msgspec.Struct):
    """Statistically unlikely bins: from `since` on, alarmed at `detected`, until before `until` (None while it lasts).

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

    def extend(self, at: int, count: int, expected: float, weights: tuple[float, float]) -> bool:
        """Add a bin, with the `log_likelihood_weights` of the run's ratio. Return whether the run continues."""
        a, b = weights
        value = self.return_value - (a * count - b * expected)
        if value <= 0:
            self.observed += self.return_observed + count
            self.expected += self.return_expected + expected
            self.return_value, self.return_since, self.return_observed, self.return_expected = 0.0, -1, 0, 0.0
            return True
        if self.return_since < 0:
            self.return_since = at
        self.return_value = value
        self.return_observed += count
        self.return_expected += expected
        if value < END_LIKELIHOOD:
            return True
        self.until = self.return_since
        return False


class SpikeDetector:
    """The detector of spikes in one series; `false_alarm_probability` is its budget: false runs per bin at most.

    `observe` takes every bin. With many series, call `turn` at each quarter of an hour, `observe_zeros` for bins
    without events and `observe` for the others.
    """

    def __init__(self, false_alarm_probability: float, bins_per_hour: int = 60) -> None:
        self.false_alarm_probability = false_alarm_probability
        self.expectation = Baseline(bins_per_hour)
        self._bins_per_hour = bins_per_hour
        self._longest_run = LONGEST_RUN_HOURS * bins_per_hour
        self._last_run = LAST_RUN_HOURS * bins_per_hour
        self._sums = [Cusum(ratio) for ratio in RATIOS]
        self._tails = TailEstimate(ORDINARY_IMPROBABILITY, LEAST_TAIL_SCALE)
        self._least_improbability = math.inf
        self._is_calibrated = self._is_evaluating = False
        #: Set by the caller; nothing is learned meanwhile.
        self.is_frozen = False
        self.run: Run | None = None

    def observe(self, at: int, count: int) -> Run | None:
        """Evaluate a complete bin and learn from it. Return the run if it begins or ends with this bin."""
        self.turn(at)
        if not self._is_evaluating:
            self._is_evaluating = True
            for cusum in self._sums:
                cusum.discard_alarmed()
        expected = self.expectation.expected(at)
        improbability = self._improbability(count, expected)
        is_evaluated = expected > 0 or self.run is not None
        run = self._evaluate(at, count, expected, improbability) if is_evaluated else None
        self._learn(at, count, expected, improbability)
        return run

    def observe_zeros(self, begin: int, end: int) -> None:
        """Take the bins `[begin, end)` without events, all of this quarter of an hour and outside of a run."""
        expected = self.expectation.expected_between(begin, end)
        for cusum in self._sums:
            if cusum.since >= 0:
                cusum.add(begin, 0, expected)
        if not self.is_frozen:
            self.expectation.learn_zeros(end - begin, expected)

    def learn(self, at: int, count: int) -> None:
        """Learn from a bin without evaluating it. Evidence for a run that has not alarmed yet keeps accumulating.

        A frozen bin belongs to a known run, and is no evidence for another one.
        """
        self.turn(at)
        expected = self.expectation.expected(at)
        for cusum in self._sums:
            if self.is_frozen:
                cusum.reset()
            elif expected > 0:
                cusum.add(at, count, expected)
        self._is_evaluating = False
        self._learn(at, count, expected, self._improbability(count, expected))

    def turn(self, at: int) -> None:
        """Move to the quarter of an hour that contains bin `at`."""
        if not self.expectation.turn(at):
            return
        for cusum in self._sums:
            cusum.weigh(self.expectation.dispersion)
        if not self._is_calibrated or at % (24 * self._bins_per_hour) == 0:
            self.calibrate()

    def calibrate(self) -> None:
        """Set the thresholds for the current budget and the rates of the week; `turn` does so once a day."""
        if not self.expectation.is_known:
            return
        self._is_calibrated = True
        if not self.false_alarm_probability:
            self._least_improbability = math.inf
            for cusum in self._sums:
                cusum.threshold = math.inf
            return
        rates = self.expectation.weekly_rates()
        false_alarms = self.false_alarm_probability / TESTS * WEEK_HOURS * self._bins_per_hour
        for cusum in self._sums:
            by_model = threshold(rates, self._bins_per_hour, self.expectation.dispersion, cusum.ratio, false_alarms)
            if cusum.threshold == math.inf:
                cusum.reset()
            cusum.threshold = cusum.excesses.stretched(by_model)
        self._least_improbability = self._tails.stretched(-math.log(self.false_alarm_probability / TESTS))

    def begin(self, run: Run) -> None:
        """Put the series into `run`."""
        self.run = run
        for cusum in self._sums:
            cusum.reset()

    def _improbability(self, count: int, expected: float) -> float:
        """Return −log of the tail probability, 0 for an ordinary count."""
        dispersion = self.expectation.dispersion
        if expected <= 0 or count <= expected + ORDINARY_DEVIATIONS * math.sqrt(dispersion * expected):
            return 0.0
        return -math.log(max(tail_probability(count, expected, dispersion), LEAST_PROBABILITY))

    def _evaluate(self, at: int, count: int, expected: float, improbability: float) -> Run | None:
        run = self.run
        if run is not None:
            ratio = min(max(run.ratio, LEAST_RATIO), LARGEST_RATIO)
            weights = log_likelihood_weights(self.expectation.dispersion, ratio)
            if run.extend(at, count, expected, weights) and at - run.since < self._last_run:
                return None
            run.until = at if run.until is None else run.until
            self.run = None
            return run
        alarmed = None
        for cusum in self._sums:
            if cusum.add(at, count, expected) and cusum.observed >= LEAST_EVENTS:
                alarmed = cusum if alarmed is None or cusum.since > alarmed.since else alarmed
        if alarmed is not None:
            self.begin(Run(alarmed.since, at, alarmed.observed, alarmed.expected))
        elif count >= LEAST_EVENTS and improbability > self._least_improbability:
            self.begin(Run(at, at, count, expected))
        return self.run

    def _learn(self, at: int, count: int, expected: float, improbability: float) -> None:
        if self.is_frozen or (self.run is not None and at - self.run.since < self._longest_run):
            return
        if expected >= LEAST_EXPECTED:
            self._tails.learn(improbability)
        cap = self._tails.stretched(LARGEST_IMPROBABILITY)
        if improbability > cap:
            count = critical_count(expected, self.expectation.dispersion, math.exp(-cap))
        self.expectation.learn(count, expected)
