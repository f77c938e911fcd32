"""The expected band: between which bounds the count of a minute is ordinary."""

from typing import NamedTuple

import numpy as np

from streams.spikes.columns import Floats
from streams.spikes.series import Series

#: Nineteen in twenty ordinary minutes are within the bounds.
DEVIATIONS = 1.96
#: Added to counts before taking roots, so that those of small ones are nearly normal, too.
SHIFT = 0.375


class Band(NamedTuple):
    """The count of a series in a minute, what was expected of it, and the bounds of an ordinary count."""

    series: Series
    observed: int
    expected: float
    lower: float
    upper: float


def bounds(means: Floats, variances: Floats) -> tuple[Floats, Floats]:
    """Return lower and upper bounds of counts with these means, above 0, and variances.

    Square roots of counts are nearly normal, with half the standard deviation per root of the mean (Anscombe 1948).
    """
    roots, reach = np.sqrt(means + SHIFT), 0.5 * DEVIATIONS * np.sqrt(variances / means)
    lower = np.maximum(roots - reach, 0.0) ** 2 - SHIFT
    return np.maximum(lower, 0.0), (roots + reach) ** 2 - SHIFT
