"""How good the spike detector is, so far on the Numenta benchmark: `python -m benchmarks.spikes.nab DIRECTORY`."""
