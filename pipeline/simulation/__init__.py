"""Live traffic for trials: contract events of made-up customers, with its ground truth. Seeded, no wall clock.

`world` says who writes, where and when; `stories` what happens in a conversation; `delivery` how badly it
arrives; `spikes` where escalations multiply; `traffic` puts them in order of publishing; `ground_truth`
says what was placed, so that what the pipeline finds can be compared with what is there.
"""

from pipeline.simulation.delivery import Faults
from pipeline.simulation.ground_truth import GroundTruth
from pipeline.simulation.spikes import Spike
from pipeline.simulation.traffic import Simulated, Simulation, simulate

__all__ = ["Faults", "GroundTruth", "Simulated", "Simulation", "Spike", "simulate"]
