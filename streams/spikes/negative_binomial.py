"""Counts with more variance than a Poisson process: the negative binomial distribution, by mean and dispersion.

`dispersion` is variance / mean, the same for every mean and at least 1; 1 is the Poisson distribution. A sum of
independent counts of the same dispersion has it, too, so minutes can be added up. In the usual parameters: size mean /
(dispersion − 1), probability 1 / dispersion.
"""

import math

#: Below this the distribution is practically Poisson's, and formulas that divide by dispersion − 1 lose digits.
_NEARLY_POISSON = 1.0 + 1e-6
#: A tail is summed up until its terms are this small relative to the sum.
_NEGLIGIBLE = 1e-16
_LEAST_LOGARITHM = -700.0
#: Far more steps than the fraction needs: about the square root of the larger of count and size.
_MOST_STEPS = 10_000


def log_likelihood_weights(dispersion: float, ratio: float) -> tuple[float, float]:
    """Return (a, b): `a · count − b · expected` is the log-likelihood ratio of `ratio` times the expected mean.

    The two hypotheses share the size parameter, so that under the expected mean, whatever it is, the exponential of the
    result has mean 1. With dispersion 1 it is count · log ratio − (ratio − 1) · expected. With a ratio below 1 both
    weights are negative. Source: Hawkins and Olwell, Cumulative Sum Charts and Charting for Quality Improvement (1998),
    chapter 5. Raises ValueError for a dispersion below 1, or a ratio that is 1 or not above 0.
    """
    if dispersion < 1 or ratio <= 0 or ratio == 1:
        raise ValueError(
            f"expected a dispersion of at least 1 and a ratio above 0 that is not 1, got {dispersion}, {ratio}"
        )
    if dispersion < _NEARLY_POISSON:
        return math.log(ratio), ratio - 1
    growth = (1 + ratio * (dispersion - 1)) / dispersion
    return math.log(ratio / growth), math.log(growth) / (dispersion - 1)


def log_probability(count: int, mean: float, dispersion: float) -> float:
    """Return the logarithm of the probability of exactly `count`; `mean` is above 0."""
    if dispersion < _NEARLY_POISSON:
        return count * math.log(mean) - mean - math.lgamma(count + 1)
    size = mean / (dispersion - 1)
    return (
        math.lgamma(size + count)
        - math.lgamma(size)
        - math.lgamma(count + 1)
        - size * math.log(dispersion)
        + count * math.log1p(-1 / dispersion)
    )


def tail_probability(count: int, mean: float, dispersion: float) -> float:
    """Return the probability of `count` or more, without subtracting numbers near 1 in the upper tail.

    Above the mean it is the incomplete beta function I(1 − 1 / dispersion; count, size), as a continued fraction: DLMF
    8.17.22. Otherwise, and for a Poisson distribution, it is the sum from `count` upwards. Below e^-700, about 1e-304,
    it is 0, because floating-point numbers lose their digits there.
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    logarithm = log_probability(count, mean, dispersion)
    if logarithm < _LEAST_LOGARITHM:
        return 0.0 if count > mean else 1.0
    probability = math.exp(logarithm)
    if dispersion >= _NEARLY_POISSON and count > mean:
        return min(1.0, probability * _beta_fraction(1 - 1 / dispersion, count, mean / (dispersion - 1)))
    return _sum_upwards(count, probability, mean, dispersion)


def _sum_upwards(count: int, probability: float, mean: float, dispersion: float) -> float:
    """Return the sum of the probabilities of `count` and more; `probability` is that of `count`."""
    term = total = probability
    size, decay = (math.inf, 0.0) if dispersion < _NEARLY_POISSON else (mean / (dispersion - 1), 1 - 1 / dispersion)
    number = count
    while term > total * _NEGLIGIBLE:
        growth = mean if size == math.inf else (size + number) * decay
        term *= growth / (number + 1)
        total += term
        number += 1
    return min(1.0, total)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Return the fraction of DLMF 8.17.22, by Lentz's method: I(x; a, b) · a · B(a, b) / (x^a · (1 − x)^b)."""
    value = c = 1.0
    d = 0.0
    for step in range(1, _MOST_STEPS):
        m = step // 2
        if step % 2:
            part = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            part = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + part * d)
        c = 1 + part / c
        value *= c * d
        if abs(c * d - 1) < _NEGLIGIBLE:
            break
    return 1 / value


def critical_count(mean: float, dispersion: float, probability: float) -> int:
    """Return the least count that is reached with at most this probability."""
    if mean <= 0:
        return 1
    low, high = 0, 1
    while tail_probability(high, mean, dispersion) > probability:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if tail_probability(middle, mean, dispersion) > probability:
            low = middle
        else:
            high = middle
    return high
