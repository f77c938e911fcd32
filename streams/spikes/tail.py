"""How far evidence rises by chance: as the model says, or further, because real counts have heavier tails.

If the model is right, evidence in nats (a log-likelihood ratio, or −log of a tail probability) exceeds a level by more
than x with probability e^-x. If the rate drifts or events come in clusters, it falls off more slowly, if the dispersion
is overestimated, faster, say as e^(-x / scale). The scale is the mean excess over a moderate level, of which there are
many, so that a budget of one false alarm in months can be kept without waiting for months. Source: peaks over
threshold, as in Siffer et al., Anomaly detection in streams with extreme value theory (2017), with an exponential tail.
"""

#: A prior of this many excesses of 1.
ASSUMED_COUNT = 20.0
#: The scale is the mean of this many excesses, the last ones with more weight.
REMEMBERED_COUNT = 1_000.0
#: A larger excess is taken for a spike, and counts as this much.
LARGEST_EXCESS = 10.0


class TailEstimate:
    """The tail of one kind of evidence above `level`, in nats; the scale is at least `least_scale`."""

    __slots__ = ("_count", "_least_scale", "_sum", "level")

    def __init__(self, level: float, least_scale: float) -> None:
        self.level = level
        self._least_scale = least_scale
        self._count = self._sum = ASSUMED_COUNT

    def learn(self, evidence: float) -> None:
        """Learn from the evidence of ordinary counts; below the level it is ignored."""
        excess = evidence - self.level
        if excess > 0:
            kept = 1 - 1 / REMEMBERED_COUNT
            self._count = self._count * kept + 1
            self._sum = self._sum * kept + min(excess, LARGEST_EXCESS)

    @property
    def scale(self) -> float:
        """How much further evidence rises by chance than the model says, as a factor."""
        return max(self._least_scale, self._sum / self._count)

    def stretched(self, evidence: float) -> float:
        """Return the evidence that is as rare as the model says `evidence` is."""
        return self.level + self.scale * (evidence - self.level)
