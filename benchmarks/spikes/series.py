"""Counts per minute with a known true rate: a season of day and week, any dispersion."""

import math
from random import Random

from streams.spikes.calendar import hour_of_week

DAY_MINUTES = 1_440
WEEK_MINUTES = 7 * DAY_MINUTES
#: Normalises `season` over a week to a mean of 1.
_SEASON_MEAN = 0.746 * (5 * 1.16 + 2 * 0.6) / 7


def season(minute: int) -> float:
    """Return the rate at a minute of a service's week, with a mean of 1.

    Nights to days are 0.3 to 1.7 of a mean day, weekends about half.
    """
    bell = 0.3 + 1.4 * max(0.0, math.sin(2 * math.pi * (minute % DAY_MINUTES / DAY_MINUTES - 0.25)))
    return bell * (0.6 if hour_of_week(minute // 60) >= 120 else 1.16) / _SEASON_MEAN


def draw(chance: Random, mean: float, dispersion: float) -> int:
    """Draw a negative binomial count: a Poisson count whose mean is gamma distributed."""
    if dispersion > 1:
        mean = chance.gammavariate(mean / (dispersion - 1), dispersion - 1)
    count = 0
    # In pieces: exp(-mean) underflows to 0 for a large mean.
    while mean > 30:
        count, mean = count + _poisson(chance, 30.0), mean - 30
    return count + _poisson(chance, mean)


def _poisson(chance: Random, mean: float) -> int:
    """Draw a Poisson count by Knuth's method."""
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
