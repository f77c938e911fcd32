"""The detectors compared, each with its budget or threshold."""

from collections.abc import Callable

import numpy as np

from benchmarks.spikes.detectors import Detector, EarsC2, Farrington, Ours, PoissonSum, ThreeSigma
from benchmarks.spikes.series import WEEK_MINUTES

#: False episodes per bin: one a week per series.
BUDGET = 1 / WEEK_MINUTES
#: The number of series that share the budget.
SHARED_AMONG = 50

OURS, SHARING, POISSON, THREE_SIGMA, EARS, FARRINGTON = (
    "Sichtflug",
    f"Sichtflug, one of {SHARED_AMONG} series",
    "Poisson sum",
    "three sigma",
    "EARS C2",
    "Farrington",
)
#: Each for a number of series.
CONTENDERS: dict[str, Callable[[int], Detector]] = {
    OURS: lambda size: Ours(np.full(size, BUDGET)),
    SHARING: lambda size: Ours(np.full(size, BUDGET / SHARED_AMONG)),
    POISSON: lambda size: PoissonSum(size, BUDGET),
    THREE_SIGMA: ThreeSigma,
    EARS: EarsC2,
    FARRINGTON: Farrington,
}
