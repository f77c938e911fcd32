"""The spike detector, bin by bin over one series of counts, as for a file of them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from streams.spikes.bands import bounds
from streams.spikes.calendar import DAY_HOURS, QUARTERS, LocalTime
from streams.spikes.detectors import LEAST_EXPECTED, SpikeDetectors

MINUTE_SECONDS, HOUR_SECONDS = 60, 3_600
WEEK_DAYS = 7


class FoundEpisode(NamedTuple):
    """An episode, in bins: it was detected with bin `detected`, by a window from `since` on, and over before `until`.

    `observed` and `expected` are those of the window; further rises inside are counted.
    """

    since: int
    detected: int
    until: int
    observed: int
    expected: float
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
    is_open, last, watched_count = False, None, 0
    for at, count in counts.items():
        is_gap = last is not None and at > last + 1
        if is_gap:
            detectors.skip(at)
        if is_gap or last is None or at % quarter_bins == 0:
            detectors.turn(at, local_time.quarter(at * bin_seconds // MINUTE_SECONDS), never)
        last = at
        for alarm in detectors.observe(at, np.array([float(count)])):
            if is_open:
                episode = episodes[-1]
                episodes[-1] = episode._replace(further_rise_count=episode.further_rise_count + 1)
            else:
                episodes.append(FoundEpisode(alarm.since, at, at + 1, alarm.observed, alarm.expected, 0))
        is_open = bool(detectors.in_episodes)
        if is_open:
            episodes[-1] = episodes[-1]._replace(until=at + 1)
        watched_count += bool(detectors.is_known[0])
        bins.append(_judged(detectors, at, count))
    return Replayed(bins, episodes, watched_count / (DAY_HOURS * per_hour))


def _judged(detectors: SpikeDetectors, at: int, count: int) -> Judged:
    if not detectors.is_known[0]:
        return Judged(at, count, 0.0, 0.0, 0.0)
    means = np.maximum(detectors.windows.expected(at, 1), LEAST_EXPECTED)
    lower, upper = bounds(means, detectors.variances_of_bins(means))
    return Judged(at, count, float(means[0]), float(lower[0]), float(upper[0]))
