"""The measurements of one run, and their charts."""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.spikes import candidates, false_alarms, onsets
from benchmarks.spikes.false_alarms import Installation, Quiet, Wandering, interval
from benchmarks.spikes.nab import Result
from benchmarks.spikes.onsets import Noticed
from benchmarks.spikes.plots import Axis, Line, Panel, chart

#: The detectors drawn against each other.
COMPARED = (candidates.OURS, candidates.POISSON, candidates.THREE_SIGMA, candidates.EARS, candidates.FARRINGTON)
DRAWN_SHAPES = ("×1.5", "×2", "×3", "×5")


class Figures(NamedTuple):
    """Everything that goes into the page; `benchmark` is empty if its series are not available."""

    quiet: Sequence[Quiet]
    wandering: Sequence[Wandering]
    installations: Sequence[Installation]
    noticed: Sequence[Noticed]
    benchmark: Sequence[Result]
    is_quick: bool


def false_chart(figures: Figures) -> str:
    """Draw false episodes per week of a series against its mean, one panel per dispersion."""
    panels = []
    for dispersion in false_alarms.DISPERSIONS:
        lines = []
        for name in COMPARED:
            found = [quiet for quiet in figures.quiet if quiet.name == name and quiet.dispersion == dispersion]
            points = [(quiet.mean, quiet.episode_count / quiet.weeks or None) for quiet in found]
            spans = [
                (low / quiet.weeks, high / quiet.weeks)
                for quiet in found
                for low, high in [interval(quiet.episode_count)]
            ]
            lines.append(Line(name, points, spans))
        panels.append(Panel(f"variance / mean {dispersion:g}", lines))
    x = Axis("events per minute", 0.015, 27, false_alarms.MEANS, is_logarithmic=True)
    y = Axis("false episodes per week", 0.03, 1_000, (0.1, 1, 10, 100, 1_000), is_logarithmic=True)
    return chart(panels, x, y, columns=3, reference=1.0)


def detection_chart(figures: Figures) -> str:
    """Draw, for Sichtflug, the share noticed within 15, 30 and 60 minutes against the mean, one panel per step."""
    panels = []
    for shape in DRAWN_SHAPES:
        found = of(figures, candidates.OURS, shape)
        lines = [
            Line(f"within {limit} minutes", [(noticed.mean, noticed.ratio_within(limit)) for noticed in found])
            for limit in onsets.LIMITS_MINUTES
        ]
        panels.append(Panel(f"{shape} as many", lines))
    return chart(panels, _mean_axis(), Axis("noticed", 0, 1, (0, 0.25, 0.5, 0.75, 1)), columns=2)


def delay_chart(figures: Figures) -> str:
    """Draw the median delay against the mean, one panel per step, alone and sharing the budget."""
    panels = []
    for shape in DRAWN_SHAPES:
        lines = [
            Line(name, [(noticed.mean, noticed.median_delay) for noticed in of(figures, name, shape)])
            for name in (candidates.OURS, candidates.SHARING)
        ]
        panels.append(Panel(f"{shape} as many", lines))
    y = Axis("median minutes until noticed", 0.9, 70, (1, 2, 5, 10, 20, 60), is_logarithmic=True)
    return chart(panels, _mean_axis(), y, columns=2)


def of(figures: Figures, name: str, shape: str) -> list[Noticed]:
    """Return what one detector noticed of one shape, by mean."""
    return [noticed for noticed in figures.noticed if noticed.name == name and noticed.shape == shape]


def _mean_axis() -> Axis:
    return Axis("usual events per minute", 0.45, 22, onsets.MEANS, is_logarithmic=True)
