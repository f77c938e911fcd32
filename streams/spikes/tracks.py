"""All series that have been seen: which counts belong to them, and how they share the budget of false alarms.

One budget is shared by those of which something can be said. A series that is not yet known, or so rare that nothing
could be said of it, is seen in the wider series only.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from streams.spikes.detector import SpikeDetector
from streams.spikes.series import COUNTED, Counts, Measure, Place, Series, series_of
from streams.spikes.silence import SilenceDetector

#: A series of which less is expected is seen in wider series only.
LEAST_EVENTS_PER_WEEK = 20.0
#: Beyond so many series, further places are seen in wider ones only.
TRACKED_SERIES = 20_000


class MonitoredSeries:
    """One counted series: its detectors, and the minutes for which they have not been asked yet."""

    __slots__ = ("count", "next_minute", "series", "silence", "silence_series", "spikes")

    def __init__(self, series: Series, minute: int) -> None:
        self.series = series
        self.spikes = SpikeDetector(0.0)
        self.spikes.turn(minute)
        self.silence: SilenceDetector | None = None
        self.silence_series = series._replace(measure="silence")
        if series.measure == "inflow" and series.scope in ("all", "channel"):
            self.silence = SilenceDetector(self.spikes.expectation, 0.0)
        self.next_minute = minute
        #: Of the present minute.
        self.count = 0

    def pass_zeros(self, minute: int) -> None:
        """Let the minutes before this one be over; those not heard of were without events."""
        if self.next_minute < minute:
            self.spikes.observe_zeros(self.next_minute, minute)
            self.next_minute = minute

    def expected_to_be_heard(self, minute: int) -> float:
        """Events in a minute that would be missed; a night in which nothing was ever seen leans on days: none."""
        expectation = self.spikes.expectation
        return expectation.expected(minute) * expectation.seen_ratio

    def freeze(self, minute: int, is_frozen: bool) -> None:
        """From this minute on learn nothing, or learn again."""
        if self.spikes.is_frozen != is_frozen:
            self.pass_zeros(minute)
            self.spikes.is_frozen = is_frozen


def _never(series: Series) -> bool:
    return False


class AllSeries:
    """A track for each series from its first event on; `budget` is that of all of them together, per minute."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self.by_series: dict[Series, MonitoredSeries] = {}
        self._by_place: dict[Place, list[list[MonitoredSeries]]] = {}
        self._is_frozen: Callable[[Series], bool] = _never
        self._shared_among = (0, 0)
        #: Those that are missed when nothing comes; settled with the budget.
        self.heard: list[MonitoredSeries] = []

    def __iter__(self) -> Iterator[MonitoredSeries]:
        return iter(self.by_series.values())

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget at present."""
        found = [track.series for track in self if track.spikes.false_alarm_probability]
        return found + [one.silence_series for one in self if one.silence and one.silence.false_alarm_probability]

    def of(self, series: Series, minute: int) -> MonitoredSeries:
        """The track of a series that is counted, a new one if need be."""
        track = self.by_series.get(series)
        if track is None:
            track = self.by_series[series] = MonitoredSeries(series, minute)
            track.freeze(minute, self._is_frozen(series))
        return track

    def take(self, minute: int, counts: Mapping[Place, Counts]) -> list[MonitoredSeries]:
        """Add the counts up for every series to which they belong; the tracks that have any come back."""
        touched = []
        for place, three in counts.items():
            of_measures = self._by_place.get(place)
            if of_measures is None:
                of_measures = self._by_place[Place(*place)] = [[] for _ in COUNTED]
            for index, count in enumerate(three):
                if count <= 0:
                    continue
                tracks = of_measures[index]
                if not tracks:
                    tracks += [self.of(series, minute) for series in self._tracked(COUNTED[index], Place(*place))]
                for track in tracks:
                    if not track.count:
                        touched.append(track)
                    track.count += count
        return touched

    def _tracked(self, measure: Measure, place: Place) -> list[Series]:
        """The series of a place; where there are too many already, only those that are known and the widest."""
        found = list(series_of(measure, place))
        if len(self.by_series) < TRACKED_SERIES:
            return found
        return [one for one in found if one.scope == "all" or one in self.by_series]

    def skip(self, last: int, minute: int) -> None:
        """Go to a minute. Those between the last one and this were left out: unknown, not without events."""
        for track in self:
            track.pass_zeros(last + 1)
            track.next_minute = minute

    def turn(self, minute: int) -> None:
        """Go to the quarter of an hour that holds the minute."""
        for track in self:
            track.spikes.turn(minute)
            if track.silence is not None:
                track.silence.turn()

    def freeze(self, minute: int, is_frozen: Callable[[Series], bool]) -> None:
        """From a minute on let these series learn nothing, and the others learn."""
        self._is_frozen = is_frozen
        for track in self:
            track.freeze(minute, is_frozen(track.series))

    def share_if_more_are_known(self) -> None:
        """Share the budget again if a series has become known, for a day or for a week."""
        if self._known_counts() != self._shared_among:
            self.share()

    def share(self) -> None:
        """Settle which series are watched, and give each its part of the budget."""
        self._shared_among = self._known_counts()
        judged = [track for track in self if _is_watched(track)]
        missed = [one for one in judged if one.silence is not None and one.spikes.expectation.is_week_known]
        of = shares([one.series for one in judged] + [one.silence_series for one in missed], self._budget)
        self.heard = [track for track in self if track.silence is not None]
        for track in self:
            track.spikes.false_alarm_probability = of.get(track.series, 0.0)
            track.spikes.calibrate()
            if track.silence is not None:
                track.silence.false_alarm_probability = of.get(track.silence_series, 0.0)
                track.silence.turn()
                track.silence.calibrate()

    def _known_counts(self) -> tuple[int, int]:
        """How many series are known for a day, for a week."""
        known = [track.spikes.expectation for track in self if track.spikes.expectation.is_known]
        return len(known), sum(one.is_week_known for one in known)


def _is_watched(track: MonitoredSeries) -> bool:
    expectation = track.spikes.expectation
    return expectation.is_known and 60 * sum(expectation.weekly_rates()) >= LEAST_EVENTS_PER_WEEK


def shares(watched: Collection[Series], budget: float) -> dict[Series, float]:
    """What each series may use up of the budget; together that is all of it.

    Each measure and scope of which there is a series gets as much as the others, and its series get equal parts: one
    more queue makes the queues a little less sensitive, and never the totals. The series overlap, so that several of
    them alarm over one thing: the budget is an upper bound of the false episodes.
    """
    numbers = Counter((series.measure, series.scope) for series in watched)
    return {series: budget / len(numbers) / numbers[series.measure, series.scope] for series in watched}
