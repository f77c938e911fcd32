"""Events, logs and strategies for tests of the pure core."""
