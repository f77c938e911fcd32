"""Silence in many series of counts: next to no events, where many were expected.

Page's cumulative sum of log-likelihood ratios of next to no events against the expectation: it grows with the
expectation and falls with each event, so a rare series accumulates until its next event, and a night without
expectation adds nothing. Counts are taken as negative binomial (Hawkins and Olwell 1998).

An ending is told once: after a silence the detector arms again only when half a day's events have come back.
"""

import math

import numpy as np

from streams.spikes.columns import Flags, Floats

#: The share of the expectation that still counts as silence.
SILENCE_RATIO = 0.05
DAYS = 28
#: Days known before silences are told: nights and weekends are known then.
LEAST_DAYS = 7
LEAST_EVIDENCE, LEAST_SCALE = math.log(100), 0.7
#: The sum is bounded above its threshold by so much, so that a few events end it however long it lasted.
MOST_ABOVE = 7.0
BACK_DAYS, LEAST_BACK = 0.5, 10.0
_NEARLY_POISSON = 1e-6


class Silences:
    """The detectors of silence of many series."""

    def __init__(self, size: int) -> None:
        self.value = np.zeros(size)
        #: The bin that the sum has grown from, -1 for none.
        self.since = np.full(size, -1, np.int64)
        #: The counts and the expectation since then.
        self.observed = np.zeros(size)
        self.expected = np.zeros(size)
        self.highest = np.zeros(size)
        self.is_silent = np.zeros(size, np.bool_)
        self.is_armed = np.ones(size, np.bool_)
        self.back = np.zeros(size)
        self.maxima = np.full((DAYS, size), np.nan, np.float32)
        self.days = np.zeros(size, np.int64)
        self.threshold = np.full(size, np.inf)

    def observe(self, at: int, counts: Floats, expected: Floats, dispersion: Floats, per_day: Floats) -> Flags:
        """Take a bin, and return where a silence begins with it."""
        over = dispersion - 1
        growth = np.log((1 + SILENCE_RATIO * over) / dispersion)
        per_event = math.log(SILENCE_RATIO) - growth
        per_expected = np.where(over > _NEARLY_POISSON, growth / np.maximum(over, _NEARLY_POISSON), SILENCE_RATIO - 1)
        value = self.value + per_event * counts - per_expected * expected
        is_growing = value > 0
        self.since = np.where(is_growing, np.where(self.since < 0, at, self.since), -1)
        self.observed = np.where(is_growing, self.observed + counts, 0.0)
        self.expected = np.where(is_growing, self.expected + expected, 0.0)
        self.value = np.where(is_growing, np.minimum(value, self.threshold + MOST_ABOVE), 0.0)
        self.is_silent &= is_growing
        self.highest = np.maximum(self.highest, self.value)
        is_waiting = ~self.is_armed & ~self.is_silent
        self.back = np.where(is_waiting, self.back + counts, self.back)
        self.is_armed |= is_waiting & (self.back >= np.maximum(LEAST_BACK, BACK_DAYS * per_day))
        begins = self.is_armed & (self.value >= self.threshold)
        self.is_armed &= ~begins
        self.is_silent |= begins
        self.back = np.where(begins, 0.0, self.back)
        return begins

    def close_day(self, is_counted: Flags, per_day: Floats, days_per_alarm: Floats) -> None:
        """End a day, and set the thresholds."""
        series = np.flatnonzero(is_counted & self.is_armed)
        self.maxima[self.days[series] % DAYS, series] = self.highest[series]
        self.days[series] += 1
        self.highest[:] = 0.0
        known = np.flatnonzero(self.days >= LEAST_DAYS)
        if known.size:
            low, middle, high = np.nanquantile(self.maxima[:, known].astype(np.float64), (0.25, 0.5, 0.75), axis=0)
            # Gumbel's distribution by its quartiles.
            scale = np.maximum(LEAST_SCALE, (high - low) / 1.5725)
            rarity = np.log(days_per_alarm[known])
            by_days = middle - 0.3665 * scale + scale * rarity
            by_model = np.log(np.maximum(per_day[known], 1.0)) + rarity
            self.threshold[known] = np.maximum(LEAST_EVIDENCE, np.maximum(by_days, by_model))
