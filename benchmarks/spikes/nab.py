"""The Numenta Anomaly Benchmark on series of mentions per five minutes: its scoring, a threshold chosen on other files.

Scores by Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms (2015): the first detection in a window
counts more the earlier it is; one outside costs more of its weight the farther it lies behind the last window; a window
without one costs its weight. A detector that reports every window at its beginning scores 100, one that reports nothing
0. The first 15 % of a series are for learning and do not count.
"""

import csv
import gzip
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from benchmarks.spikes.detectors import Ours

BIN_SECONDS = 300
BINS_PER_DAY = 288
LEARNING_RATIO, LEARNING_LIMIT = 0.15, 5_000
#: Budgets to choose from, in days until a false episode.
BUDGET_DAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


class Profile(NamedTuple):
    """Weights of one application profile of the benchmark: true detections, false detections and missed windows."""

    detected: float
    false: float
    missed: float


STANDARD = Profile(1.0, 0.11, 1.0)
LOW_FALSE = Profile(1.0, 0.22, 1.0)


class Series(NamedTuple):
    """Bins since the epoch with their counts, and the labelled windows as first and last index."""

    name: str
    bins: Sequence[int]
    counts: Sequence[int]
    windows: Sequence[tuple[int, int]]


def load(directory: Path) -> list[Series]:
    """Load the series in the folder, labelled by its `windows.json`."""
    labelled = json.loads((directory / "windows.json").read_text())
    found = []
    for name, spans in sorted(labelled.items()):
        with gzip.open(directory / f"Twitter_volume_{name}.csv.gz", "rt") as file:
            rows = [(_instant(row["timestamp"]), int(float(row["value"]))) for row in csv.DictReader(file)]
        windows = []
        for begin, end in ((_instant(first), _instant(last)) for first, last in spans):
            inside = [index for index, (at, _) in enumerate(rows) if begin <= at <= end]
            windows.append((inside[0], inside[-1]))
        found.append(
            Series(
                name,
                [int(at.timestamp()) // BIN_SECONDS for at, _ in rows],
                [count for _, count in rows],
                sorted(windows),
            )
        )
    return found


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def raw_score(series: Series, detections: Sequence[int], profile: Profile) -> float:
    """Return the score of one series, given the indices of its detections."""
    learning = int(LEARNING_RATIO * min(len(series.counts), LEARNING_LIMIT))
    counted = [index for index in detections if index >= learning]
    score = 0.0
    for first, last in series.windows:
        inside = [index for index in counted if first <= index <= last]
        if inside:
            score += profile.detected * _sigmoid(-(last - inside[0] + 1) / (last - first + 1)) / _sigmoid(-1.0)
        else:
            score -= profile.missed
    for index in counted:
        if any(first <= index <= last for first, last in series.windows):
            continue
        before = [(first, last) for first, last in series.windows if last < index]
        if before:
            first, last = before[-1]
            score += profile.false * _sigmoid((index - last) / (last - first))
        else:
            score -= profile.false
    return score


def _sigmoid(position: float) -> float:
    """Return 1 far ahead of a window's end, 0 at it, -1 behind it."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def normalised(raw: float, window_count: int, profile: Profile) -> float:
    """Scale to 0 for a detector that reports nothing and 100 for a perfect one."""
    nothing, perfect = -profile.missed * window_count, profile.detected * window_count
    return 100 * (raw - nothing) / (perfect - nothing)


def detections(series: Series, budget_days: float) -> list[int]:
    """Return the indices at which our episodes begin."""
    detector = Ours(1 / (budget_days * BINS_PER_DAY), bins_per_hour=12)
    counted = enumerate(zip(series.bins, series.counts, strict=True))
    return [index for index, (at, count) in counted if detector.begins(at, count)]


class Result(NamedTuple):
    """The score under one profile, and the false episodes per day of a series."""

    score: float
    false_per_day: float
    budget_days: Mapping[str, float]


#: Returns the index of the best budget, given their scores.
Rule = Callable[[Sequence[float]], int]


def best(scores: Sequence[float]) -> int:
    """Return the index of the best score."""
    return scores.index(max(scores))


def best_with_neighbours(scores: Sequence[float]) -> int:
    """Return the index of the best mean of a score and its neighbours; single scores jump at window edges."""
    return best([fmean(scores[max(0, index - 1) : index + 2]) for index in range(len(scores))])


def left_out(all_series: Sequence[Series], profile: Profile, rule: Rule = best) -> Result:
    """Return the score when the budget of each series is the one that is best for the others."""
    by_budget = {(series.name, days): detections(series, days) for series in all_series for days in BUDGET_DAYS}
    raw, false_count, chosen = 0.0, 0, {}
    for series in all_series:
        others = [other for other in all_series if other is not series]

        def of_others(days: float, others: Sequence[Series] = others) -> float:
            return sum(raw_score(other, by_budget[other.name, days], profile) for other in others)

        scores = [of_others(days) for days in BUDGET_DAYS]
        chosen[series.name] = BUDGET_DAYS[rule(scores)]
        mine = by_budget[series.name, chosen[series.name]]
        raw += raw_score(series, mine, profile)
        false_count += sum(not any(first <= index <= last for first, last in series.windows) for index in mine)
    days = sum(len(series.counts) for series in all_series) / BINS_PER_DAY
    windows = sum(len(series.windows) for series in all_series)
    return Result(normalised(raw, windows, profile), false_count / days, chosen)
