"""The interactions stage: events become conversations and panes."""
