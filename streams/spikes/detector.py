"""Spikes in one series of counts per bin: is what comes credible under what had to be expected?

Three tests on every bin, with one budget of false alarms, a third for each: two cumulative sums of log-likelihood
ratios (for rises by half, which take their time, and to three times as much), and the exact tail probability of the
bin. The thresholds of the sums follow from their rate of false alarms under the rates of the whole week, see
`cumulative_sum`.

A run begins with the first test that alarms, since when the sums tell. While it lasts nothing is learned, and of single
bins not more than was credible. It ends when the log-likelihood ratio of a return to the expected rate against what the
run has had so far reaches log(1000), and is dated to the bin since when that has grown.
"""

import math

import msgspec

from streams.spikes.baseline import Baseline
from streams.spikes.cusum import Cusum, threshold
from streams.spikes.negative_binomial import least_incredible, log_likelihood_weights, tail_probability
from streams.spikes.profile import WEEK_HOURS
from streams.spikes.tail import TailEstimate

RATIOS = (1.5, 3.0)
TESTS = len(RATIOS) + 1
#: Fewer events are no spike.
LEAST_EVENTS = 5
END_LIKELIHOOD = math.log(1_000)
LEAST_RATIO, LARGEST_RATIO = 1.5, 20.0
#: Counts beyond this, in nats, are not learned from, as if they had been just this improbable.
CREDIBLE_IMPROBABILITY = math.log(10_000)
#: What exceeds this, in nats, tells how heavy the tail is; no count within so many standard deviations does.
ORDINARY_IMPROBABILITY, ORDINARY_DEVIATIONS = 4.0, 2.0
LEAST_TAIL_SCALE = 0.5
#: Bins of which less is expected are too coarse for that: one event more is improbable, or not.
LEAST_EXPECTED = 1.0
LEAST_PROBABILITY = 1e-300
#: A run this long is the new normal: it is learned from again.
LONGEST_RUN_HOURS = 24
#: This long it has to be over, also where nothing can be said any more about what is expected.
LAST_RUN_HOURS = 168


class Run(msgspec.Struct):
    """Bins that are not credible: from `since` on, alarmed at `detected`, until before `until` (None while it lasts).

    What was observed and expected in them; bins that may turn out to be the return to normal are not in it: these are
    the bins from `return_since` on (-1 where there are none), which speak for it with `return_value` nats.
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
        """How many times as many as expected."""
        return self.observed / max(self.expected, 1e-9)

    def goes_on(self, at: int, count: int, expected: float, weights: tuple[float, float]) -> bool:
        """Take one more bin; `weights` are those of the run's ratio, see `log_likelihood_weights`."""
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
    """One series; `false_alarm_probability` is its budget: false runs per bin at most.

    `observe` takes every bin. Whoever has many series calls `turn` at each quarter of an hour, `observe_zeros` for
    stretches without events and `observe` for the other bins.
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
        self._is_calibrated = self._is_judging = False
        #: While somebody else says so nothing is learned.
        self.is_frozen = False
        self.run: Run | None = None

    def observe(self, at: int, count: int) -> Run | None:
        """Judge a bin that is settled, and learn from it. The run comes back when it begins or ends with this one."""
        self.turn(at)
        if not self._is_judging:
            self._is_judging = True
            for one in self._sums:
                one.let_go()
        expected = self.expectation.expected(at)
        improbability = self._improbability(count, expected)
        is_judged = expected > 0 or self.run is not None
        found = self._judge(at, count, expected, improbability) if is_judged else None
        self._learn(at, count, expected, improbability)
        return found

    def observe_zeros(self, begin: int, end: int) -> None:
        """Bins from `begin` to before `end` without events, all of this quarter of an hour and outside of a run."""
        expected = self.expectation.expected_between(begin, end)
        for one in self._sums:
            if one.since >= 0:
                one.add(begin, 0, expected)
        if not self.is_frozen:
            self.expectation.learn_zeros(end - begin, expected)

    def learn(self, at: int, count: int) -> None:
        """Learn from a bin without judging it. What speaks for a run that has not alarmed yet goes on speaking for it.

        A frozen bin belongs to a run that is known: it speaks for no other.
        """
        self.turn(at)
        expected = self.expectation.expected(at)
        for one in self._sums:
            if self.is_frozen:
                one.reset()
            elif expected > 0:
                one.add(at, count, expected)
        self._is_judging = False
        self._learn(at, count, expected, self._improbability(count, expected))

    def turn(self, at: int) -> None:
        """Go to the quarter of an hour that holds the bin `at`."""
        if not self.expectation.turn(at):
            return
        for one in self._sums:
            one.weigh(self.expectation.dispersion)
        if not self._is_calibrated or at % (24 * self._bins_per_hour) == 0:
            self.calibrate()

    def calibrate(self) -> None:
        """Set the thresholds for the present budget and the rates of the week; by itself that is done once a day."""
        if not self.expectation.is_known:
            return
        self._is_calibrated = True
        if not self.false_alarm_probability:
            self._least_improbability = math.inf
            for one in self._sums:
                one.threshold = math.inf
            return
        rates = self.expectation.weekly_rates()
        false_alarms = self.false_alarm_probability / TESTS * WEEK_HOURS * self._bins_per_hour
        for one in self._sums:
            by_model = threshold(rates, self._bins_per_hour, self.expectation.dispersion, one.ratio, false_alarms)
            if one.threshold == math.inf:
                one.reset()
            one.threshold = one.excesses.stretched(by_model)
        self._least_improbability = self._tails.stretched(-math.log(self.false_alarm_probability / TESTS))

    def begin(self, run: Run) -> None:
        """From now on the series is in `run`."""
        self.run = run
        for one in self._sums:
            one.reset()

    def _improbability(self, count: int, expected: float) -> float:
        """−log of the tail probability, 0 if it is nothing special."""
        dispersion = self.expectation.dispersion
        if expected <= 0 or count <= expected + ORDINARY_DEVIATIONS * math.sqrt(dispersion * expected):
            return 0.0
        return -math.log(max(tail_probability(count, expected, dispersion), LEAST_PROBABILITY))

    def _judge(self, at: int, count: int, expected: float, improbability: float) -> Run | None:
        run = self.run
        if run is not None:
            ratio = min(max(run.ratio, LEAST_RATIO), LARGEST_RATIO)
            weights = log_likelihood_weights(self.expectation.dispersion, ratio)
            if run.goes_on(at, count, expected, weights) and at - run.since < self._last_run:
                return None
            run.until = at if run.until is None else run.until
            self.run = None
            return run
        alarmed = None
        for one in self._sums:
            if one.add(at, count, expected) and one.observed >= LEAST_EVENTS:
                alarmed = one if alarmed is None or one.since > alarmed.since else alarmed
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
        credible = self._tails.stretched(CREDIBLE_IMPROBABILITY)
        if improbability > credible:
            count = least_incredible(expected, self.expectation.dispersion, math.exp(-credible))
        self.expectation.learn(count, expected)
