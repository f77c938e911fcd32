"""Detectors under one interface: does an episode begin with this bin?"""

from streams.spikes import SpikeDetector


class Ours:
    """streams/spikes.py with a budget of false episodes per bin."""

    def __init__(self, budget: float, bins_per_hour: int = 60) -> None:
        self._detector = SpikeDetector(budget, bins_per_hour)

    def begins(self, at: int, count: int) -> bool:
        """Judge the bin `at` of the series; bins only go forward."""
        run = self._detector.observe(at, count)
        return run is not None and run.until is None
