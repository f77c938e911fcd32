"""The measurements behind `docs/benchmarks.md`, run by `python -m benchmarks.run`. Not part of the wheel."""
