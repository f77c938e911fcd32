"""A picture of counts, expectation, band and episodes as SVG: a strip per week."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from pipeline.evaluation.counts_file import HOUR_SECONDS, CountSeries
from streams.spikes.one_series import Judged, Replayed

WEEK_SECONDS = 604_800
#: The epoch was a Thursday; weeks begin on Monday.
_FIRST_MONDAY_SECONDS = 4 * 86_400
WIDTH, HEIGHT, MARGIN, TITLE_HEIGHT = 1_344, 90, 46, 16
#: Seconds per point: half an hour each.
POINT_SECONDS = HOUR_SECONDS // 2
STYLE = """<style>
text { font: 11px system-ui, sans-serif; fill: #444 } .frame { stroke: #8888; fill: none }
.band { fill: #2a78c833 } .expected { stroke: #2a78c8; fill: none } .count { stroke: #444; fill: none }
.episode { fill: #d9402b44 } @media (prefers-color-scheme: dark) { text { fill: #bbb } .count { stroke: #ccc } }
</style>"""


def picture(series: CountSeries, found: Replayed) -> str:
    """Return the picture; times are UTC, counts those of half an hour."""
    weeks = [
        (number, list(bins))
        for number, bins in groupby(found.bins, lambda judged: _week(judged.at * series.bin_seconds))
    ]
    height = len(weeks) * (HEIGHT + TITLE_HEIGHT) + TITLE_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * MARGIN} {height}" '
        f'width="{WIDTH + 2 * MARGIN}">',
        STYLE,
        f'<text x="{MARGIN}" y="12">Counts in half an hour (dark), expected (blue) with the band of ordinary counts, '
        "and episodes (red)</text>",
    ]
    for row, (week, bins) in enumerate(weeks):
        parts += _strip(series, found, week, bins, row * (HEIGHT + TITLE_HEIGHT) + 2 * TITLE_HEIGHT)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _week(at_seconds: int) -> int:
    return (at_seconds - _FIRST_MONDAY_SECONDS) // WEEK_SECONDS


def _strip(series: CountSeries, found: Replayed, week: int, bins: Sequence[Judged], top: int) -> Iterator[str]:
    begin_seconds = week * WEEK_SECONDS + _FIRST_MONDAY_SECONDS
    points = [
        (slot, list(group))
        for slot, group in groupby(
            bins, lambda judged: (judged.at * series.bin_seconds - begin_seconds) // POINT_SECONDS
        )
    ]
    counts = [(slot, sum(judged.observed for judged in group)) for slot, group in points]
    expected = [(slot, sum(judged.expected for judged in group)) for slot, group in points]
    # Deviations of independent bins add up as squares.
    upper = [
        (slot, mean + sum((judged.upper - judged.expected) ** 2 for judged in group) ** 0.5)
        for (slot, group), (_, mean) in zip(points, expected, strict=True)
    ]
    lower = [
        (slot, mean - sum((judged.expected - judged.lower) ** 2 for judged in group) ** 0.5)
        for (slot, group), (_, mean) in zip(points, expected, strict=True)
    ]
    highest = max(1.0, *(value for _, value in counts), *(value for _, value in upper))

    def place(slot: float, value: float) -> str:
        x = MARGIN + slot * POINT_SECONDS / WEEK_SECONDS * WIDTH
        return f"{x:.1f},{top + HEIGHT * (1 - max(0.0, value) / highest):.1f}"

    monday = datetime.fromtimestamp(begin_seconds, UTC)
    yield f'<text x="{MARGIN}" y="{top - 3}">Week of {monday:%Y-%m-%d}, up to {highest:.0f}</text>'
    yield f'<rect class="frame" x="{MARGIN}" y="{top}" width="{WIDTH}" height="{HEIGHT}"/>'
    for run, _ in found.episodes:
        first = max(0.0, (run.since * series.bin_seconds - begin_seconds) / WEEK_SECONDS)
        end = min(1.0, (found.until(run) * series.bin_seconds - begin_seconds) / WEEK_SECONDS)
        if first < end:
            width = max(2.0, (end - first) * WIDTH)
            yield (
                f'<rect class="episode" x="{MARGIN + first * WIDTH:.1f}" y="{top}" width="{width:.1f}" '
                f'height="{HEIGHT}"/>'
            )
    outline = [place(*point) for point in upper] + [place(*point) for point in reversed(lower)]
    yield f'<polygon class="band" points="{" ".join(outline)}"/>'
    for name, line in (("expected", expected), ("count", counts)):
        yield f'<polyline class="{name}" points="{" ".join(place(*point) for point in line)}"/>'
