"""The chance excess of evidence, against exponential draws."""

import math
from random import Random

import pytest

from streams.spikes.tail import LARGEST_EXCESS, TailEstimate


@pytest.mark.parametrize("scale", [0.7, 1.0, 2.0])
def test_the_scale_of_exponential_evidence_is_estimated(scale: float) -> None:
    chance, excesses = Random(1), TailEstimate(2.0, 0.5)
    for _ in range(20_000):
        excesses.learn(chance.expovariate(1 / scale))
    assert excesses.scale == pytest.approx(scale, rel=0.1)
    # A threshold of 12 by the model lies 10 above the level.
    assert excesses.stretched(12.0) == pytest.approx(2 + 10 * excesses.scale)


def test_few_excesses_change_little_and_a_spike_counts_only_up_to_a_limit() -> None:
    excesses = TailEstimate(2.0, 0.5)
    excesses.learn(1.9)
    assert excesses.scale == 1
    excesses.learn(math.inf)
    # A prior of twenty excesses of 1, and one of 10.
    assert excesses.scale == pytest.approx((20 + LARGEST_EXCESS) / 21, rel=1e-3)


def test_the_scale_has_a_floor() -> None:
    excesses = TailEstimate(2.0, 0.8)
    for _ in range(2_000):
        excesses.learn(2.1)
    assert excesses.scale == 0.8
