"""The watch over all series of an installation: minute by minute, which episodes begin, get worse, end.

Series are the escalations, the inflow and the shares of each tenant, of its channels, queues and cells, and the silence
of tenants and channels. One budget of false episodes a week is shared by those that are watched (see `tracks`); which
these are is settled at midnight UTC, and when one more becomes known.

One burst is one episode, whichever series alarm, see `open_episodes`; while it is open, the series within it learn
nothing.

Call `observe` once for each minute that is settled, in order; minutes left out are unknown and change nothing. After a
start: `resume` with the episodes of the stretch that is learned and those that are open, `learn` for each of its
minutes, then `observe` from the next minute on.
"""

from collections.abc import Iterable, Mapping

from streams.spikes.attribution import QUARTER_MINUTES, RecentCounts
from streams.spikes.detector import LONGEST_RUN_HOURS, Run
from streams.spikes.episodes import Change, Episode, OngoingEpisode
from streams.spikes.open_episodes import OpenEpisodes
from streams.spikes.series import Counts, Place, Series
from streams.spikes.tracks import AllSeries, MonitoredSeries

DAY_MINUTES, WEEK_MINUTES = 1_440, 10_080


class Watch:
    """All series of an installation; `false_episodes_per_week` is the budget of all of them together."""

    def __init__(self, false_episodes_per_week: float = 1.0) -> None:
        if false_episodes_per_week <= 0:
            raise ValueError(f"expected more than 0 false episodes per week, got {false_episodes_per_week}")
        self._tracks = AllSeries(false_episodes_per_week / WEEK_MINUTES)
        self._recent = RecentCounts()
        self._minute: int | None = None
        self._open = OpenEpisodes(self._recent, self._tracks.by_series, self._enter)
        self._running: dict[Series, MonitoredSeries] = {}
        self._resumed: list[OngoingEpisode] = []
        self._excused: list[Episode] = []
        self._is_judging = False

    @property
    def open_episodes(self) -> list[Episode]:
        """The episodes that last, as they are now."""
        return [one.episode for one in self.lasting]

    @property
    def lasting(self) -> list[OngoingEpisode]:
        """The same with what it takes to go on with them. It changes with each minute: keep copies."""
        return list(self._open) if self._is_judging else [one for one in self._resumed if one.episode.until is None]

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget at present."""
        return self._tracks.watched

    def resume(self, episodes: Iterable[OngoingEpisode]) -> None:
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
            self._tracks.freeze(minute, lambda series: any(one.series.overlaps(series) for one in excused))
        touched = self._tracks.take(minute, counts)
        for track in touched:
            track.pass_zeros(minute)
            track.spikes.learn(minute, track.count)
            track.next_minute = minute + 1
        for track in self._tracks.heard:
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
        touched = self._tracks.take(minute, counts)
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
        for track in self._tracks.heard:
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
        tracks = self._tracks
        tracks.skip(last, minute)
        if minute // QUARTER_MINUTES != last // QUARTER_MINUTES:
            tracks.turn(minute)
            self._recent.turn(minute, {track.series: track.spikes.expectation.line for track in tracks})
        if minute // DAY_MINUTES != last // DAY_MINUTES:
            tracks.share()
        elif self._is_judging:
            # While nothing is judged once a day is enough, for the evidence to begin when it would have begun.
            tracks.share_if_more_are_known()

    def _begin_judging(self, minute: int) -> None:
        self._is_judging = True
        self._excused = []
        for one in self._resumed:
            if one.episode.until is None:
                self._open.take_up(one, minute)
        self._resumed = []
        self._tracks.share()
        self._freeze(minute)

    def _enter(self, series: Series, run: Run, minute: int) -> Run:
        """Let a series be in a run although it has not alarmed itself, unless it is in one; which one, comes back."""
        track = self._tracks.of(series._replace(measure=series.counted_measure), minute)
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

    def _freeze(self, minute: int) -> None:
        recent = [e.series for e in self.open_episodes if minute - e.since < LONGEST_RUN_HOURS * 60]
        self._tracks.freeze(minute + 1, lambda series: any(one.contains(series) for one in recent))
