"""The watch over all series of an installation: which episodes begin, worsen and end, minute by minute.

Series are the escalations, the inflow and the shares of each tenant, of its channels, queues and cells, and the silence
of tenants and channels. Those that are watched share one budget of false episodes a week (see `tracks`); they are
determined at midnight UTC, and when another one becomes known.

One burst is one episode, whichever series alarm, see `open_episodes`; while it is open, the series within it learn
nothing.

Call `observe` once for each complete minute, in order; skipped minutes are unknown and change nothing. After a start:
`resume` with the episodes of the period to learn and the open ones, `learn` for each of its minutes, then `observe`
from the next minute on.
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
        self._excluded: list[Episode] = []
        self._is_evaluating = False

    @property
    def open_episodes(self) -> list[Episode]:
        """The open episodes, in their current state."""
        return [ongoing.episode for ongoing in self.lasting]

    @property
    def lasting(self) -> list[OngoingEpisode]:
        """The open episodes with everything needed to continue them. Updated every minute: keep copies."""
        if self._is_evaluating:
            return list(self._open)
        return [known for known in self._resumed if known.episode.until is None]

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget now."""
        return self._tracks.watched

    def resume(self, episodes: Iterable[OngoingEpisode]) -> None:
        """Take over the episodes known from before, finished or open, before anything is learned.

        Nothing is learned from their minutes. Open ones continue under the same identity without being reported again;
        if their runs are known, they end when they would have ended. Raises ValueError once minutes were taken.
        """
        if self._minute is not None:
            raise ValueError("expected to resume before the first minute is learned or observed")
        self._resumed = list(episodes)

    def learn(self, minute: int, counts: Mapping[Place, Counts]) -> None:
        """Learn from a minute of history (since the epoch, UTC) without evaluating it. Raises as `observe` does."""
        if self._is_evaluating:
            raise ValueError("expected to learn before the first minute is observed")
        self._go_to(minute)
        known = (resumed.episode for resumed in self._resumed)
        excluded = [e for e in known if e.since <= minute and (e.until is None or minute < e.until)]
        if excluded != self._excluded:
            self._excluded = excluded
            self._tracks.freeze(minute, lambda series: any(episode.series.overlaps(series) for episode in excluded))
        touched = self._tracks.take(minute, counts)
        for track in touched:
            track.pass_zeros(minute)
            track.spikes.learn(minute, track.count)
            track.next_minute = minute + 1
        for track in self._tracks.with_silence_detector:
            if track.silence is not None:
                is_frozen = track.spikes.is_frozen
                track.silence.learn(minute, track.count, track.expected_for_silence(minute), is_frozen=is_frozen)
        for track in touched:
            track.count = 0
        self._recent.add(minute, counts)

    def observe(self, minute: int, counts: Mapping[Place, Counts]) -> list[Change]:
        """Evaluate a minute (since the epoch, UTC) and return the changes; places without counts had no events.

        Raises ValueError for a minute that is not later than the last one.
        """
        self._go_to(minute)
        if not self._is_evaluating:
            self._begin_evaluating(minute)
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
        for track in self._tracks.with_silence_detector:
            expected = track.expected_for_silence(minute)
            run = track.silence.observe(minute, track.count, expected) if track.silence else None
            if run is not None and run.until is None:
                begun.append((track.silence_series, run))
        for track in touched:
            track.count = 0
        changes = [*self._open.update(), *self._open.begin(minute, begun)]
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
        elif self._is_evaluating:
            # While learning, once a day is enough for the evidence to begin when it would have begun.
            tracks.share_if_more_are_known()

    def _begin_evaluating(self, minute: int) -> None:
        self._is_evaluating = True
        self._excluded = []
        for ongoing in self._resumed:
            if ongoing.episode.until is None:
                self._open.resume(ongoing, minute)
        self._resumed = []
        self._tracks.share()
        self._freeze(minute)

    def _enter(self, series: Series, run: Run, minute: int) -> Run:
        """Put a series into a run that it has not alarmed for, unless it is in one; return the one that it is in."""
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
        self._tracks.freeze(minute + 1, lambda series: any(wider.contains(series) for wider in recent))
