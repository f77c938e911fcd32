"""The episodes that last, and the alarms that join them or begin new ones.

One burst makes a cell, its channel, its queue and the total alarm, and not at the same minute. The first alarm begins
the episode, under the most special series that explains most of the excess; later alarms that this series explains join
it. It ends when all that joined have returned to what is expected.
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
    """An open episode, the run of its own series, and the runs of all series that joined it, its own among them."""

    episode: Episode
    run: Run
    runs: list[SeriesRun]


class OpenEpisodes:
    """Those of a watch. `enter` lets a series be in a run from a minute on although it has not alarmed itself.

    It returns the run that the series is in: another one where it was in one already.
    """

    def __init__(
        self, recent: RecentCounts, tracks: Mapping[Series, MonitoredSeries], enter: Callable[[Series, Run, int], Run]
    ) -> None:
        self._recent = recent
        self._tracks = tracks
        self._enter = enter
        self._open: list[_Open] = []

    def __iter__(self) -> Iterator[OngoingEpisode]:
        return (OngoingEpisode(one.episode, one.runs) for one in self._open)

    def take_up(self, lasting: OngoingEpisode, minute: int) -> None:
        """Let an episode from before go on."""
        episode, runs = lasting
        own = Run(episode.since, episode.detected, episode.observed, episode.expected)
        joined = [
            # One that is over only says when it ended.
            one if one.run.until is not None else SeriesRun(one.series, self._enter(one.series, one.run, minute))
            for one in runs or [SeriesRun(episode.series, own)]
        ]
        main = next(run for series, run in joined if series == episode.series)
        self._open.append(_Open(episode, main, joined))

    def go_on(self) -> Iterable[Change]:
        """Bring the open episodes up to date."""
        for one in list(self._open):
            episode = one.episode
            episode.observed, episode.expected = one.run.observed, one.run.expected
            ends = [run.until for _, run in one.runs if run.until is not None]
            if len(ends) == len(one.runs):
                episode.until = max(ends)
                self._open.remove(one)
                yield Change("ended", replace(episode))
            elif episode.severity != "page" and severity_of(episode.series, episode.ratio) == "page":
                episode.severity = "page"
                yield Change("worsened", replace(episode))

    def begin(self, minute: int, begun: list[tuple[Series, Run]]) -> Iterable[Change]:
        """Let alarms join the open episodes that explain them, or begin new ones, the widest first."""
        begun.sort(key=lambda alarm: (SCOPES.index(alarm[0].scope), alarm[1].expected - alarm[1].observed))
        for series, run in begun:
            for one in self._open:
                main = one.episode.series
                if main.measure == series.measure and self._recent.explains(main, series, run.since):
                    if not any(run is other for _, other in one.runs):
                        one.runs.append(SeriesRun(series, run))
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
            own = next((other for one, other in begun if one == main), None) or known[main].spikes.run
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
