"""Counts that are statistically unlikely."""
