"""Silence in one series of counts: a stretch with next to no events that is statistically unlikely.

A cumulative sum of log-likelihood ratios of next to no events against the expected number: it grows with the
expectation and falls with each event, so that a rare series accumulates until its next event, and a night without
expectation adds nothing. Evaluated once a week has been learned, because only then nights and weekends are known. It
ends when the log-likelihood ratio of a return to the expected rate reaches log(1000), with about three events, or after
a week, when silence has become normal.
"""

import math

from streams.spikes.baseline import Baseline
from streams.spikes.cusum import Cusum, threshold
from streams.spikes.detector import LAST_RUN_HOURS, Run
from streams.spikes.negative_binomial import log_likelihood_weights
from streams.spikes.profile import WEEK_HOURS

#: The share of the expectation that still counts as silence.
SILENCE_RATIO = 0.05


class SilenceDetector:
    """The detector of silence in one series. The caller updates `expectation`; the budget is false runs per bin."""

    def __init__(self, expectation: Baseline, false_alarm_probability: float, bins_per_hour: int = 60) -> None:
        self.false_alarm_probability = false_alarm_probability
        self._expectation = expectation
        self._bins_per_hour = bins_per_hour
        self._sum = Cusum(SILENCE_RATIO)
        self._weights = (0.0, 0.0)
        self._is_evaluating = False
        self.run: Run | None = None

    def observe(self, at: int, count: int, expected: float) -> Run | None:
        """Evaluate a complete bin. Return the run if it begins or ends with this bin."""
        if not self._is_evaluating:
            self._is_evaluating = True
            self._sum.discard_alarmed()
        run = self.run
        if run is not None:
            is_last = at - run.since >= LAST_RUN_HOURS * self._bins_per_hour
            if run.extend(at, count, expected, self._weights) and not is_last:
                return None
            run.until = at if run.until is None else run.until
            self.run = None
            return run
        cusum = self._sum
        if cusum.add(at, count, expected):
            self.begin(Run(cusum.since, at, cusum.observed, cusum.expected))
        return self.run

    def learn(self, at: int, count: int, expected: float, *, is_frozen: bool) -> None:
        """Take a bin without evaluating it, see `SpikeDetector.learn`."""
        if is_frozen:
            self._sum.reset()
        else:
            self._sum.add(at, count, expected)
        self._is_evaluating = False

    def turn(self) -> None:
        """Adopt the dispersion of a new quarter of an hour."""
        self._sum.weigh(self._expectation.dispersion)
        self._weights = log_likelihood_weights(self._expectation.dispersion, SILENCE_RATIO)

    def calibrate(self) -> None:
        """Set the threshold for the current budget and the rates of the week, once a week is known."""
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
        """Put the series into `run`."""
        self.run = run
        self._sum.reset()
