"""The negative binomial distribution agrees with sums over its probability function."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.spikes.negative_binomial import critical_count, log_likelihood_weights, log_probability, tail_probability

MEANS = st.floats(0.01, 60)
DISPERSIONS = st.one_of(st.just(1.0), st.floats(1.01, 5))
RATIOS = st.one_of(st.floats(0.02, 0.9), st.floats(1.1, 6))


def probabilities(mean: float, dispersion: float) -> list[float]:
    """Return the probabilities of 0, 1, 2 … until the remainder is negligible."""
    last = int(mean + 60 * math.sqrt(mean * dispersion) + 60 * dispersion + 60)
    return [math.exp(log_probability(count, mean, dispersion)) for count in range(last)]


@given(MEANS, DISPERSIONS)
def test_mean_and_dispersion_are_the_requested_ones(mean: float, dispersion: float) -> None:
    found = probabilities(mean, dispersion)
    assert math.fsum(found) == pytest.approx(1, rel=1e-9)
    first = math.fsum(count * probability for count, probability in enumerate(found))
    second = math.fsum(count**2 * probability for count, probability in enumerate(found))
    assert first == pytest.approx(mean, rel=1e-8)
    assert (second - first**2) / first == pytest.approx(dispersion, rel=1e-6)


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


@given(MEANS, DISPERSIONS)
def test_a_tail_is_the_rest_of_the_sum(mean: float, dispersion: float) -> None:
    found = probabilities(mean, dispersion)
    for count in (0, 1, int(mean), int(2 * mean) + 1):
        assert tail_probability(count, mean, dispersion) == pytest.approx(math.fsum(found[count:]), rel=1e-7)


@pytest.mark.parametrize(("count", "mean"), [(1, 0.01), (60, 50.0), (2_000, 1_000.0)])
def test_a_tail_of_clumps_of_a_hundred_is_the_rest_of_the_sum(count: int, mean: float) -> None:
    rest = math.fsum(math.exp(log_probability(number, mean, 100.0)) for number in range(count, count + 6_000))
    assert tail_probability(count, mean, 100.0) == pytest.approx(rest, rel=1e-9)


def test_a_far_tail_keeps_its_precision() -> None:
    # Poisson with mean 1, 20 or more: e^-1 * sum of 1 / n! for n >= 20, exactly 1.5e-19 and far below 1 - (1 - that).
    exact = sum(Fraction(1, math.factorial(number)) for number in range(20, 60)) * Fraction(math.exp(-1))
    assert tail_probability(20, 1.0, 1.0) == pytest.approx(float(exact), rel=1e-12)


@given(MEANS, DISPERSIONS, st.floats(1e-9, 0.2))
def test_the_critical_count_is_just_beyond(mean: float, dispersion: float, probability: float) -> None:
    count = critical_count(mean, dispersion, probability)
    assert tail_probability(count, mean, dispersion) <= probability
    assert tail_probability(count - 1, mean, dispersion) > probability


def test_invalid_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        log_likelihood_weights(0.9, 2)
    for ratio in (1, 0, -1):
        with pytest.raises(ValueError, match="above 0 that is not 1"):
            log_likelihood_weights(2, ratio)


def test_a_count_beyond_all_floating_point_numbers_has_no_tail() -> None:
    # Its terms are the smallest float, which no factor makes smaller: summing them would never end.
    assert tail_probability(8_795, 65.1, 12.4) == pytest.approx(0, abs=1e-300)
    assert tail_probability(100_000, 65.1, 12.4) == 0
    assert tail_probability(1, 5_000.0, 1.0) == pytest.approx(1)
