"""Silence in one series of counts: for how long may nothing come until that is not credible?

A cumulative sum of log-likelihood ratios of next to no events against as many as expected: it grows with what was
expected and falls with each event, so that a rare series is counted until an event and a night, of which nothing is
expected, adds nothing. Judged once a week has been seen, for only then nights and weekends are known. It ends when the
log-likelihood ratio of a return to the expected rate reaches log(1000): with about three events; or after a week, when
silence has become normal.
"""

import math

from streams.spikes.baseline import Baseline
from streams.spikes.cusum import Cusum, threshold
from streams.spikes.detector import LAST_RUN_HOURS, Run
from streams.spikes.negative_binomial import log_likelihood_weights
from streams.spikes.profile import WEEK_HOURS

#: Of what is expected, what still counts as silence.
SILENCE_RATIO = 0.05


class SilenceDetector:
    """One series, whose `expectation` somebody else brings up to date; the budget is false runs per bin."""

    def __init__(self, expectation: Baseline, false_alarm_probability: float, bins_per_hour: int = 60) -> None:
        self.false_alarm_probability = false_alarm_probability
        self._expectation = expectation
        self._bins_per_hour = bins_per_hour
        self._sum = Cusum(SILENCE_RATIO)
        self._weights = (0.0, 0.0)
        self._is_judging = False
        self.run: Run | None = None

    def observe(self, at: int, count: int, expected: float) -> Run | None:
        """Judge a bin that is settled. The run comes back when it begins or ends with this one."""
        if not self._is_judging:
            self._is_judging = True
            self._sum.let_go()
        run = self.run
        if run is not None:
            is_last = at - run.since >= LAST_RUN_HOURS * self._bins_per_hour
            if run.goes_on(at, count, expected, self._weights) and not is_last:
                return None
            run.until = at if run.until is None else run.until
            self.run = None
            return run
        one = self._sum
        if one.add(at, count, expected):
            self.begin(Run(one.since, at, one.observed, one.expected))
        return self.run

    def learn(self, at: int, count: int, expected: float, *, is_frozen: bool) -> None:
        """Take a bin without judging it, see `SpikeDetector.learn`."""
        if is_frozen:
            self._sum.reset()
        else:
            self._sum.add(at, count, expected)
        self._is_judging = False

    def turn(self) -> None:
        """The quarter of an hour has changed: the dispersion may have, too."""
        self._sum.weigh(self._expectation.dispersion)
        self._weights = log_likelihood_weights(self._expectation.dispersion, SILENCE_RATIO)

    def calibrate(self) -> None:
        """Set the threshold for the present budget and the rates of the week, once there has been a week."""
        if not self._expectation.is_week_known or not self.false_alarm_probability:
            self._sum.threshold = math.inf
            return
        by_model = threshold(
            self._expectation.weekly_rates(),
            self._bins_per_hour,
            self._expectation.dispersion,
            SILENCE_RATIO,
            self.false_alarm_probability * WEEK_HOURS * self._bins_per_hour,
        )
        if self._sum.threshold == math.inf:
            self._sum.reset()
        self._sum.threshold = self._sum.excesses.stretched(by_model)

    def begin(self, run: Run) -> None:
        """From now on the series is in `run`."""
        self.run = run
        self._sum.reset()
