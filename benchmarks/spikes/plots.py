"""Small charts as SVG files, legible on light and dark backgrounds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT, MARGIN, BETWEEN = 300, 210, 46, 16
LEGEND_HEIGHT, TITLE_HEIGHT = 26, 24
COLOURS = ("#2a78c8", "#d9822b", "#2f9e6e", "#b5487c", "#8a7bd8")
STYLE = """<style>
text { font: 11px system-ui, sans-serif; fill: #444 } .title { font-weight: 600 } .grid { stroke: #8884; fill: none }
.frame { stroke: #888; fill: none } @media (prefers-color-scheme: dark) { text { fill: #bbb } }
</style>"""


class Line(NamedTuple):
    """One curve; a y of None leaves a gap. `spans` holds one interval per point, or nothing."""

    name: str
    points: Sequence[tuple[float, float | None]]
    spans: Sequence[tuple[float, float]] = ()


class Axis(NamedTuple):
    """A range from `low` to `high`, on a logarithmic or linear scale, with labels at `ticks`."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return 0 at `low`, 1 at `high`; values outside are clipped."""
        value = min(max(value, self.low), self.high)
        if self.is_logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


class Panel(NamedTuple):
    """A chart among several that share axes and colours."""

    title: str
    lines: Sequence[Line]


def chart(panels: Sequence[Panel], x: Axis, y: Axis, columns: int, reference: float | None = None) -> str:
    """Draw the panels in rows, with a legend below and a dashed line at the value `reference`."""
    rows = math.ceil(len(panels) / columns)
    full_width = columns * (WIDTH + BETWEEN) + MARGIN
    full_height = rows * (HEIGHT + BETWEEN) + LEGEND_HEIGHT
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full_width} {full_height}" width="{full_width}">',
        STYLE,
    ]
    for index, panel in enumerate(panels):
        left, top = MARGIN + index % columns * (WIDTH + BETWEEN), index // columns * (HEIGHT + BETWEEN) + TITLE_HEIGHT
        parts += _panel(panel, left, top, x, y, colours, reference)
    for index, name in enumerate(names):
        begin, base = MARGIN + index * (full_width - MARGIN) // len(names), full_height - 8
        parts.append(f'<line x1="{begin}" y1="{base - 4}" x2="{begin + 18}" y2="{base - 4}" {_stroke(colours[name])}/>')
        parts.append(f'<text x="{begin + 24}" y="{base}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(
    panel: Panel, left: float, top: float, x: Axis, y: Axis, colours: dict[str, str], reference: float | None
) -> list[str]:
    width, height = WIDTH - MARGIN, HEIGHT - MARGIN - 10

    def right(value: float) -> float:
        return left + width * x.place(value)

    def down(value: float) -> float:
        return top + height * (1 - y.place(value))

    parts = [
        f'<text class="title" x="{left}" y="{top - 8}">{panel.title}</text>',
        f'<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}"/>',
        f'<text x="{left + width / 2}" y="{top + height + 32}" text-anchor="middle">{x.label}</text>',
        f'<text transform="translate({left - 34} {top + height / 2}) rotate(-90)" text-anchor="middle">'
        f"{y.label}</text>",
    ]
    for tick in x.ticks:
        place = f"{right(tick):.1f}"
        parts.append(f'<line class="grid" x1="{place}" y1="{top}" x2="{place}" y2="{top + height}"/>')
        parts.append(f'<text x="{place}" y="{top + height + 15}" text-anchor="middle">{tick:g}</text>')
    for tick in y.ticks:
        place = f"{down(tick):.1f}"
        parts.append(f'<line class="grid" x1="{left}" y1="{place}" x2="{left + width}" y2="{place}"/>')
        parts.append(f'<text x="{left - 5}" y="{down(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    if reference is not None:
        at = f"{down(reference):.1f}"
        parts.append(
            f'<line class="frame" stroke-dasharray="5 4" x1="{left}" y1="{at}" x2="{left + width}" y2="{at}"/>'
        )
    for line in panel.lines:
        parts += _curve(line, [(right(a), None if b is None else down(b)) for a, b in line.points],
                        [(down(low), down(high)) for low, high in line.spans], colours[line.name])  # fmt: skip
    return parts


def _curve(
    line: Line, points: list[tuple[float, float | None]], spans: list[tuple[float, float]], colour: str
) -> list[str]:
    parts, drawn = [], [(x, y) for x, y in points if y is not None]
    if len(drawn) > 1:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        parts.append(f'<polyline points="{path}" fill="none" {_stroke(colour)}/>')
    for (at, _), (low, high) in zip(points, spans, strict=False):
        parts.append(f'<line x1="{at:.1f}" y1="{low:.1f}" x2="{at:.1f}" y2="{high:.1f}" {_stroke(colour)}/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in drawn]
    return parts


def _stroke(colour: str) -> str:
    return f'stroke="{colour}" stroke-width="1.8"'
