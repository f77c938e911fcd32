"""The spike detector, bin by bin over one series of counts, as for a file of them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from streams.spikes.bands import bounds
from streams.spikes.calendar import DAY_HOURS, QUARTERS, LocalTime
from streams.spikes.detectors import LEAST_EXPECTED, SpikeDetectors
from streams.spikes.runs import LONGEST_HOURS, Run, weights_of_rise

MINUTE_SECONDS, HOUR_SECONDS = 60, 3_600
WEEK_DAYS = 7


class FoundEpisode(NamedTuple):
    """An episode and the number of further rises inside. The run of one that lasts at the end has no `until`."""

    run: Run
    further_rise_count: int


class Judged(NamedTuple):
    """A bin: its count, what was expected of it, and the bounds of an ordinary count; all 0 while nothing is known."""

    at: int
    observed: int
    expected: float
    lower: float
    upper: float


class Replayed(NamedTuple):
    """What the detector made of a series: all bins, the episodes, and the days that it watched after learning."""

    bins: list[Judged]
    episodes: list[FoundEpisode]
    watched_days: float

    def until(self, run: Run) -> int:
        """Return the bin before which the run of an episode was over; for one that lasts, that after the last bin."""
        return self.bins[-1].at + 1 if run.until is None else run.until


def replayed(
    counts: Mapping[int, int], bin_seconds: int, false_episodes_per_week: float, local_time: LocalTime
) -> Replayed:
    """Evaluate a series with a budget of its own: counts by number of their bin since the epoch, UTC, in order.

    Bins without a count are unknown. A quarter of an hour must be a multiple of the bins.
    """
    per_hour = HOUR_SECONDS // bin_seconds
    quarter_bins = per_hour // QUARTERS
    detectors = SpikeDetectors(1, per_hour)
    detectors.ordinary_days.set_budget(WEEK_DAYS / false_episodes_per_week)
    never = np.zeros(1, np.bool_)
    bins: list[Judged] = []
    episodes: list[FoundEpisode] = []
    last, watched_count = None, 0
    for at, count in counts.items():
        is_gap = last is not None and at > last + 1
        if is_gap:
            detectors.skip(at)
        if is_gap or last is None or at % quarter_bins == 0:
            detectors.turn(at, local_time.quarter(at * bin_seconds // MINUTE_SECONDS), never)
        last = at
        alarms = detectors.observe(at, np.array([float(count)]))
        if episodes and episodes[-1].run.until is None:
            _extend(episodes[-1].run, detectors, at, count, LONGEST_HOURS * per_hour)
        for alarm in alarms:
            if episodes and episodes[-1].run.until is None:
                episode = episodes[-1]
                episodes[-1] = episode._replace(further_rise_count=episode.further_rise_count + 1)
            else:
                episodes.append(FoundEpisode(Run(alarm.since, at, alarm.observed, alarm.expected), 0))
        watched_count += bool(detectors.is_known[0])
        bins.append(_judged(detectors, at, count))
    return Replayed(bins, episodes, watched_count / (DAY_HOURS * per_hour))


def _extend(run: Run, detectors: SpikeDetectors, at: int, count: int, longest: int) -> None:
    """Add a bin to the run of an episode, which may end it."""
    expected = float(detectors.windows.expected(at, 1)[0])
    run.extend(at, count, expected, weights_of_rise(run, float(detectors.dispersion_of_bins[0])), longest)


def _judged(detectors: SpikeDetectors, at: int, count: int) -> Judged:
    if not detectors.is_known[0]:
        return Judged(at, count, 0.0, 0.0, 0.0)
    means = np.maximum(detectors.windows.expected(at, 1), LEAST_EXPECTED)
    lower, upper = bounds(means, detectors.variances_of_bins(means))
    return Judged(at, count, float(means[0]), float(lower[0]), float(upper[0]))
