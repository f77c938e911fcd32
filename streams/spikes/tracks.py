"""All series seen so far: which counts belong to them, and how they share the budget of false alarms.

The series that can be evaluated share one budget. One that is not yet known, or too rare, is covered by the wider
series only.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from streams.spikes.detector import SpikeDetector
from streams.spikes.series import COUNTED, Counts, Measure, Place, Series, series_of
from streams.spikes.silence import SilenceDetector

#: A series with a smaller expectation is covered by wider series only.
LEAST_EVENTS_PER_WEEK = 20.0
#: Beyond this many series, further places are covered by wider ones only.
TRACKED_SERIES = 20_000


class MonitoredSeries:
    """One counted series: its detectors, and the first minute that they have not taken yet."""

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
        #: The count of the current minute.
        self.count = 0

    def pass_zeros(self, minute: int) -> None:
        """Pass the minutes before this one to the detectors, as minutes without events."""
        if self.next_minute < minute:
            self.spikes.observe_zeros(self.next_minute, minute)
            self.next_minute = minute

    def expected_for_silence(self, minute: int) -> float:
        """Return the events expected in a minute, excluding what is only inferred from other hours."""
        expectation = self.spikes.expectation
        return expectation.expected(minute) * expectation.seen_ratio

    def freeze(self, minute: int, is_frozen: bool) -> None:
        """Stop learning from this minute on, or resume."""
        if self.spikes.is_frozen != is_frozen:
            self.pass_zeros(minute)
            self.spikes.is_frozen = is_frozen


def _never(series: Series) -> bool:
    return False


class AllSeries:
    """One track per series from its first event on; `budget` is for all of them together, per minute."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self.by_series: dict[Series, MonitoredSeries] = {}
        self._by_place: dict[Place, list[list[MonitoredSeries]]] = {}
        self._is_frozen: Callable[[Series], bool] = _never
        self._shared_among = (0, 0)
        #: Those with a detector of silence, as of the last share of the budget.
        self.with_silence_detector: list[MonitoredSeries] = []

    def __iter__(self) -> Iterator[MonitoredSeries]:
        return iter(self.by_series.values())

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget now."""
        counted = [track.series for track in self if track.spikes.false_alarm_probability]
        silent = [track for track in self if track.silence and track.silence.false_alarm_probability]
        return counted + [track.silence_series for track in silent]

    def of(self, series: Series, minute: int) -> MonitoredSeries:
        """Return the track of a counted series, creating it if it is new."""
        track = self.by_series.get(series)
        if track is None:
            track = self.by_series[series] = MonitoredSeries(series, minute)
            track.freeze(minute, self._is_frozen(series))
        return track

    def take(self, minute: int, counts: Mapping[Place, Counts]) -> list[MonitoredSeries]:
        """Add the counts to every series that they belong to; return the tracks with any."""
        touched = []
        for place, place_counts in counts.items():
            of_measures = self._by_place.get(place)
            if of_measures is None:
                of_measures = self._by_place[Place(*place)] = [[] for _ in COUNTED]
            for index, count in enumerate(place_counts):
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
        """Return the series of a place; beyond the limit, only the widest series and those already tracked."""
        candidates = list(series_of(measure, place))
        if len(self.by_series) < TRACKED_SERIES:
            return candidates
        return [series for series in candidates if series.scope == "all" or series in self.by_series]

    def skip(self, last: int, minute: int) -> None:
        """Move to a minute. Those skipped are unknown, not without events."""
        for track in self:
            track.pass_zeros(last + 1)
            track.next_minute = minute

    def turn(self, minute: int) -> None:
        """Move to the quarter of an hour that contains the minute."""
        for track in self:
            track.spikes.turn(minute)
            if track.silence is not None:
                track.silence.turn()

    def freeze(self, minute: int, is_frozen: Callable[[Series], bool]) -> None:
        """Stop learning in these series from a minute on, and resume in the others."""
        self._is_frozen = is_frozen
        for track in self:
            track.freeze(minute, is_frozen(track.series))

    def share_if_more_are_known(self) -> None:
        """Share the budget again if another series has become known, for a day or for a week."""
        if self._known_counts() != self._shared_among:
            self.share()

    def share(self) -> None:
        """Determine which series are watched, and give each its share of the budget."""
        self._shared_among = self._known_counts()
        watched = [track for track in self if _is_watched(track)]
        with_silence = [
            track for track in watched if track.silence is not None and track.spikes.expectation.is_week_known
        ]
        series = [track.series for track in watched] + [track.silence_series for track in with_silence]
        share_of = shares(series, self._budget)
        self.with_silence_detector = [track for track in self if track.silence is not None]
        for track in self:
            track.spikes.false_alarm_probability = share_of.get(track.series, 0.0)
            track.spikes.calibrate()
            if track.silence is not None:
                track.silence.false_alarm_probability = share_of.get(track.silence_series, 0.0)
                track.silence.turn()
                track.silence.calibrate()

    def _known_counts(self) -> tuple[int, int]:
        """Return how many series are known for a day, and for a week."""
        known = [track.spikes.expectation for track in self if track.spikes.expectation.is_known]
        return len(known), sum(expectation.is_week_known for expectation in known)


def _is_watched(track: MonitoredSeries) -> bool:
    expectation = track.spikes.expectation
    return expectation.is_known and 60 * sum(expectation.weekly_rates()) >= LEAST_EVENTS_PER_WEEK


def shares(watched: Collection[Series], budget: float) -> dict[Series, float]:
    """Return the share of the budget of each series; together they use all of it.

    Each measure and scope with any series gets the same part, divided equally among its series: one more queue makes
    queues a little less sensitive, and never the totals. Series overlap, so several alarm for one cause: the budget is
    an upper bound of the false episodes.
    """
    numbers = Counter((series.measure, series.scope) for series in watched)
    return {series: budget / len(numbers) / numbers[series.measure, series.scope] for series in watched}
