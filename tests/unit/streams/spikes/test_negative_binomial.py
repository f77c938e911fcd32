"""The weights of counts and expectations are those of the negative binomial distribution."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.spikes.negative_binomial import log_likelihood_weights

MEANS = st.floats(0.01, 60)
DISPERSIONS = st.one_of(st.just(1.0), st.floats(1.01, 5))
RATIOS = st.one_of(st.floats(0.02, 0.9), st.floats(1.1, 6))


def log_probability(count: int, mean: float, dispersion: float) -> float:
    """Return the logarithm of the probability of `count`, by the parameters size and probability."""
    if dispersion == 1:
        return count * math.log(mean) - mean - math.lgamma(count + 1)
    size, probability = mean / (dispersion - 1), 1 / dispersion
    ways = math.lgamma(size + count) - math.lgamma(size) - math.lgamma(count + 1)
    return ways + size * math.log(probability) + count * math.log1p(-probability)


@given(MEANS, DISPERSIONS, RATIOS)
def test_the_likelihood_ratio_is_that_of_two_distributions_of_one_size(
    mean: float, dispersion: float, ratio: float
) -> None:
    a, b = log_likelihood_weights(dispersion, ratio)
    # The same size with a higher mean varies more: size = mean / (dispersion - 1) on both sides.
    higher = 1 + ratio * (dispersion - 1)
    for count in (0, 1, 7, 40):
        wanted = log_probability(count, ratio * mean, higher) - log_probability(count, mean, dispersion)
        assert a * count - b * mean == pytest.approx(wanted, rel=1e-5, abs=1e-5)


def test_invalid_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        log_likelihood_weights(0.9, 2)
    for ratio in (1, 0, -1):
        with pytest.raises(ValueError, match="above 0 that is not 1"):
            log_likelihood_weights(2, ratio)
