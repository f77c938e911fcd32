"""The alerts as deployed, and the metrics they may use."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prometheus_client import CollectorRegistry

from pipeline.metrics.rolling import WINDOWS, RollingMetrics
from pipeline.metrics.stage import BrakeMetrics, CellMetrics, StageMetrics
from streams.books import Books
from streams.spikes.calendars import SeriesStates
from streams.spikes.episodes import Episode
from streams.spikes.series import Series

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "sichtflug.rules.yml"
RULE_TESTS = PROMETHEUS / "tests"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"


@cache
def rules() -> list[dict[str, Any]]:
    """Return all alerts; some have several rules."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


#: Each rule with its position in the file, and the names of its tests.
NUMBERED = list(enumerate(rules()))
NAMES = [f"{rule['alert']} {rule['labels']['severity']}" for rule in rules()]


def alert_names() -> list[str]:
    return sorted({rule["alert"] for rule in rules()})


class Selector(NamedTuple):
    """A metric in an expression, and the labels it selects."""

    metric: str
    labels: frozenset[str]


KEYWORDS = frozenset(("and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool", "inf", "nan"))
LABEL_LISTS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
TEXTS = re.compile(r'"[^"]*"')
SELECTORS = re.compile(r"\b([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\(|)")


def selectors(expression: str) -> Iterator[Selector]:
    """Return the metrics of a PromQL expression. Function names precede a bracket, durations begin with a digit."""
    for name, rest in SELECTORS.findall(LABEL_LISTS.sub("", TEXTS.sub('""', expression))):
        if rest != "(" and name not in KEYWORDS:
            yield Selector(name, frozenset(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", rest)))


@cache
def exported() -> dict[str, frozenset[str]]:
    """Return the labels by metric name of a worker whose stages all have something to show."""
    registry = CollectorRegistry()
    for stage in ("", "customers"):
        metrics = StageMetrics(stage, registry)
        metrics.restored(0, Books(), 0, 0)
        metrics.folded(0, 1, 1, 1, 1, 1)
        metrics.committed(0, Books())
        metrics.cells.labels("0").set(1)
    BrakeMetrics(registry)
    CellMetrics(5_000, registry)
    rows = [(window, *[""] * 4, *[1] * len(RollingMetrics.COLUMNS)) for window in WINDOWS]
    episode = Episode(Series("escalations", "all", ""), 0, 1, 10, 1.0, "page")
    rolling = RollingMetrics(registry)
    rolling.evaluated(1, [episode], SeriesStates(5, 1, 0))
    rolling.written(rows)
    found = {
        sample.name: frozenset(sample.labels) | {"job", "instance"}
        for family in registry.collect()
        for sample in family.samples
    }
    return found | {"up": frozenset({"job", "instance"})}


def unknown_selectors(expression: str) -> list[Selector]:
    """Return the selectors that match nothing a worker exposes."""
    known = exported()
    return [
        selector
        for selector in selectors(expression)
        if selector.metric not in known or not selector.labels <= known[selector.metric]
    ]
