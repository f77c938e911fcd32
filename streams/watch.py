"""The watch over all series of an installation: minute by minute, which episodes begin, get worse, end.

Series are the escalations, the inflow and the shares of each tenant, of its channels, queues and cells, and the silence
of tenants and channels. One budget of false episodes a week is shared by those that are watched (see `budget`); which
these are is settled at midnight UTC, and when one more becomes known. A series that is not yet known, or so rare that
nothing could be said of it, is seen in the wider series only.

One burst makes a cell, its channel, its queue and the total alarm, and not at the same minute. It is one episode: the
first alarm begins it, under the most special series that explains most of the excess, and later alarms that this series
explains join it. It ends when all that joined have returned to what is expected. While it is open, the series within
it learn nothing.

Call `observe` once for each minute that is settled, in order; minutes left out are unknown and change nothing. After a
start: `resume` with the episodes of the stretch that is learned and those that are open, `learn` for each of its
minutes, then `observe` from the next minute on.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from streams.attribution import QUARTER_MINUTES, Recent
from streams.budget import shares
from streams.episodes import Change, Episode, severity_of
from streams.series import COUNTED, Counts, Place, Series, series_of
from streams.silence import SilenceDetector
from streams.spikes import LONGEST_RUN_HOURS, Run, SpikeDetector

DAY_MINUTES, WEEK_MINUTES = 1_440, 10_080
#: A series of which less is expected is seen in wider series only.
LEAST_EVENTS_PER_WEEK = 20.0
SCOPES = ("all", "channel", "queue", "cell")


class _Track:
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

    def freeze(self, minute: int, is_frozen: bool) -> None:
        if self.spikes.is_frozen != is_frozen:
            self.pass_zeros(minute)
            self.spikes.is_frozen = is_frozen


class _Open(msgspec.Struct):
    """An open episode, the run of its own series, and the runs of all series that joined it."""

    episode: Episode
    run: Run
    runs: list[Run]


class Watch:
    """All series of an installation; `false_episodes_per_week` is the budget of all of them together."""

    def __init__(self, false_episodes_per_week: float = 1.0) -> None:
        if false_episodes_per_week <= 0:
            raise ValueError(f"expected more than 0 false episodes per week, got {false_episodes_per_week}")
        self._budget = false_episodes_per_week / WEEK_MINUTES
        self._tracks: dict[Series, _Track] = {}
        self._by_place: dict[Place, list[list[_Track]]] = {}
        self._recent = Recent()
        self._minute: int | None = None
        self._open: list[_Open] = []
        self._running: dict[Series, _Track] = {}
        self._resumed: list[Episode] = []
        self._excused: list[Episode] = []
        self._is_judging = False
        self._listened: list[_Track] = []
        self._shared_among = (0, 0)

    @property
    def open_episodes(self) -> list[Episode]:
        """The episodes that last, as they are now."""
        return (
            [one.episode for one in self._open] if self._is_judging else [e for e in self._resumed if e.until is None]
        )

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget at present."""
        found = [track.series for track in self._tracks.values() if track.spikes.false_alarm_probability]
        heard = [t.silence_series for t in self._tracks.values() if t.silence and t.silence.false_alarm_probability]
        return found + heard

    def resume(self, episodes: Iterable[Episode]) -> None:
        """Before anything is learned: the episodes known from before, over or open.

        What is learned keeps clear of them, and the open ones go on under the same identity without being reported
        again. Raises ValueError once minutes were taken.
        """
        if self._minute is not None:
            raise ValueError("expected to resume before the first minute is learned or observed")
        self._resumed = list(episodes)

    def learn(self, minute: int, counts: Mapping[Place, Counts]) -> None:
        """Take a minute of history (minutes since the epoch, UTC) without judging it. Raises as `observe` does."""
        if self._is_judging:
            raise ValueError("expected to learn before the first minute is observed")
        self._go_to(minute)
        excused = [e for e in self._resumed if e.since <= minute and (e.until is None or minute < e.until)]
        if excused != self._excused:
            self._excused = excused
            for track in self._tracks.values():
                track.freeze(minute, any(one.series.overlaps(track.series) for one in excused))
        for track in self._take(minute, counts):
            track.pass_zeros(minute)
            track.spikes.learn(minute, track.count)
            track.next_minute = minute + 1
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
            # A night in which nothing was ever seen leans on days: that does not make it a silence.
            expected = track.spikes.expectation.expected(minute) * track.spikes.expectation.seen_ratio
            run = track.silence.observe(minute, track.count, expected) if track.silence else None
            if run is not None and run.until is None:
                begun.append((track.silence_series, run))
        for track in touched:
            track.count = 0
        changes = [*self._go_on(), *self._begin(minute, begun)]
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
        if self._is_judging and (is_new_day or self._known_counts() != self._shared_among):
            self._share_budget()

    def _turn(self, minute: int) -> None:
        for track in self._tracks.values():
            track.spikes.turn(minute)
            if track.silence is not None:
                track.silence.turn()
        self._recent.turn(minute, {series: track.spikes.expectation.line for series, track in self._tracks.items()})

    def _take(self, minute: int, counts: Mapping[Place, Counts]) -> list[_Track]:
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

    def _track(self, series: Series, minute: int) -> _Track:
        track = self._tracks.get(series)
        if track is None:
            track = self._tracks[series] = _Track(series, minute)
            track.spikes.is_frozen = any(one.series.overlaps(series) for one in self._excused)
        return track

    def _begin_judging(self, minute: int) -> None:
        self._is_judging = True
        self._excused = []
        for episode in self._resumed:
            if episode.until is None:
                run = Run(episode.since, episode.detected, episode.observed, episode.expected)
                self._enter(episode.series, run, minute)
                self._open.append(_Open(episode, run, [run]))
        self._resumed = []
        self._share_budget()
        self._freeze(minute)

    def _enter(self, series: Series, run: Run, minute: int) -> None:
        """Let a series be in a run although it has not alarmed itself."""
        track = self._track(series._replace(measure="inflow") if series.measure == "silence" else series, minute)
        if series.measure == "silence":
            if track.silence is not None:
                track.silence.begin(run)
        else:
            track.pass_zeros(minute)
            track.spikes.begin(run)
            self._running[series] = track

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

    def _go_on(self) -> Iterable[Change]:
        """Bring the open episodes up to date."""
        for one in list(self._open):
            episode = one.episode
            episode.observed, episode.expected = one.run.observed, one.run.expected
            ends = [run.until for run in one.runs if run.until is not None]
            if len(ends) == len(one.runs):
                episode.until = max(ends)
                self._open.remove(one)
                yield Change("ended", replace(episode))
            elif episode.severity != "page" and severity_of(episode.series, episode.ratio) == "page":
                episode.severity = "page"
                yield Change("worsened", replace(episode))

    def _begin(self, minute: int, begun: list[tuple[Series, Run]]) -> Iterable[Change]:
        """Let alarms join the open episodes that explain them, or begin new ones, the widest first."""
        begun.sort(key=lambda alarm: (SCOPES.index(alarm[0].scope), alarm[1].expected - alarm[1].observed))
        for series, run in begun:
            for one in self._open:
                main = one.episode.series
                if main.measure == series.measure and self._recent.explains(main, series, run.since):
                    if not any(run is other for other in one.runs):
                        one.runs.append(run)
                    break
            else:
                yield Change("began", replace(self._episode(minute, series, run, begun)))

    def _episode(self, minute: int, series: Series, run: Run, begun: Collection[tuple[Series, Run]]) -> Episode:
        known = self._tracks
        main, main_run = series, run
        if series.measure != "silence":
            candidates = [s for s, track in known.items() if track.spikes.expectation.expected(minute) > 0]
            main = self._recent.main_series(series, candidates, run.since)
        runs = [run]
        if main != series:
            observed, expected = self._recent.excess(main, run.since)
            own = next((other for one, other in begun if one == main), None) or known[main].spikes.run
            main_run = own or Run(run.since, minute, observed, expected)
            runs.append(main_run)
            if own is None:
                self._enter(main, main_run, minute + 1)
        contributors = self._recent.contributors(main, known, main_run.since)
        episode = Episode(
            main, main_run.since, minute, main_run.observed, main_run.expected,
            severity_of(main, main_run.ratio), contributors,
        )  # fmt: skip
        self._open.append(_Open(episode, main_run, runs))
        return episode

    def _freeze(self, minute: int) -> None:
        recent = [e.series for e in self.open_episodes if minute - e.since < LONGEST_RUN_HOURS * 60]
        for track in self._tracks.values():
            track.freeze(minute + 1, any(one.contains(track.series) for one in recent))
