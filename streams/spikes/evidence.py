"""Evidence, in nats, that a count is too large: a bound of its tail probability in closed form."""

import numpy as np

from streams.spikes.columns import Flags, Floats

#: Below this share of the mean, the variance beyond Poisson's is lost in rounding.
_NEGLIGIBLE = 1e-9


def evidence(counts: Floats, means: Floats, variances: Floats) -> Floats:
    """Return −log of Chernoff's bound of P(N ≥ count) for negative binomial N, 0 for counts up to the mean.

    n · ln(n / M) − (n + k) · ln((n + k) / (M + k)) with the size k = M² / (V − M); n · ln(n / M) − (n − M) for a
    Poisson distribution. Means are above 0, variances at least the means.
    """
    beyond = np.maximum(variances - means, _NEGLIGIBLE * means)
    sizes = means * means / beyond
    above = np.maximum(counts, means)
    return above * np.log(above / means) - (above + sizes) * np.log1p((above - means) / (means + sizes))


def may_exceed(counts: Floats, means: Floats, variances: Floats, evidences: Floats) -> Flags:
    """Return where `evidence` may exceed these values: it is at most (n − M)² / 2V, which needs no logarithm."""
    beyond = np.maximum(counts - means, 0.0)
    is_possible: Flags = beyond * beyond > 2 * variances * evidences
    return is_possible
