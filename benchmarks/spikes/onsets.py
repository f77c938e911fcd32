"""Spikes injected into series of a known rate: the share noticed within 15, 30 and 60 minutes, and the delay."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks.spikes.candidates import CONTENDERS
from benchmarks.spikes.series import WEEK_MINUTES, draw

MEANS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
DISPERSION = 2.0
LEARNED_WEEKS = 3
LIMITS_MINUTES = (15, 30, 60)

#: Events per minute after the onset, as a multiple of the usual rate.
SHAPES: dict[str, Callable[[int], float]] = {
    "×1.5": lambda minute: 1.5,
    "×2": lambda minute: 2.0,
    "×3": lambda minute: 3.0,
    "×5": lambda minute: 5.0,
    "ramp to ×3 in 30 min": lambda minute: 1 + 2 * min(1.0, (minute + 1) / 30),
    "burst ×5 for 5 min": lambda minute: 5.0 if minute < 5 else 1.0,
}


class Noticed(NamedTuple):
    """One detector's results on spikes of one shape: delays of those noticed, 1 for the minute of the onset itself."""

    name: str
    mean: float
    shape: str
    injected_count: int
    delays: tuple[int, ...]

    def ratio_within(self, minutes: int) -> float:
        """Return the share noticed within the given minutes."""
        return sum(delay <= minutes for delay in self.delays) / self.injected_count

    @property
    def median_delay(self) -> float | None:
        """Return the median delay of all injected spikes, minutes; None if fewer than half were noticed in the hour."""
        missed = [float("inf")] * (self.injected_count - len(self.delays))
        found = median([*self.delays, *missed])
        return None if found == float("inf") else found


def of_mean(mean: float, injected_count: int) -> list[Noticed]:
    """Run all shapes and contenders, each on copies of one detector that has learned a quiet series of that mean.

    The copies are taken throughout a fourth week, from which the detectors learn without evaluating.
    """
    chance = Random(f"onsets {mean}")
    contenders = {name: make(1) for name, make in CONTENDERS.items()}
    begin = LEARNED_WEEKS * WEEK_MINUTES
    for minute in range(begin):
        counts = np.array([draw(chance, mean, DISPERSION)], np.float64)
        for detector in contenders.values():
            detector.learn(minute, counts)
    delays: dict[tuple[str, str], list[int]] = {(name, shape): [] for name in CONTENDERS for shape in SHAPES}
    step = WEEK_MINUTES // injected_count
    for minute in range(begin, begin + injected_count * step):
        if (minute - begin) % step == step - 1:
            for shape, factor in SHAPES.items():
                rates = [mean * factor(after) for after in range(LIMITS_MINUTES[-1])]
                drawn = [np.array([draw(chance, rate, DISPERSION)], np.float64) for rate in rates]
                for name, detector in contenders.items():
                    copy = deepcopy(detector)
                    found = next((i for i, counts in enumerate(drawn) if copy.begins(minute + i, counts)[0]), None)
                    if found is not None:
                        delays[name, shape].append(found + 1)
        counts = np.array([draw(chance, mean, DISPERSION)], np.float64)
        for detector in contenders.values():
            detector.learn(minute, counts)
    return [Noticed(name, mean, shape, injected_count, tuple(found)) for (name, shape), found in delays.items()]
