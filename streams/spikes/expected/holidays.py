"""Whether holidays are like Sundays for a series: learned from each holiday, quarter of an hour by quarter.

A holiday of the calendar need not be one for a series: taxis are busy on Columbus Day. Two expectations are compared,
that of a Sunday and that of the weekday. Until one of them is clearly better, a spike must exceed both, and a silence
must be below both. What one holiday has shown is believed of the next one.
"""

import math

import numpy as np

from streams.spikes.columns import Flags, Floats
from streams.spikes.expected.week import Rate

#: A side is taken at odds of 100 to 1.
DECIDED = math.log(100)
#: Odds are bounded, so that a holiday of the other kind is recognised within hours; a single quarter of an hour is
#: bounded, too.
MOST_EVIDENCE, MOST_OF_A_QUARTER = 7.0, 2.0


class HolidayBelief:
    """For many series, the evidence, in nats, that holidays are like Sundays."""

    def __init__(self, size: int) -> None:
        self.evidence = np.zeros(size)
        #: Of the current hour: the rates per bin as on a Sunday and as on the weekday, and the lower one of those that
        #: are possible by the one that is expected.
        self.sunday = np.zeros(size)
        self.usual = np.zeros(size)
        self.lower_ratio = np.ones(size)

    def choose(self, sunday: Rate, usual: Rate) -> Rate:
        """Return the rates to be expected on a holiday: the higher ones where nothing is decided."""
        is_sunday: Flags = (self.evidence >= DECIDED) | ((np.abs(self.evidence) < DECIDED) & (sunday.rate > usual.rate))
        return Rate(*(np.where(is_sunday, one, other) for one, other in zip(sunday, usual, strict=True)))

    def open_hour(self, sunday: Floats, usual: Floats) -> None:
        """Begin an hour of a holiday with both rates per bin."""
        self.sunday[:], self.usual[:] = sunday, usual
        is_open = np.abs(self.evidence) < DECIDED
        higher, lower = np.maximum(sunday, usual), np.minimum(sunday, usual)
        self.lower_ratio[:] = np.where(is_open & (higher > 0), lower / np.maximum(higher, 1e-300), 1.0)

    def leave(self) -> None:
        """Begin an hour that is not of a holiday."""
        self.lower_ratio[:] = 1.0

    def learn(self, counts: Floats, scale: Floats, dispersion: Floats) -> None:
        """Learn from a quarter of an hour of a holiday; `scale` is its bins times the level.

        The log-likelihood ratio of Poisson counts, divided by the dispersion, which is that of the quasi-likelihood.
        """
        sunday, usual = (np.maximum(scale * rates, 0.1) for rates in (self.sunday, self.usual))
        gain = (counts * np.log(sunday / usual) - (sunday - usual)) / dispersion
        gain = np.clip(gain, -MOST_OF_A_QUARTER, MOST_OF_A_QUARTER)
        self.evidence[:] = np.clip(self.evidence + gain, -MOST_EVIDENCE, MOST_EVIDENCE)
