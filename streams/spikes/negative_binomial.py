"""Counts with more variance than a Poisson process: the negative binomial distribution, by mean and dispersion.

`dispersion` is variance / mean, the same for every mean and at least 1; 1 is the Poisson distribution. A sum of
independent counts of the same dispersion has it, too, so minutes can be added up. In the usual parameters: size mean /
(dispersion − 1), probability 1 / dispersion.
"""

import math

#: Below this the distribution is practically Poisson's, and formulas that divide by dispersion − 1 lose digits.
_NEARLY_POISSON = 1.0 + 1e-6


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
