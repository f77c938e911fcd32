"""Stage 1: interaction events become conversations and panes."""
