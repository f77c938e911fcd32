"""The origin of an excess: counts of the last hours by place, against what was expected of each series."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from streams.spikes.episodes import Contributor
from streams.spikes.series import COUNTED, Counts, Place, Series

QUARTER_MINUTES = 15
#: Older counts are discarded: an episode's contributors are those of its last hours.
RECENT_MINUTES = 360
#: A part that makes up this share of an excess explains it.
EXPLAINING_RATIO = 0.7
CONTRIBUTORS = 5

#: The expectation over a quarter of an hour: in its first minute, and the increase per minute.
Line = tuple[float, float]


class RecentCounts:
    """The last six hours: counts of each minute, and the expectation of each series."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, Mapping[Place, Counts]]] = deque(maxlen=RECENT_MINUTES)
        self._lines: deque[tuple[int, dict[Series, Line]]] = deque(maxlen=RECENT_MINUTES // QUARTER_MINUTES + 1)

    def turn(self, minute: int, lines: dict[Series, Line]) -> None:
        """Begin the quarter of an hour that contains `minute`."""
        self._lines.append((minute // QUARTER_MINUTES * QUARTER_MINUTES, lines))

    def add(self, minute: int, counts: Mapping[Place, Counts]) -> None:
        """Add the counts of a minute."""
        self._counts.append((minute, counts))

    def excess(self, series: Series, since: int) -> tuple[int, float]:
        """Return the observed and expected counts of a series from minute `since` to the last one."""
        return self._observed(series, since), self._expected(series, since)

    def main_series(self, alarmed: Series, known: Iterable[Series], since: int) -> Series:
        """Return the narrowest of the `known` series within `alarmed` that explains most of its excess."""
        observed, expected = self.excess(alarmed, since)
        inner = [series for series in known if series.measure == alarmed.measure and alarmed.contains(series)]
        for scopes in (("cell",), ("channel", "queue")):
            parts = [(self._gain(series, since), series) for series in inner if series.scope in scopes]
            gain, part = max(parts, default=(0.0, alarmed))
            if gain >= EXPLAINING_RATIO * (observed - expected) and gain > 0:
                return part
        return alarmed

    def explains(self, main: Series, series: Series, since: int) -> bool:
        """Return whether most of what happens in `series` happens in `main`; always true if `main` contains it."""
        if main.contains(series):
            return True
        if not main.overlaps(series):
            return False
        both = main if series.contains(main) else main._replace(
            scope="cell", queue=main.queue or series.queue, channel=main.channel or series.channel
        )  # fmt: skip
        whole = self._gain(series, since)
        return self._gain(both, since) / whole >= EXPLAINING_RATIO if whole else True

    def contributors(self, series: Series, known: Iterable[Series], since: int) -> tuple[Contributor, ...]:
        """Return the cells with the largest excess, or lack for a silence; without cells, channels and queues."""
        inner = [part for part in known if series.contains(part) and part.measure == series.counted_measure]
        cells = [part for part in inner if part.scope == "cell"] or [part for part in inner if part.scope != "all"]
        sign = -1 if series.measure == "silence" else 1
        ranked = []
        for cell in cells:
            observed, expected = self.excess(cell, since)
            if sign * (observed - expected) > 0:
                ranked.append((sign * (observed - expected), Contributor(cell.queue, cell.channel, observed, expected)))
        ranked.sort(key=lambda pair: (-pair[0], pair[1].queue, pair[1].channel))
        return tuple(contributor for _, contributor in ranked[:CONTRIBUTORS])

    def _gain(self, series: Series, since: int) -> float:
        observed, expected = self.excess(series, since)
        return observed - expected

    def _observed(self, series: Series, since: int) -> int:
        index = COUNTED.index(series.counted_measure)
        totals: Counter[Place] = Counter()
        for minute, counts in self._counts:
            if minute >= since:
                for place, place_counts in counts.items():
                    if place_counts[index]:
                        totals[place] += place_counts[index]
        return sum(count for place, count in totals.items() if series.holds(Place(*place)))

    def _expected(self, series: Series, since: int) -> float:
        if not self._counts:
            return 0.0
        begin, end = max(since, self._counts[0][0]), self._counts[-1][0] + 1
        key = series._replace(measure=series.counted_measure)
        total = 0.0
        for start, lines in self._lines:
            first, slope = lines.get(key, (0.0, 0.0))
            low, high = max(begin, start), min(end, start + QUARTER_MINUTES)
            if low < high:
                total += (high - low) * (first + slope * ((low + high - 1) / 2 - start))
        return total
