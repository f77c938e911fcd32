"""Kills, outages and mutants of the worker."""
