"""The part of PromQL that the dashboard Pipeline uses, evaluated over samples that the page has scraped itself.

    name{label="value"}                  the last sample of each series, not older than `FRESH_MS`
    rate(name{…}[5m])                    per second over the samples in the span, corrected for resets, not extrapolated
    sum by (label) (…), max, min, avg    over the series that agree in the labels
    histogram_quantile(0.99, …)          from cumulative buckets, linear within one, like Prometheus

Anything else is refused by name and requires Prometheus.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
#: By name and labels: instants (UTC epoch ms, ascending) and values.
History = Mapping[str, Mapping[Labels, tuple[Sequence[int], Sequence[float]]]]

FRESH_MS = 60_000
AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {"sum": sum, "max": max, "min": min, "avg": fmean}
_NAME = r"[a-zA-Z_:][\w:]*"
_SELECTOR = re.compile(rf"({_NAME})\s*(?:\{{([^}}]*)\}})?\s*(?:\[(\d+)([smh])\])?\Z")
_MATCHER = re.compile(r'(\w+)\s*=\s*"([^"]*)"\Z')
_CALL = re.compile(rf"({_NAME})\s*(?:by\s*\(([^)]*)\)\s*)?\((.*)\)\Z", re.DOTALL)
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000}


class ExpressionError(ValueError):
    """An expression is not supported here. The message says which part."""


class Selector(NamedTuple):
    """A selector of series by name and labels; `span_ms` is 0 for the last sample."""

    name: str
    labels: Labels
    span_ms: int


def evaluate(expression: str, history: History, at_ms: int) -> Vector:
    """Return the value of an expression at an instant, by labels. Raises ExpressionError."""
    expression = expression.strip()
    call = _CALL.match(expression)
    if call is None:
        return _last(_selector(expression), history, at_ms)
    name, by, inside = call[1], call[2], call[3].strip()
    if name == "rate":
        return _rate(_selector(inside), history, at_ms)
    if name == "histogram_quantile":
        level, _, buckets = inside.partition(",")
        return _quantile(_number(level), evaluate(buckets, history, at_ms))
    if name in AGGREGATIONS:
        kept = frozenset(label.strip() for label in by.split(",")) if by else frozenset[str]()
        return _aggregated(AGGREGATIONS[name], kept, evaluate(inside, history, at_ms))
    raise ExpressionError(f"{name}(…) is not understood without Prometheus; expected rate, {', '.join(AGGREGATIONS)}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ExpressionError(f"expected a number, got {text!r}") from None


def _selector(text: str) -> Selector:
    match = _SELECTOR.match(text)
    if match is None:
        raise ExpressionError(f'expected a metric such as name{{label="value"}}, got {text!r}')
    labels = []
    for part in filter(None, (part.strip() for part in (match[2] or "").split(","))):
        matcher = _MATCHER.match(part)
        if matcher is None:
            raise ExpressionError(f'expected label="value", got {part!r}')
        labels.append((matcher[1], matcher[2]))
    return Selector(match[1], tuple(labels), int(match[3]) * _UNIT_MS[match[4]] if match[3] else 0)


def _matching(selector: Selector, history: History) -> Mapping[Labels, tuple[Sequence[int], Sequence[float]]]:
    wanted = set(selector.labels)
    return {labels: samples for labels, samples in history.get(selector.name, {}).items() if wanted <= set(labels)}


def _last(selector: Selector, history: History, at_ms: int) -> Vector:
    vector = {}
    for labels, (instants, values) in _matching(selector, history).items():
        place = bisect_right(instants, at_ms) - 1
        if place >= 0 and instants[place] > at_ms - FRESH_MS:
            vector[labels] = values[place]
    return vector


def _rate(selector: Selector, history: History, at_ms: int) -> Vector:
    if not selector.span_ms:
        raise ExpressionError("rate(…): expected a span such as [5m]")
    vector = {}
    for labels, (instants, values) in _matching(selector, history).items():
        first, end = bisect_left(instants, at_ms - selector.span_ms), bisect_right(instants, at_ms)
        if end - first < 2:
            continue
        # A counter that is lower than before was reset to 0.
        gained = sum(b - a if b >= a else b for a, b in pairwise(values[first:end]))
        vector[labels] = 1000 * gained / (instants[end - 1] - instants[first])
    return vector


def _aggregated(aggregate: Callable[[Sequence[float]], float], kept: frozenset[str], vector: Vector) -> Vector:
    groups: defaultdict[Labels, list[float]] = defaultdict(list)
    for labels, value in vector.items():
        groups[tuple(pair for pair in labels if pair[0] in kept)].append(value)
    return {labels: aggregate(values) for labels, values in groups.items()}


def _quantile(level: float, buckets: Vector) -> Vector:
    groups: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        [edge] = [float(value) for name, value in labels if name == "le"] or [float("inf")]
        groups[tuple(pair for pair in labels if pair[0] != "le")].append((edge, count))
    quantiles = {labels: _within(level, sorted(group)) for labels, group in groups.items()}
    return {labels: value for labels, value in quantiles.items() if value is not None}


def _within(level: float, buckets: Sequence[tuple[float, float]]) -> float | None:
    """Return the quantile, None if nothing was counted. In the last bucket, without an upper edge, its lower edge."""
    total = buckets[-1][1]
    if total <= 0 or buckets[-1][0] != float("inf"):
        return None
    lower, below = 0.0, 0.0
    for edge, count in buckets:
        if count >= level * total:
            return lower if edge == float("inf") else lower + (edge - lower) * (level * total - below) / (count - below)
        lower, below = edge, count
    return lower
