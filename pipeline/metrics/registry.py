"""All metrics that a worker has, by name, for the reference page."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from pipeline.metrics.rolling import RollingMetrics
from pipeline.metrics.stage import BrakeMetrics, CellMetrics, StageMetrics


class Described(NamedTuple):
    """A metric as Prometheus scrapes it."""

    name: str
    kind: str
    meaning: str


def every_metric() -> Iterator[Described]:
    """The metrics of a worker, sorted by name."""
    registry = CollectorRegistry()
    StageMetrics(registry=registry)
    StageMetrics("customers", registry)
    BrakeMetrics(registry)
    CellMetrics(1, registry)
    RollingMetrics(registry).judged(1, ())
    for family in sorted(registry.collect(), key=lambda family: family.name):
        suffix = "_total" if family.type == "counter" else ""
        yield Described(family.name + suffix, family.type, family.documentation)
