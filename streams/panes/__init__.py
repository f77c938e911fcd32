"""Additive counters per interval and cell."""
