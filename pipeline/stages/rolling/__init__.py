"""Stage 2: panes become rolling windows, spikes and alerts."""
