"""How far evidence goes by chance: as the model says, or farther, because real counts have heavier tails than it.

If the model is right, evidence in nats (a log-likelihood ratio, or −log of a tail probability) passes a level by more
than x with the probability e^-x. Where the rate wanders or events come in clumps it falls off more slowly, where the
dispersion is taken too high faster, say as e^(-x / scale). The scale is the mean of the excesses over a moderate level,
of which there are many, so that a budget of one false alarm in months can be kept without waiting for months. Source:
peaks over threshold, as in Siffer et al., Anomaly detection in streams with extreme value theory (2017), with an
exponential tail.
"""

#: Excesses of 1 seen in advance.
ASSUMED_COUNT = 20.0
#: Of these excesses the scale is the mean, the last ones with more weight.
REMEMBERED_COUNT = 1_000.0
#: What exceeds by more is taken for a spike, and counts as this much.
LARGEST_EXCESS = 10.0


class TailEstimate:
    """Those of one kind of evidence over `level`, in nats; the scale is at least `least_scale`."""

    __slots__ = ("_count", "_least_scale", "_sum", "level")

    def __init__(self, level: float, least_scale: float) -> None:
        self.level = level
        self._least_scale = least_scale
        self._count = self._sum = ASSUMED_COUNT

    def learn(self, evidence: float) -> None:
        """Take an evidence of ordinary counts; below the level it says nothing."""
        excess = evidence - self.level
        if excess > 0:
            kept = 1 - 1 / REMEMBERED_COUNT
            self._count = self._count * kept + 1
            self._sum = self._sum * kept + min(excess, LARGEST_EXCESS)

    @property
    def scale(self) -> float:
        """How many times as far as by the model evidence goes by chance."""
        return max(self._least_scale, self._sum / self._count)

    def stretched(self, evidence: float) -> float:
        """The evidence that is as rare as the model says this one is."""
        return self.level + self.scale * (evidence - self.level)
