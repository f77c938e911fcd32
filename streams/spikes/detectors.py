"""Spikes in many series of counts per bin: what is neither noise nor ordinary for its series.

Everything is learned always, also during an episode, with bounded influence; only declared silences and holidays teach
nothing to the expectation. The counts of several windows are compared with their expectation, those of the shorter
windows with what came just before them, too. An alarm must pass two tests, see `ordinary_days`.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from streams.spikes.calendar import DAY_HOURS, QUARTERS, LocalQuarter, hour_of_week
from streams.spikes.columns import Flags, Floats, copy_series
from streams.spikes.counters import Counters
from streams.spikes.evidence import evidence, may_exceed
from streams.spikes.expected.dispersion import Dispersion, Wander
from streams.spikes.expected.expectation import Expectation
from streams.spikes.expected.levels import Levels
from streams.spikes.ordinary_days import OrdinaryDays
from streams.spikes.rise import Rise
from streams.spikes.windows import HOUR_MINUTES, Windows

#: Fewer events, or a smaller multiple of what was expected, are no spike, however significant.
LEAST_EVENTS, LEAST_RATIO = 5, 1.3
#: An excess counts in full from three times as many nats beyond noise on, and in proportion before.
RAMP = 3.0
#: The relative variance of the expectation grows with few weeks of such an hour: it predicts, and does not describe.
PREDICTIVE, UNSEEN = 0.8, 2.0
#: Wander is of longer windows: over a minute it is lost in the dispersion.
WANDER_MINUTES = 5
#: Less is expected of no window: it is divided by.
LEAST_EXPECTED = 1e-6
#: Longer windows are compared with season and level of days alone.
FAST_MINUTES = 60


class Alarm(NamedTuple):
    """An alarm of a series: the counts of the window that begins with bin `since`, and what was to be expected of it.

    `is_again` tells a further rise inside an episode.
    """

    series: int
    since: int
    observed: int
    expected: float
    is_again: bool
    #: The evidence as a multiple of its threshold.
    margin: float


class SpikeDetectors:
    """The detectors of many series, by number. `turn` begins each quarter of an hour, `observe` takes each bin.

    Set the budget, by `ordinary_days.set_budget`, before the first `turn`.
    """

    def __init__(self, size: int, bins_per_hour: int = HOUR_MINUTES) -> None:
        if bins_per_hour % QUARTERS:
            raise ValueError(f"expected a number of bins per hour that {QUARTERS} divides, got {bins_per_hour}")
        self._bins_per_hour = bins_per_hour
        self._quarter_bins = bins_per_hour // QUARTERS
        self._build(size)
        #: A new series, to copy from.
        self._new: SpikeDetectors | None = None
        self._quarter: LocalQuarter | None = None
        self._is_whole_quarter = False
        self._rises: dict[int, Rise] = {}
        #: By series, the last bin of its last episode.
        self._told: dict[int, int] = {}

    def _build(self, size: int) -> None:
        bins = self._bins_per_hour
        self.size = size
        self.windows = Windows(size, bins)
        self.expectation = Expectation(size, bins)
        self.levels = Levels(size)
        self.dispersion = Dispersion(size)
        least = WANDER_MINUTES * bins // HOUR_MINUTES
        #: By length of window; shorter ones wander as the shortest of these.
        self.wanders = {length: Wander(size) for length in self.windows.lengths if length >= least}
        self.ordinary_days = OrdinaryDays(size, [DAY_HOURS * bins / length for length in self.windows.lengths])
        self.counters = Counters(size)
        #: The shorter windows come first; of each, the quarters of an hour that it reaches back.
        self._fast = np.array(
            [length for length in self.windows.lengths if length * HOUR_MINUTES <= FAST_MINUTES * bins]
        )
        self._quarters_back = np.where(self._fast >= self._quarter_bins, -(-self._fast // self._quarter_bins), 0)
        self._hold_for_a_quarter()

    def _parts(self) -> list[object]:
        expectation = self.expectation
        parts = [self.windows, expectation, expectation.week, expectation.day_shape, expectation.holidays]
        return [*parts, self.levels, self.dispersion, *self.wanders.values(), self.ordinary_days, self.counters]

    def grow(self, size: int) -> None:
        """Make room for more series."""
        old, parts = self.size, self._parts()
        self._build(size)
        for source, target in zip(parts, self._parts(), strict=True):
            copy_series(source, 0, old, target, 0)
        self._hold_for_a_quarter()

    def forget(self, series: int) -> None:
        """Begin a series anew, with its budget."""
        budget = self.ordinary_days.days_per_alarm[series]
        if self._new is None:
            self._new = SpikeDetectors(1, self._bins_per_hour)
        for source, target in zip(self._new._parts(), self._parts(), strict=True):
            copy_series(source, 0, 1, target, series)
        self.ordinary_days.days_per_alarm[series] = budget
        self._rises.pop(series, None)
        self._told.pop(series, None)
        self._hold_for_a_quarter()

    @property
    def is_known(self) -> Flags:
        """Whether a day of the series is known; others do not alarm."""
        return self._is_known

    @property
    def in_episodes(self) -> Collection[int]:
        """The series that are in an episode: what was unusual last is less than an hour ago."""
        return self._rises.keys()

    def _hold_for_a_quarter(self) -> None:
        """Compute what is constant within a quarter of an hour."""
        weeks = self.expectation.weeks
        inflation = np.where(weeks > 0, PREDICTIVE * (1 + 1 / np.maximum(weeks, 1)), UNSEEN)
        of_length = {length: wander.relative_variance for length, wander in self.wanders.items()}
        wanders = np.array([of_length.get(length, of_length[min(of_length)]) for length in self.windows.lengths])
        self.dispersion_of_bins = self.dispersion.of_bins
        self._relative_variance = wanders * inflation + self.expectation.uncertainty
        self._is_known = self.counters.bins >= DAY_HOURS * self._bins_per_hour

    def variances_of_bins(self, means: Floats) -> Floats:
        """Return the variances of the counts of single bins with these means."""
        variances: Floats = self.dispersion_of_bins * means + self._relative_variance[0] * means * means
        return variances

    # ---- bins

    def warm_up(self, at: int, counts: Floats) -> None:
        """Take the counts of bin `at`, the one after the last, for the expectation alone, without judging them."""
        self.windows.add(at, counts)

    def observe(self, at: int, counts: Floats) -> list[Alarm]:
        """Take the counts of bin `at`, the one after the last, and return the alarms, at most one per series."""
        windows, days = self.windows, self.ordinary_days
        windows.add(at, counts)
        n, expected = windows.sums(at)
        means = self._references(expected)
        variances = self.dispersion_of_bins * means + self._relative_variance * means * means
        is_candidate = may_exceed(n, means, variances, np.minimum(days.evidence, days.noise)) & (n >= 2)
        rows, series = np.nonzero(is_candidate & self._is_known)
        values = evidence(n[rows, series], means[rows, series], variances[rows, series])
        days.evidence[rows, series] = np.maximum(days.evidence[rows, series], values)
        alarms: dict[int, Alarm] = {}
        for index in np.flatnonzero(values >= days.noise[rows, series]):
            row, one = int(rows[index]), int(series[index])
            alarm = self._judge(at, row, one, float(n[row, one]), float(means[row, one]), float(values[index]))
            if row >= len(self._fast) and at - windows.lengths[row] < self._told.get(one, -1):
                # Mostly events that were told already. If it is still high, this is still the same rise.
                if one in self._rises and self._rises[one].is_high:
                    self._rises[one].last_hot = at
                continue
            if alarm is not None and (one not in alarms or alarm.margin > alarms[one].margin):
                alarms[one] = alarm
            if one in self._rises:
                self._rises[one].last_hot = self._told[one] = at
        for one in alarms:
            self._rises.setdefault(one, Rise(self._bins_per_hour)).alarm(at)
            self._told[one] = at
        for one in [one for one, rise in self._rises.items() if rise.is_over(at)]:
            del self._rises[one]
        return list(alarms.values())

    def _references(self, expected: Floats) -> Floats:
        """Return what is to be expected of all windows: of the shorter ones given the level just before."""
        references = np.maximum(expected, LEAST_EXPECTED)
        fast = len(self._fast)
        references[:fast] = self.levels.reference(references[:fast], self._fast, self._quarters_back)
        return references

    def _judge(self, at: int, row: int, series: int, count: float, mean: float, value: float) -> Alarm | None:
        """Remember the size of an excess, and return its alarm if it passes both tests."""
        days, length = self.ordinary_days, self.windows.lengths[row]
        noise, least = float(days.noise[row, series]), float(days.least_evidence[row, series])
        size = (count - mean) * min(1.0, (value - noise) / (RAMP * float(days.stretch[row, series])))
        days.size[series] = max(days.size[series], size)
        least_size = float(days.least_size[series])
        if value < least or size < least_size or count < LEAST_EVENTS or count < LEAST_RATIO * mean:
            return None
        rise = self._rises.get(series)
        if rise is not None:
            if at < rise.hold_until:
                return None
            expected = float(self.windows.expected(at, length)[series])
            before = mean
            mean = max(mean, rise.ratio * expected, rise.rate * length)
            # What is ordinary for a series three times as busy is three times as large.
            least_size *= mean / before
            variance = float(self.dispersion_of_bins[series]) * mean
            variance += float(self._relative_variance[row, series]) * mean * mean
            value = float(evidence(np.array(count), np.array(mean), np.array(variance)))
            if value <= max(least, noise) or (count - mean) * (1 - (noise / value) ** 0.5) < least_size:
                return None
        return Alarm(series, at - length + 1, int(count), mean, rise is not None, value / least)

    # ---- time

    def turn(self, at: int, quarter: LocalQuarter, is_silent: Flags) -> None:
        """Begin the quarter of an hour that contains bin `at`, after learning from the last one.

        Series that are silent teach nothing to their expectation.
        """
        last = self._quarter
        dispersion = self.dispersion.of_bins
        if last is not None:
            if self._is_whole_quarter:
                self._close_quarter(at, last, is_silent)
            if quarter.hour != last.hour:
                self._close_hour(last, is_silent)
            if quarter.day != last.day:
                self._close_day()
        if last is None or quarter.hour != last.hour:
            hourly = self.wanders[self._bins_per_hour].relative_variance
            self.expectation.open_hour(quarter, dispersion, hourly)
        self._quarter, self._is_whole_quarter = quarter, at % self._quarter_bins == 0
        level = np.where(self.counters.bins >= self._bins_per_hour, self.levels.of_days, 1.0)
        self.windows.turn(at // self._quarter_bins, *self.expectation.line(quarter.place, level))
        self._hold_for_a_quarter()

    def skip(self, at: int) -> None:
        """Move to bin `at`, to be followed by `turn`. The bins since the last one are unknown, not without events."""
        self.windows.clear()
        self.counters.begin_hour()
        self._rises.clear()
        self._quarter, self._is_whole_quarter = None, False

    def _close_quarter(self, at: int, quarter: LocalQuarter, is_silent: Flags) -> None:
        windows, counters, bins = self.windows, self.counters, self._quarter_bins
        is_known = counters.bins >= DAY_HOURS * self._bins_per_hour
        is_learning = is_known & self.expectation.is_seen & ~is_silent & (not quarter.is_holiday)
        counts, expected = windows.counts(at - 1, bins), windows.expected(at - 1, bins)
        counters.add(counts, expected, bins)
        dispersion = self.dispersion.of_bins
        self._learn_wanders(at, dispersion, is_known)
        reference = self.levels.reference(expected[None], np.array([bins]), np.array([0]))[0]
        variance = dispersion * reference + self.wanders[bins].relative_variance * reference * reference
        if quarter.is_holiday:
            self.expectation.holidays.learn(counts, bins * self.levels.of_days, dispersion)
        self.expectation.learn(quarter, counts, bins * self.levels.of_days, is_learning)
        self.levels.learn(counts, expected, bins, variance, is_known, is_learning)
        is_begun = counters.bins > self._bins_per_hour
        self.dispersion.learn(windows.bins(at - 1, bins + 1), expected / bins, self._bins_per_hour, is_begun)
        for series, rise in self._rises.items():
            rise.turn(at, float(counts[series]), float(expected[series]), bins)

    def _learn_wanders(self, at: int, dispersion: Floats, is_known: Flags) -> None:
        """Learn from the windows that end in the quarter before bin `at`, side by side and not overlapping."""
        ends: dict[int, list[int]] = {}
        for row, length in enumerate(self.windows.lengths):
            if length not in self.wanders:
                continue
            step = min(length, self._quarter_bins)
            for end in range(at - self._quarter_bins + step, at + 1, step):
                if end % length == 0:
                    ends.setdefault(end, []).append(row)
        for end, rows in ends.items():
            counts, expected = self.windows.sums(end - 1)
            references = self._references(expected)
            for row in rows:
                length = self.windows.lengths[row]
                hours = length / self._bins_per_hour
                self.wanders[length].learn(counts[row], expected[row], references[row], dispersion, hours, is_known)

    def _close_hour(self, quarter: LocalQuarter, is_silent: Flags) -> None:
        counters = self.counters
        is_known = counters.bins > DAY_HOURS * self._bins_per_hour
        is_counted = (counters.hour_bins > 0) & ~(is_silent & (counters.hour_counts == 0)) & (not quarter.is_holiday)
        sums = counters.hour_counts, counters.hour_bins, counters.hour_expected
        self.expectation.week.add(hour_of_week(quarter.hour), *sums, is_known, is_counted)
        counters.begin_hour()

    def _close_day(self) -> None:
        for series in np.flatnonzero(self.counters.close_day()):
            self.forget(int(series))
        self.ordinary_days.close_day(self.counters.bins >= 2 * DAY_HOURS * self._bins_per_hour)
