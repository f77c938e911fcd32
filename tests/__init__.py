"""The tests, in tiers by folder: unit, engine, system, faults, browser."""
