"""The dashboard page in a real browser."""
