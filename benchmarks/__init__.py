"""Measures what `docs/benchmarks.md` says. Not part of the wheel; `python -m benchmarks.run` is the way in."""
