"""Nineteen in twenty ordinary minutes lie within the expected band."""

from copy import deepcopy

import numpy as np
import pytest

from streams.spikes.bands import bounds
from streams.spikes.series import Series
from tests.support.streams.counts import drawn
from tests.support.streams.watches import Life


@pytest.mark.parametrize("dispersion", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("mean", [0.3, 2.0, 20.0, 200.0])
def test_nineteen_in_twenty_counts_are_within_the_bounds(mean: float, dispersion: float) -> None:
    lower, upper = (float(bound[0]) for bound in bounds(np.array([mean]), np.array([mean * dispersion])))
    counts = drawn(np.random.default_rng(7), mean, dispersion, 20_000)
    assert 0 <= lower < mean < upper
    # Counts are whole, so that of small ones more or less are within.
    assert 0.93 <= np.mean((counts >= lower) & (counts <= upper)) <= 0.999


def test_a_band_says_what_is_expected_of_each_series_that_is_known(learned: Life) -> None:
    life = deepcopy(learned)
    life.observe(60)
    bands = {band.series: band for band in life.watch.bands()}
    assert bands.keys() == {series for series in life.watch.watched if series.measure != "silence"}
    whole = bands[Series("inflow", "all", "t")]
    cells = [band.expected for band in bands.values() if band.series.scope == "cell"]
    # The parts are expected to add up to the whole, each estimated alone.
    assert whole.expected == pytest.approx(sum(cells), rel=0.1)
    assert all(band.lower < band.expected < band.upper for band in bands.values())


def test_states_tell_apart_what_is_watched_and_what_is_learned(learned: Life) -> None:
    life = deepcopy(learned)
    life.observe(1)
    states = life.watch.states
    assert states.watched_count == len([series for series in life.watch.watched if series.measure != "silence"])
    assert (states.learning_count, states.silent_count) == (0, 0)
