"""The life of one conversation, and what it adds to the panes."""
