"""Counts that vary more than a Poisson process does: the negative binomial distribution, by mean and dispersion.

`dispersion` is variance / mean, the same for every mean and at least 1; 1 is the Poisson distribution. A sum of
independent counts of the same dispersion has it, too, so that minutes may be added up. In the usual parameters: size
mean / (dispersion − 1), probability 1 / dispersion.
"""

import math

#: Below this the distribution is as good as Poisson's, and formulas with dispersion − 1 below the line lose digits.
_NEARLY_POISSON = 1.0 + 1e-6
#: A tail is summed up until its terms are this small against the sum.
_NEGLIGIBLE = 1e-17
_LEAST_LOGARITHM = -700.0


def log_likelihood_weights(dispersion: float, ratio: float) -> tuple[float, float]:
    """(a, b): `a · count − b · expected` is the log-likelihood ratio of a mean `ratio` times as high as expected.

    The two hypotheses share the size parameter, so that with the expected mean the exponential of the result has the
    mean 1 whatever that is. With dispersion 1 it is count · log ratio − (ratio − 1) · expected. With a ratio below 1
    both weights are negative. Source: Hawkins and Olwell, Cumulative Sum Charts and Charting for Quality Improvement
    (1998), chapter 5. Raises ValueError for a dispersion below 1 or a ratio that is 1 or not above 0.
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
    """Logarithm of the probability of exactly `count`; `mean` is above 0."""
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
    """Probability of `count` or more. Summed from there upwards: no difference of numbers near 1.

    Below e^-700, about 1e-304, far above the mean: 0, for there floating-point numbers lose their digits.
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    logarithm = log_probability(count, mean, dispersion)
    if logarithm < _LEAST_LOGARITHM:
        return 0.0 if count > mean else 1.0
    term = total = math.exp(logarithm)
    size, decay = (math.inf, 0.0) if dispersion < _NEARLY_POISSON else (mean / (dispersion - 1), 1 - 1 / dispersion)
    number = count
    while term > total * _NEGLIGIBLE:
        growth = mean if size == math.inf else (size + number) * decay
        term *= growth / (number + 1)
        total += term
        number += 1
    return min(1.0, total)


def least_incredible(mean: float, dispersion: float, probability: float) -> int:
    """The least count that is reached with at most this probability."""
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
