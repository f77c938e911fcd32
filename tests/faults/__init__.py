"""Kills, outages and wrong workers."""
