"""The watch over all series of an installation: minute by minute, which episodes begin, get worse, end.

Series are the escalations, the inflow and the shares of each tenant, of its channels, queues and cells, and the silence
of tenants and channels. One budget of false episodes a week is shared by those that are watched (see `budget`); which
these are is settled at midnight UTC, and when one more becomes known. A series that is not yet known, or so rare that
nothing could be said of it, is seen in the wider series only.

One burst is one episode, whichever series alarm, see `open_episodes`; while it is open, the series within it learn
nothing.

Call `observe` once for each minute that is settled, in order; minutes left out are unknown and change nothing. After a
start: `resume` with the episodes of the stretch that is learned and those that are open, `learn` for each of its
minutes, then `observe` from the next minute on.
"""

from collections.abc import Iterable, Mapping

from streams.attribution import QUARTER_MINUTES, Recent
from streams.budget import shares
from streams.episodes import Change, Episode, Lasting
from streams.open_episodes import OpenEpisodes
from streams.series import COUNTED, Counts, Place, Series, series_of
from streams.spikes import LONGEST_RUN_HOURS, Run
from streams.track import Track

DAY_MINUTES, WEEK_MINUTES = 1_440, 10_080
#: A series of which less is expected is seen in wider series only.
LEAST_EVENTS_PER_WEEK = 20.0


class Watch:
    """All series of an installation; `false_episodes_per_week` is the budget of all of them together."""

    def __init__(self, false_episodes_per_week: float = 1.0) -> None:
        if false_episodes_per_week <= 0:
            raise ValueError(f"expected more than 0 false episodes per week, got {false_episodes_per_week}")
        self._budget = false_episodes_per_week / WEEK_MINUTES
        self._tracks: dict[Series, Track] = {}
        self._by_place: dict[Place, list[list[Track]]] = {}
        self._recent = Recent()
        self._minute: int | None = None
        self._open = OpenEpisodes(self._recent, self._tracks, self._enter)
        self._running: dict[Series, Track] = {}
        self._resumed: list[Lasting] = []
        self._excused: list[Episode] = []
        self._is_judging = False
        self._listened: list[Track] = []
        self._shared_among = (0, 0)

    @property
    def open_episodes(self) -> list[Episode]:
        """The episodes that last, as they are now."""
        return [one.episode for one in self.lasting]

    @property
    def lasting(self) -> list[Lasting]:
        """The same with what it takes to go on with them. It changes with each minute: keep copies."""
        return list(self._open) if self._is_judging else [one for one in self._resumed if one.episode.until is None]

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget at present."""
        found = [track.series for track in self._tracks.values() if track.spikes.false_alarm_probability]
        heard = [t.silence_series for t in self._tracks.values() if t.silence and t.silence.false_alarm_probability]
        return found + heard

    def resume(self, episodes: Iterable[Lasting]) -> None:
        """Before anything is learned: the episodes known from before, over or open.

        What is learned keeps clear of them, and the open ones go on under the same identity without being reported
        again; where their runs are known, they end when they would have ended. Raises ValueError once minutes were
        taken.
        """
        if self._minute is not None:
            raise ValueError("expected to resume before the first minute is learned or observed")
        self._resumed = list(episodes)

    def learn(self, minute: int, counts: Mapping[Place, Counts]) -> None:
        """Take a minute of history (minutes since the epoch, UTC) without judging it. Raises as `observe` does."""
        if self._is_judging:
            raise ValueError("expected to learn before the first minute is observed")
        self._go_to(minute)
        known = (one.episode for one in self._resumed)
        excused = [e for e in known if e.since <= minute and (e.until is None or minute < e.until)]
        if excused != self._excused:
            self._excused = excused
            for track in self._tracks.values():
                track.freeze(minute, any(one.series.overlaps(track.series) for one in excused))
        touched = self._take(minute, counts)
        for track in touched:
            track.pass_zeros(minute)
            track.spikes.learn(minute, track.count)
            track.next_minute = minute + 1
        for track in self._listened:
            if track.silence is not None:
                is_frozen = track.spikes.is_frozen
                track.silence.learn(minute, track.count, track.expected_to_be_heard(minute), is_frozen=is_frozen)
        for track in touched:
            track.count = 0
        self._recent.add(minute, counts)

    def observe(self, minute: int, counts: Mapping[Place, Counts]) -> list[Change]:
        """Judge a minute (since the epoch, UTC) by what it brought; places without counts had none.

        Raises ValueError for a minute that is not later than the last one.
        """
        self._go_to(minute)
        if not self._is_judging:
            self._begin_judging(minute)
        touched = self._take(minute, counts)
        self._recent.add(minute, counts)
        begun: list[tuple[Series, Run]] = []
        waiting = [track for track in self._running.values() if not track.count]
        for track in (*touched, *waiting):
            track.pass_zeros(minute)
            run = track.spikes.observe(minute, track.count)
            track.next_minute = minute + 1
            if run is not None and run.until is None:
                begun.append((track.series, run))
                self._running[track.series] = track
            elif run is not None:
                del self._running[track.series]
        for track in self._listened:
            expected = track.expected_to_be_heard(minute)
            run = track.silence.observe(minute, track.count, expected) if track.silence else None
            if run is not None and run.until is None:
                begun.append((track.silence_series, run))
        for track in touched:
            track.count = 0
        changes = [*self._open.go_on(), *self._open.begin(minute, begun)]
        if changes or minute % 60 == 0:
            self._freeze(minute)
        return changes

    def _go_to(self, minute: int) -> None:
        last = self._minute
        if last is not None and minute <= last:
            raise ValueError(f"expected a minute after {last}, got {minute}")
        self._minute = minute
        if last is None:
            self._recent.turn(minute, {})
            return
        if minute == last + 1 and minute % QUARTER_MINUTES:
            return
        # Minutes that were left out are unknown, not without events.
        for track in self._tracks.values():
            track.pass_zeros(last + 1)
            track.next_minute = minute
        if minute // QUARTER_MINUTES != last // QUARTER_MINUTES:
            self._turn(minute)
        is_new_day = minute // DAY_MINUTES != last // DAY_MINUTES
        # While nothing is judged once a day is enough, for the evidence to begin when it would have begun.
        if is_new_day or (self._is_judging and self._known_counts() != self._shared_among):
            self._share_budget()

    def _turn(self, minute: int) -> None:
        for track in self._tracks.values():
            track.spikes.turn(minute)
            if track.silence is not None:
                track.silence.turn()
        self._recent.turn(minute, {series: track.spikes.expectation.line for series, track in self._tracks.items()})

    def _take(self, minute: int, counts: Mapping[Place, Counts]) -> list[Track]:
        """Add the counts up for every series to which they belong."""
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
                    tracks += [self._track(series, minute) for series in series_of(COUNTED[index], Place(*place))]
                for track in tracks:
                    if not track.count:
                        touched.append(track)
                    track.count += count
        return touched

    def _track(self, series: Series, minute: int) -> Track:
        track = self._tracks.get(series)
        if track is None:
            track = self._tracks[series] = Track(series, minute)
            track.spikes.is_frozen = any(one.series.overlaps(series) for one in self._excused)
        return track

    def _begin_judging(self, minute: int) -> None:
        self._is_judging = True
        self._excused = []
        for one in self._resumed:
            if one.episode.until is None:
                self._open.take_up(one, minute)
        self._resumed = []
        self._share_budget()
        self._freeze(minute)

    def _enter(self, series: Series, run: Run, minute: int) -> Run:
        """Let a series be in a run although it has not alarmed itself, unless it is in one; which one, comes back."""
        track = self._track(series._replace(measure="inflow") if series.measure == "silence" else series, minute)
        detector = track.silence if series.measure == "silence" else track.spikes
        if detector is None:
            return run
        if detector.run is not None:
            return detector.run
        if detector is track.spikes:
            track.pass_zeros(minute)
            self._running[series] = track
        detector.begin(run)
        return run

    def _known_counts(self) -> tuple[int, int]:
        """How many series are known for a day, for a week."""
        known = [track.spikes.expectation for track in self._tracks.values() if track.spikes.expectation.is_known]
        return len(known), sum(one.is_week_known for one in known)

    def _share_budget(self) -> None:
        self._shared_among = self._known_counts()
        judged, heard = [], []
        for track in self._tracks.values():
            expectation = track.spikes.expectation
            if expectation.is_known and 60 * sum(expectation.weekly_rates()) >= LEAST_EVENTS_PER_WEEK:
                judged.append(track.series)
                if track.silence is not None and expectation.is_week_known:
                    heard.append(track.silence_series)
        of = shares([*judged, *heard], self._budget)
        self._listened = [track for track in self._tracks.values() if track.silence is not None]
        for track in self._tracks.values():
            track.spikes.false_alarm_probability = of.get(track.series, 0.0)
            track.spikes.calibrate()
            if track.silence is not None:
                track.silence.false_alarm_probability = of.get(track.silence_series, 0.0)
                track.silence.turn()
                track.silence.calibrate()

    def _freeze(self, minute: int) -> None:
        recent = [e.series for e in self.open_episodes if minute - e.since < LONGEST_RUN_HOURS * 60]
        for track in self._tracks.values():
            track.freeze(minute + 1, any(one.contains(track.series) for one in recent))
