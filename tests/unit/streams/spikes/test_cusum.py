"""The false-alarm rate of a cumulative sum: the formula agrees with Spitzer's series and with drawn counts."""

import math
from random import Random

import pytest

from benchmarks.spikes.series import draw
from streams.spikes.cusum import Cusum, threshold
from streams.spikes.negative_binomial import log_likelihood_weights, log_probability

RARE = 1e-12


def spitzer(mean: float, dispersion: float, ratio: float) -> float:
    """Return I1 · ζ² = exp(−2 Σ (P0(S_n > 0) + P1(S_n ≤ 0)) / n) / I1, S_n the log-likelihood ratio of n bins together.

    Woodroofe, Nonlinear Renewal Theory in Sequential Analysis (1982), chapter 2.
    """
    a, b = log_likelihood_weights(dispersion, ratio)
    total, number = 0.0, 0
    while True:
        number += 1
        below = above = 0.0
        for count in range(int(ratio * number * mean + 40 * math.sqrt(number * mean * dispersion) + 40 * dispersion)):
            if a * count > b * number * mean:
                above += math.exp(log_probability(count, number * mean, dispersion))
            else:
                higher = 1 + ratio * (dispersion - 1)
                below += math.exp(log_probability(count, ratio * number * mean, higher))
        total += (above + below) / number
        if above + below < 1e-3:
            return math.exp(-2 * total) / (mean * (ratio * a - b))


@pytest.mark.parametrize("dispersion", [1.0, 2.0, 3.0])
@pytest.mark.parametrize(("ratio", "means"), [(1.5, (1.0, 5.0, 20.0)), (3.0, (0.2, 1.0, 5.0)), (0.05, (0.2, 1.0, 4.0))])
def test_the_rate_of_false_alarms_is_that_of_renewal_theory(
    dispersion: float, ratio: float, means: tuple[float, ...]
) -> None:
    for mean in means:
        # The false-alarm rate of a bin is this factor times exp(-threshold), so any threshold can measure it.
        factor = RARE * math.exp(threshold([mean], 1, dispersion, ratio, RARE))
        found = factor / spitzer(mean, dispersion, ratio)
        # Within a third, which is a tenth of a typical threshold; on the side of too many alarms, within a sixth.
        assert 0.85 < found < 1.35 or (found > 1 and mean * dispersion >= 4)


@pytest.mark.parametrize(("mean", "dispersion", "ratio"), [(0.1, 1.0, 3.0), (2.0, 2.0, 3.0), (4.0, 3.0, 1.5)])
def test_a_threshold_is_exceeded_as_often_as_requested(mean: float, dispersion: float, ratio: float) -> None:
    chance, cusum, bins = Random(9), Cusum(ratio), 100_000
    cusum.weigh(dispersion)
    cusum.threshold = threshold([mean], bins, dispersion, ratio, 50.0)
    alarms = 0
    for at in range(bins):
        if cusum.add(at, draw(chance, mean, dispersion), mean):
            alarms += 1
            cusum.reset()
    # 50 alarms, standard deviation 7.
    assert 30 <= alarms <= 65


def test_onset_and_count_are_those_of_the_last_rise() -> None:
    # With dispersion 1 and ratio 3 a count of 4 where 1 is expected adds 4 log 3 - 2 = 2.39, a count of 0 subtracts 2.
    cusum = Cusum(3.0)
    cusum.weigh(1.0)
    cusum.threshold = 4.0
    assert not cusum.add(10, 4, 1.0)
    assert not cusum.add(11, 0, 2.0)
    assert (cusum.value, cusum.since) == (0.0, -1)
    assert not cusum.add(13, 4, 1.0)
    assert cusum.add(14, 4, 1.0)
    assert cusum.value == pytest.approx(8 * math.log(3) - 4)
    assert (cusum.since, cusum.observed, cusum.expected) == (13, 8, 2.0)
