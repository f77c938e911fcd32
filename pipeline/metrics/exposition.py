"""Parsing of Prometheus' text format, as served at /metrics."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families


class Measurement(NamedTuple):
    """One sample of an exposition: name, sorted labels and value."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


def read(text: str) -> Iterator[Measurement]:
    """Yield the samples of a text in Prometheus' format. Raises ValueError if it is malformed."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield Measurement(sample.name, tuple(sorted(sample.labels.items())), sample.value)
