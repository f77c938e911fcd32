"""The rolling stage, spikes and who is paged."""
