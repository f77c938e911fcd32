"""The Numenta Anomaly Benchmark on series of mentions per five minutes: its scoring, at budgets fixed in advance.

Scores by Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms (2015): the first detection in a window
counts more the earlier it is; one outside costs more of its weight the farther it lies behind the last window; a window
without one costs its weight. A detector that reports every window at its beginning scores 100, one that reports nothing
0. The first 15 % of a series are for learning and do not count.
"""

import csv
import gzip
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.spikes.detectors import Ours

BIN_SECONDS = 300
BINS_PER_DAY = 288
LEARNING_RATIO, LEARNING_LIMIT = 0.15, 5_000
#: Budgets, in days until a false episode; the first is the default of an installation with one series.
BUDGET_DAYS = (7.0, 14.0, 28.0)


class Profile(NamedTuple):
    """Weights of one application profile of the benchmark: true detections, false detections and missed windows."""

    detected: float
    false: float
    missed: float


STANDARD = Profile(1.0, 0.11, 1.0)
LOW_FALSE = Profile(1.0, 0.22, 1.0)
PROFILES = {"standard": STANDARD, "reward low false positives": LOW_FALSE}


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
    counted = [index for index in detections if index >= _learning(series)]
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


def _learning(series: Series) -> int:
    """Return the number of bins at the beginning that are for learning."""
    return int(LEARNING_RATIO * min(len(series.counts), LEARNING_LIMIT))


def _sigmoid(position: float) -> float:
    """Return 1 far ahead of a window's end, 0 at it, -1 behind it."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def normalised(raw: float, window_count: int, profile: Profile) -> float:
    """Scale to 0 for a detector that reports nothing and 100 for a perfect one."""
    nothing, perfect = -profile.missed * window_count, profile.detected * window_count
    return 100 * (raw - nothing) / (perfect - nothing)


def detections(series: Series, budgets_days: Sequence[float]) -> dict[float, list[int]]:
    """Return, for each budget, the indices at which our episodes begin or rise further."""
    detector = Ours(np.array([1 / (days * BINS_PER_DAY) for days in budgets_days]), bins_per_hour=12)
    found: dict[float, list[int]] = {days: [] for days in budgets_days}
    for index, (at, count) in enumerate(zip(series.bins, series.counts, strict=True)):
        begun = detector.begins(at, np.full(len(budgets_days), float(count)))
        for place in np.flatnonzero(begun):
            found[budgets_days[int(place)]].append(index)
    return found


class Result(NamedTuple):
    """The scores at one budget, in days per false episode: by profile, with the false episodes per day of a series."""

    budget_days: float
    scores: Mapping[str, float]
    missed_count: int
    window_count: int
    false_per_day: float


def at_budgets(all_series: Sequence[Series], budgets_days: Sequence[float] = BUDGET_DAYS) -> list[Result]:
    """Return the results at budgets fixed in advance."""
    found = {series.name: detections(series, budgets_days) for series in all_series}
    windows = sum(len(series.windows) for series in all_series)
    all_days = sum(len(series.counts) for series in all_series) / BINS_PER_DAY
    results = []
    for days in budgets_days:
        raw = dict.fromkeys(PROFILES, 0.0)
        missed_count = false_count = 0
        for series in all_series:
            mine = found[series.name][days]
            learning = _learning(series)
            for name, profile in PROFILES.items():
                raw[name] += raw_score(series, mine, profile)
            inside = [[first <= index <= last for first, last in series.windows] for index in mine if index >= learning]
            false_count += sum(not any(hits) for hits in inside)
            missed_count += len(series.windows) - sum(map(any, zip(*inside, strict=True)))
        scores = {name: normalised(raw[name], windows, profile) for name, profile in PROFILES.items()}
        results.append(Result(days, scores, missed_count, windows, false_count / all_days))
    return results
