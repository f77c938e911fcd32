"""The detectors compared, each with its budget or threshold."""

from collections.abc import Callable

from benchmarks.spikes.detectors import Detector, EarsC2, Ours, PoissonSum, ThreeSigma
from benchmarks.spikes.series import WEEK_MINUTES

#: False episodes per bin: one a week per series.
BUDGET = 1 / WEEK_MINUTES
#: The number of series that share the budget.
SHARED_AMONG = 50

OURS, SHARING, POISSON, THREE_SIGMA, EARS = (
    "Sichtflug",
    f"Sichtflug, one of {SHARED_AMONG} series",
    "Poisson sum",
    "three sigma",
    "EARS C2",
)
CONTENDERS: dict[str, Callable[[], Detector]] = {
    OURS: lambda: Ours(BUDGET),
    SHARING: lambda: Ours(BUDGET / SHARED_AMONG),
    POISSON: lambda: PoissonSum(BUDGET),
    THREE_SIGMA: ThreeSigma,
    EARS: EarsC2,
}
