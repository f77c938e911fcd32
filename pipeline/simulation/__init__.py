"""Simulated traffic: contract events of made-up customers, with ground truth. Seeded, without a wall clock.

`world` defines customers, channels and times of day; `stories` the course of conversations; `delivery` faults on the
way; `spikes` the multiplied escalations; `traffic` the order of publishing; `ground_truth` what was placed, for
comparison with what the pipeline finds.
"""

from pipeline.simulation.delivery import Faults
from pipeline.simulation.ground_truth import GroundTruth
from pipeline.simulation.spikes import Spike
from pipeline.simulation.traffic import Simulated, Simulation, simulate

__all__ = ["Faults", "GroundTruth", "Simulated", "Simulation", "Spike", "simulate"]
