"""All metrics of a worker, for the reference page."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from pipeline.metrics.rolling import RollingMetrics
from pipeline.metrics.stage import BrakeMetrics, CellMetrics, StageMetrics
from streams.spikes.calendars import SeriesStates


class Described(NamedTuple):
    """A metric's name, kind and meaning."""

    name: str
    kind: str
    meaning: str


def every_metric() -> Iterator[Described]:
    """Yield the metrics of a worker, sorted by name."""
    registry = CollectorRegistry()
    StageMetrics(registry=registry)
    StageMetrics("customers", registry)
    BrakeMetrics(registry)
    CellMetrics(1, registry)
    RollingMetrics(registry).evaluated(1, (), SeriesStates(0, 0, 0))
    for family in sorted(registry.collect(), key=lambda family: family.name):
        suffix = "_total" if family.type == "counter" else ""
        yield Described(family.name + suffix, family.type, family.documentation)
