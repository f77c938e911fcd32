"""The open episodes, and the alarms that join them or begin new ones.

One burst raises alarms in a cell, its channel, its queue and the total, not all in the same minute. The first alarm
begins the episode, under the narrowest series that explains most of the excess; later alarms that this series explains
join it. It ends when all series that joined have returned to their expectation.

Episodes of several measures at one place that begin within an hour are one incident: more come, and more escalate.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from streams.spikes.attribution import RecentCounts
from streams.spikes.episodes import Change, Episode, EpisodeKey, OngoingEpisode, SeriesRun, severity_of
from streams.spikes.runs import Run
from streams.spikes.series import COUNTED, Measure, Series

SCOPES = ("all", "channel", "queue", "cell")
MEASURES: tuple[Measure, ...] = (*COUNTED, "silence")
#: Between the onsets of the episodes of one incident, at most.
INCIDENT_MINUTES = 60


class _Open(msgspec.Struct):
    """An open episode, the run of its own series, and the runs of all series that joined it, including its own."""

    episode: Episode
    run: Run
    runs: list[SeriesRun]


class OpenEpisodes:
    """The open episodes of a watch, over the known series.

    `enter` puts a series that has not alarmed into a run, and returns the run that the series is in: another one if it
    was in one already.
    """

    def __init__(self, recent: RecentCounts, known: Mapping[Series, int], enter: Callable[[Series, Run], Run]) -> None:
        self._recent = recent
        self._known = known
        self._enter = enter
        self._open: list[_Open] = []

    def __iter__(self) -> Iterator[OngoingEpisode]:
        return (OngoingEpisode(open_episode.episode, open_episode.runs) for open_episode in self._open)

    def resume(self, lasting: OngoingEpisode) -> None:
        """Resume an episode from before."""
        episode, runs = lasting
        own = Run(episode.since, episode.detected, episode.observed, episode.expected)
        joined = [
            # A finished run only dates the end.
            stored if stored.run.until is not None else SeriesRun(stored.series, self._enter(stored.series, stored.run))
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

    def rise_again(self, series: Series) -> Iterable[Change]:
        """Yield the episode that an alarmed series is already in, as worsened: it rises further."""
        for open_episode in self._open:
            if any(series == other for other, run in open_episode.runs if run.until is None):
                open_episode.episode.severity = "page"
                yield Change("worsened", replace(open_episode.episode))
                return

    def begin(self, minute: int, begun: list[tuple[Series, Run]]) -> Iterable[Change]:
        """Let alarms join the open episodes that explain them, or begin new ones; escalations come first."""
        begun.sort(
            key=lambda alarm: (
                MEASURES.index(alarm[0].measure),
                SCOPES.index(alarm[0].scope),
                alarm[1].expected - alarm[1].observed,
            )
        )
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
        main, main_run = series, run
        if series.measure != "silence":
            main = self._recent.main_series(series, self._known, run.since)
        runs = [SeriesRun(series, run)]
        if main != series:
            observed, expected = self._recent.excess(main, run.since)
            own = next((alarm_run for alarmed, alarm_run in begun if alarmed == main), None)
            main_run = own or self._enter(main, Run(run.since, minute, observed, expected))
            runs.append(SeriesRun(main, main_run))
        contributors = self._recent.contributors(main, self._known, main_run.since)
        episode = Episode(
            main, main_run.since, minute, main_run.observed, main_run.expected,
            severity_of(main, main_run.ratio), contributors,
        )  # fmt: skip
        episode.incident = self._incident(episode)
        self._open.append(_Open(episode, main_run, runs))
        return episode

    def _incident(self, episode: Episode) -> EpisodeKey | None:
        """Return the incident of a new episode: that of an open one of another measure, of its place or one around."""
        for open_episode in self._open:
            other = open_episode.episode
            is_other = "silence" not in (other.series.measure, episode.series.measure)
            if is_other and other.series.measure != episode.series.measure:
                alike = other.series._replace(measure=episode.series.measure)
                is_near = abs(other.since - episode.since) <= INCIDENT_MINUTES
                if is_near and (alike.contains(episode.series) or episode.series.contains(alike)):
                    return other.incident_key
        return None
