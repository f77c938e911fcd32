"""Fixture: the state a watch has learned, once for the tests of this folder."""

import pytest

from benchmarks.spikes.series import DAY_MINUTES
from streams.spikes.watch import Watch
from tests.support.streams.watches import WEEK, Life


@pytest.fixture(scope="package")
def learned() -> Life:
    """Learn for eight days; each test copies the watch."""
    life = Life(Watch(1.0))
    life.learn(WEEK + DAY_MINUTES)
    return life
