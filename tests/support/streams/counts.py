"""Series of counts with a known true rate, side by side, and what our detectors say to them."""

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.spikes.series import season
from streams.spikes.calendar import DAY_HOURS, QUARTERS, LocalQuarter
from streams.spikes.columns import Floats
from streams.spikes.detectors import Alarm as DetectedAlarm
from streams.spikes.detectors import SpikeDetectors

#: Bins of five minutes: the tests run through months.
BINS_PER_HOUR = 12
DAY, WEEK = DAY_HOURS * BINS_PER_HOUR, 7 * DAY_HOURS * BINS_PER_HOUR
MONDAY = 4 * DAY
BIN_MINUTES = 60 // BINS_PER_HOUR
#: The events of a bin at one a minute, by bin of the week.
USUAL = [BIN_MINUTES * season(bin_ * BIN_MINUTES) for bin_ in range(WEEK)]


class Alarm(NamedTuple):
    """An alarm of one of the series, in bins since the epoch."""

    series: int
    at: int
    is_again: bool


def usual(at: int) -> float:
    """Return the events to be expected in a bin at one a minute, by day, night and weekend."""
    return USUAL[at % WEEK]


def alarms(
    rate: Callable[[int], float],
    bins: range,
    *,
    series: int = 6,
    dispersion: float = 1.5,
    days_per_alarm: float = 7.0,
    offset_hours: Callable[[int], int] = lambda at: 0,
    holidays: Collection[int] = (),
) -> list[Alarm]:
    """Return the alarms of series with the same rate, each with chances of its own: events per bin.

    `offset_hours` is local time minus UTC, `holidays` are local days since the epoch.
    """
    detectors = SpikeDetectors(series, BINS_PER_HOUR)
    detectors.ordinary_days.set_budget(days_per_alarm)
    return [
        Alarm(alarm.series, at, alarm.is_again)
        for at, found in observed(detectors, rate, bins, dispersion, offset_hours, holidays)
        for alarm in found
    ]


def observed(
    detectors: SpikeDetectors,
    rate: Callable[[int], float],
    bins: range,
    dispersion: float,
    offset_hours: Callable[[int], int] = lambda at: 0,
    holidays: Collection[int] = (),
    seed: int = 1,
) -> Iterator[tuple[int, list[DetectedAlarm]]]:
    """Let detectors observe series as in `alarms`, and yield each bin with its alarms once it was observed."""
    chance, nowhere = np.random.default_rng(seed), np.zeros(detectors.size, np.bool_)
    for at in bins:
        if at % (BINS_PER_HOUR // QUARTERS) == 0:
            quarter = at // (BINS_PER_HOUR // QUARTERS) + QUARTERS * offset_hours(at)
            detectors.turn(at, LocalQuarter(quarter, quarter // (QUARTERS * DAY_HOURS) in holidays), nowhere)
        yield at, detectors.observe(at, drawn(chance, rate(at), dispersion, detectors.size))


def drawn(chance: np.random.Generator, mean: float, dispersion: float, size: int) -> Floats:
    """Draw negative binomial counts: Poisson counts whose mean is gamma distributed."""
    if mean <= 0:
        return np.zeros(size)
    means = chance.gamma(mean / (dispersion - 1), dispersion - 1, size) if dispersion > 1 else np.full(size, mean)
    return chance.poisson(means).astype(np.float64)
