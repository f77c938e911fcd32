"""The rolling stage, spikes and paging."""
