"""The activity of one customer across conversations."""
