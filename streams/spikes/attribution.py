"""Where an excess comes from: the counts of the last hours by place, against what was expected of each series."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from streams.spikes.episodes import Contributor
from streams.spikes.series import COUNTED, Counts, Place, Series

QUARTER_MINUTES = 15
#: What lies farther back is not looked at: an episode's contributors are those of its last hours.
RECENT_MINUTES = 360
#: A part that makes this much of an excess explains it.
MOST = 0.7
CONTRIBUTORS = 5

#: Of a quarter of an hour: what is expected in its first minute, and how much more in each next one.
Line = tuple[float, float]


class RecentCounts:
    """The last six hours: counts of each minute, and the lines of what was expected of each series."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, Mapping[Place, Counts]]] = deque(maxlen=RECENT_MINUTES)
        self._lines: deque[tuple[int, dict[Series, Line]]] = deque(maxlen=RECENT_MINUTES // QUARTER_MINUTES + 1)

    def turn(self, minute: int, lines: dict[Series, Line]) -> None:
        """A quarter of an hour begins, the one that holds `minute`."""
        self._lines.append((minute // QUARTER_MINUTES * QUARTER_MINUTES, lines))

    def add(self, minute: int, counts: Mapping[Place, Counts]) -> None:
        """Take a minute."""
        self._counts.append((minute, counts))

    def excess(self, series: Series, since: int) -> tuple[int, float]:
        """Observed and expected of a series from minute `since` to the last one."""
        return self._observed(series, since), self._expected(series, since)

    def main_series(self, alarmed: Series, known: Iterable[Series], since: int) -> Series:
        """The most special of the `known` series within the alarmed one that explains most of its excess."""
        observed, expected = self.excess(alarmed, since)
        inner = [one for one in known if one.measure == alarmed.measure and alarmed.contains(one)]
        for scopes in (("cell",), ("channel", "queue")):
            parts = [(self._gain(one, since), one) for one in inner if one.scope in scopes]
            gain, part = max(parts, default=(0.0, alarmed))
            if gain >= MOST * (observed - expected) and gain > 0:
                return part
        return alarmed

    def explains(self, main: Series, series: Series, since: int) -> bool:
        """Is what happens in `main` most of what happens in `series`? Certainly if it contains it."""
        if main.contains(series):
            return True
        if not main.overlaps(series):
            return False
        both = main if series.contains(main) else main._replace(
            scope="cell", queue=main.queue or series.queue, channel=main.channel or series.channel
        )  # fmt: skip
        whole = self._gain(series, since)
        return self._gain(both, since) / whole >= MOST if whole else True

    def contributors(self, series: Series, known: Iterable[Series], since: int) -> tuple[Contributor, ...]:
        """The cells with the largest excess, or lack if it is a silence; channels and queues where there is no cell."""
        inner = [one for one in known if series.contains(one) and one.measure == series.counted_measure]
        cells = [one for one in inner if one.scope == "cell"] or [one for one in inner if one.scope != "all"]
        sign = -1 if series.measure == "silence" else 1
        found = []
        for one in cells:
            observed, expected = self.excess(one, since)
            if sign * (observed - expected) > 0:
                found.append((sign * (observed - expected), Contributor(one.queue, one.channel, observed, expected)))
        found.sort(key=lambda pair: (-pair[0], pair[1].queue, pair[1].channel))
        return tuple(contributor for _, contributor in found[:CONTRIBUTORS])

    def _gain(self, series: Series, since: int) -> float:
        observed, expected = self.excess(series, since)
        return observed - expected

    def _observed(self, series: Series, since: int) -> int:
        index = COUNTED.index(series.counted_measure)
        totals: Counter[Place] = Counter()
        for minute, counts in self._counts:
            if minute >= since:
                for place, three in counts.items():
                    if three[index]:
                        totals[place] += three[index]
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
