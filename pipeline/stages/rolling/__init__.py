"""The rolling stage: panes become rolling windows, spikes and alerts."""
