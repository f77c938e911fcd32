"""The life cycle of one conversation, and what it adds to the panes."""
