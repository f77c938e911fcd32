"""Evaluation of the spike detector: `make evaluate` writes it to docs/spikes.md."""
