"""Detectors that learn the last weeks again alarm as those that never stopped."""

import numpy as np
import pytest

from streams.spikes.calendar import LocalQuarter
from streams.spikes.columns import Floats
from streams.spikes.detectors import SpikeDetectors
from tests.support.streams.counts import BINS_PER_HOUR, DAY, WEEK, usual

SERIES = 40
QUARTER = BINS_PER_HOUR // 4
END, RESTART = 12 * WEEK, 8 * WEEK
#: The evaluator warms up with two weeks and learns four.
WARMED_UP, LEARNED = RESTART - 6 * WEEK, RESTART - 4 * WEEK


@pytest.fixture(scope="module")
def counts() -> Floats:
    """Draw series of 0.1 to 10 events a minute, each with a burst every other week or so."""
    chance = np.random.default_rng(3)
    rates = chance.choice([0.1, 0.5, 2.0, 10.0], SERIES)
    factors = np.ones((END, SERIES))
    for one in range(SERIES):
        for _ in range(6):
            begin, length = int(chance.integers(2 * WEEK, END - DAY)), int(chance.integers(2, 60))
            factors[begin : begin + length, one] *= chance.choice([2.0, 3.0, 5.0, 10.0])
    means = np.array([usual(at) for at in range(END)])[:, None] * rates * factors
    # Negative binomial: Poisson counts whose mean is gamma distributed, with a variance of 1.5 times the mean.
    drawn: Floats = chance.poisson(chance.gamma(means / 0.5, 0.5)).astype(np.float64)
    return drawn


def alarms(counts: Floats, begin: int, judged: int) -> list[tuple[int, int]]:
    """Return series and bin of the alarms after the restart, of detectors that begin, and judge, with these bins."""
    detectors = SpikeDetectors(SERIES, BINS_PER_HOUR)
    detectors.ordinary_days.set_budget(7.0)
    nowhere = np.zeros(SERIES, np.bool_)
    found = []
    for at in range(begin, END):
        if at % QUARTER == 0:
            detectors.turn(at, LocalQuarter(at // QUARTER), nowhere)
        if at < judged:
            detectors.warm_up(at, counts[at])
            continue
        of_bin = detectors.observe(at, counts[at])
        if at >= RESTART:
            found += [(alarm.series, at) for alarm in of_bin]
    return found


@pytest.mark.slow
def test_nineteen_of_twenty_alarms_are_the_same_after_a_restart(counts: Floats) -> None:
    calm, again = alarms(counts, 0, 0), alarms(counts, WARMED_UP, LEARNED)
    assert len(calm) > 40

    def near(alarm: tuple[int, int], others: list[tuple[int, int]]) -> bool:
        return any(alarm[0] == series and abs(alarm[1] - at) <= QUARTER for series, at in others)

    assert sum(near(alarm, again) for alarm in calm) >= 0.95 * len(calm)
    assert sum(near(alarm, calm) for alarm in again) >= 0.95 * len(again)
