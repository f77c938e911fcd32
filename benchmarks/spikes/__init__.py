"""How good the spike detector is: `make evaluate` writes it to docs/spikes.md."""
