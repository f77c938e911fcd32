"""The open episodes, and the alarms that join them or begin new ones.

One burst raises alarms in a cell, its channel, its queue and the total, not all in the same minute. The first alarm
begins the episode, under the narrowest series that explains most of the excess; later alarms that this series explains
join it. It ends when all series that joined have returned to their expectation.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from streams.spikes.attribution import RecentCounts
from streams.spikes.detector import Run
from streams.spikes.episodes import Change, Episode, OngoingEpisode, SeriesRun, severity_of
from streams.spikes.series import Series
from streams.spikes.tracks import MonitoredSeries

SCOPES = ("all", "channel", "queue", "cell")


class _Open(msgspec.Struct):
    """An open episode, the run of its own series, and the runs of all series that joined it, including its own."""

    episode: Episode
    run: Run
    runs: list[SeriesRun]


class OpenEpisodes:
    """The open episodes of a watch. `enter` puts a series that has not alarmed into a run, from a minute on.

    It returns the run that the series is in: another one if it was in one already.
    """

    def __init__(
        self, recent: RecentCounts, tracks: Mapping[Series, MonitoredSeries], enter: Callable[[Series, Run, int], Run]
    ) -> None:
        self._recent = recent
        self._tracks = tracks
        self._enter = enter
        self._open: list[_Open] = []

    def __iter__(self) -> Iterator[OngoingEpisode]:
        return (OngoingEpisode(open_episode.episode, open_episode.runs) for open_episode in self._open)

    def resume(self, lasting: OngoingEpisode, minute: int) -> None:
        """Resume an episode from before."""
        episode, runs = lasting
        own = Run(episode.since, episode.detected, episode.observed, episode.expected)
        joined = [
            # A finished run only dates the end.
            stored
            if stored.run.until is not None
            else SeriesRun(stored.series, self._enter(stored.series, stored.run, minute))
            for stored in runs or [SeriesRun(episode.series, own)]
        ]
        main = next(run for series, run in joined if series == episode.series)
        self._open.append(_Open(episode, main, joined))

    def update(self) -> Iterable[Change]:
        """Update the open episodes, and yield those that worsened or ended."""
        for open_episode in list(self._open):
            episode = open_episode.episode
            episode.observed, episode.expected = open_episode.run.observed, open_episode.run.expected
            ends = [run.until for _, run in open_episode.runs if run.until is not None]
            if len(ends) == len(open_episode.runs):
                episode.until = max(ends)
                self._open.remove(open_episode)
                yield Change("ended", replace(episode))
            elif episode.severity != "page" and severity_of(episode.series, episode.ratio) == "page":
                episode.severity = "page"
                yield Change("worsened", replace(episode))

    def begin(self, minute: int, begun: list[tuple[Series, Run]]) -> Iterable[Change]:
        """Let alarms join the open episodes that explain them, or begin new ones, the widest series first."""
        begun.sort(key=lambda alarm: (SCOPES.index(alarm[0].scope), alarm[1].expected - alarm[1].observed))
        for series, run in begun:
            for open_episode in self._open:
                main = open_episode.episode.series
                if main.measure == series.measure and self._recent.explains(main, series, run.since):
                    if not any(run is other for _, other in open_episode.runs):
                        open_episode.runs.append(SeriesRun(series, run))
                    break
            else:
                yield Change("began", replace(self._episode(minute, series, run, begun)))

    def _episode(self, minute: int, series: Series, run: Run, begun: Collection[tuple[Series, Run]]) -> Episode:
        known = self._tracks
        main, main_run = series, run
        if series.measure != "silence":
            candidates = [s for s, track in known.items() if track.spikes.expectation.expected(minute) > 0]
            main = self._recent.main_series(series, candidates, run.since)
        runs = [SeriesRun(series, run)]
        if main != series:
            observed, expected = self._recent.excess(main, run.since)
            own = next((alarm_run for alarmed, alarm_run in begun if alarmed == main), None) or known[main].spikes.run
            main_run = own or Run(run.since, minute, observed, expected)
            runs.append(SeriesRun(main, main_run))
            if own is None:
                self._enter(main, main_run, minute + 1)
        contributors = self._recent.contributors(main, known, main_run.since)
        episode = Episode(
            main, main_run.since, minute, main_run.observed, main_run.expected,
            severity_of(main, main_run.ratio), contributors,
        )  # fmt: skip
        self._open.append(_Open(episode, main_run, runs))
        return episode
