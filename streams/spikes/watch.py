"""The watch over all series of an installation: which episodes begin, worsen and end, minute by minute.

Series are the escalations, the inflow and the shares of each tenant, of its channels, queues and cells, and the silence
of tenants and channels. Those that are known share one budget of false episodes a week, see `all_series`.

One burst is one episode, whichever series alarm, see `open_episodes`.

Call `observe` once for each complete minute, in order; skipped minutes are unknown and change nothing. After a start:
`resume` with the open episodes, `learn` for each minute of history, then `observe` from the next minute on.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from streams.spikes.all_series import AllSeries
from streams.spikes.attribution import QUARTER_MINUTES, RecentCounts
from streams.spikes.bands import Band
from streams.spikes.calendar import LocalTime
from streams.spikes.calendars import Calendars, SeriesStates
from streams.spikes.detectors import Alarm
from streams.spikes.episodes import Change, Episode, OngoingEpisode
from streams.spikes.negative_binomial import log_likelihood_weights
from streams.spikes.open_episodes import OpenEpisodes
from streams.spikes.runs import LONGEST_HOURS, Run, onset, weights_of_rise
from streams.spikes.series import Counts, Place, Series
from streams.spikes.silence import SILENCE_RATIO
from streams.spikes.windows import HOUR_MINUTES

WEEK_MINUTES = 10_080
#: An onset is looked for so long before the alarm.
ONSET_MINUTES = 120
LONGEST_RUN_MINUTES = LONGEST_HOURS * HOUR_MINUTES


class Watch:
    """All series of an installation; `false_episodes_per_week` is the budget of all of them together.

    Hours and holidays are those of `local_time`, or of the local time of a tenant that has one of its own.
    """

    def __init__(
        self,
        false_episodes_per_week: float = 1.0,
        local_time: LocalTime | None = None,
        of_tenants: Mapping[str, LocalTime] | None = None,
    ) -> None:
        if false_episodes_per_week <= 0:
            raise ValueError(f"expected more than 0 false episodes per week, got {false_episodes_per_week}")
        self._calendars = Calendars(false_episodes_per_week / WEEK_MINUTES, local_time or LocalTime(), of_tenants or {})
        self._recent = RecentCounts()
        self._minute: int | None = None
        self._runs: dict[Series, Run] = {}
        #: Where the last run of a series ended: the next one does not begin before.
        self._ends: dict[Series, int] = {}
        self._open = OpenEpisodes(self._recent, self._calendars.known, self._enter)
        self._resumed: list[OngoingEpisode] = []
        self._is_evaluating = False

    @property
    def open_episodes(self) -> list[Episode]:
        """The open episodes, in their current state."""
        return [ongoing.episode for ongoing in self.lasting]

    @property
    def lasting(self) -> list[OngoingEpisode]:
        """The open episodes with everything needed to continue them. Updated every minute: keep copies."""
        return list(self._open) if self._is_evaluating else self._resumed

    @property
    def watched(self) -> list[Series]:
        """The series that share the budget now."""
        return self._calendars.watched

    @property
    def states(self) -> SeriesStates:
        """How many series are watched, how many are learned first, and how many are silent."""
        return self._calendars.states

    def bands(self) -> list[Band]:
        """Return the expected bands of the last minute. Raises ValueError before the first one."""
        if self._minute is None:
            raise ValueError("expected a minute to be learned or observed before its bands")
        return self._calendars.bands(self._minute)

    def resume(self, episodes: Iterable[OngoingEpisode]) -> None:
        """Take over the episodes known from before; those that are over are ignored.

        Open ones continue under the same identity without being reported again; if their runs are known, they end when
        they would have ended. Raises ValueError once minutes were taken.
        """
        if self._minute is not None:
            raise ValueError("expected to resume before the first minute is learned or observed")
        self._resumed = [ongoing for ongoing in episodes if ongoing.episode.until is None]

    def warm_up(self, minute: int, counts: Mapping[Place, Counts]) -> None:
        """Learn what to expect from a minute of history before those that are learned. Raises as `learn` does.

        What is learned afterwards is then judged by a known week, as it was at the time.
        """
        self._go_to_history(minute)
        self._calendars.take(counts)
        self._calendars.warm_up(minute)

    def learn(self, minute: int, counts: Mapping[Place, Counts]) -> None:
        """Learn from a minute of history (since the epoch, UTC), of which nothing is told. Raises as `observe` does."""
        self._go_to_history(minute)
        self._take(minute, counts)

    def _go_to_history(self, minute: int) -> None:
        if self._is_evaluating:
            raise ValueError("expected to learn before the first minute is observed")
        self._go_to(minute)

    def observe(self, minute: int, counts: Mapping[Place, Counts]) -> list[Change]:
        """Evaluate a minute (since the epoch, UTC) and return the changes; places without counts had no events.

        Raises ValueError for a minute that is not later than the last one.
        """
        self._go_to(minute)
        if not self._is_evaluating:
            self._is_evaluating = True
            self._calendars.share_if_more_are_known()
            for ongoing in self._resumed:
                self._open.resume(ongoing)
            self._resumed = []
        alarms, silent = self._take(minute, counts)
        self._extend_runs(minute)
        begun: list[tuple[Series, Run]] = []
        again: list[Series] = []
        for group, alarm in alarms:
            series = group.series[alarm.series]
            if series in self._runs:
                again.append(series)
            else:
                begun.append((series, self._run(minute, group, alarm)))
        for group, number in silent:
            series = group.series[number]._replace(measure="silence")
            if series not in self._runs:
                begun.append((series, _silent_run(minute, group, number)))
        self._runs.update(begun)
        changes = list(self._open.update())
        worsened = {change.episode.series for change in changes}
        for series in again:
            for change in self._open.rise_again(series):
                if change.episode.series not in worsened:
                    worsened.add(change.episode.series)
                    changes.append(change)
        return [*changes, *self._open.begin(minute, begun)]

    def _go_to(self, minute: int) -> None:
        last = self._minute
        if last is not None and minute <= last:
            raise ValueError(f"expected a minute after {last}, got {minute}")
        self._minute = minute
        if last is not None and minute > last + 1:
            self._calendars.skip(minute)
        elif last is not None and minute % QUARTER_MINUTES:
            return
        self._calendars.turn(minute)
        if self._is_evaluating:
            # While learning, once a day is enough.
            self._calendars.share_if_more_are_known()
        self._recent.turn(minute, dict(self._calendars.lines(minute)))

    def _take(
        self, minute: int, counts: Mapping[Place, Counts]
    ) -> tuple[list[tuple[AllSeries, Alarm]], list[tuple[AllSeries, int]]]:
        self._calendars.take(counts)
        self._recent.add(minute, counts)
        return self._calendars.observe(minute)

    def _extend_runs(self, minute: int) -> None:
        for series, run in list(self._runs.items()):
            group = self._calendars.of(series.tenant)
            number = group.number_of(series._replace(measure=series.counted_measure))
            expected = float(group.spikes.windows.expected(minute, 1)[number])
            dispersion = float(group.spikes.dispersion_of_bins[number])
            is_silence = series.measure == "silence"
            weights = (
                log_likelihood_weights(dispersion, SILENCE_RATIO) if is_silence else weights_of_rise(run, dispersion)
            )
            goes_on = run.extend(minute, int(group.counts[number]), expected, weights, LONGEST_RUN_MINUTES)
            if not goes_on:
                assert run.until is not None
                self._ends[series] = run.until
                del self._runs[series]

    def _run(self, minute: int, group: AllSeries, alarm: Alarm) -> Run:
        """Return the run of an alarm, dated to its onset, with the counts since then."""
        windows = group.spikes.windows
        bins = [float(count) for count in windows.bins(minute, ONSET_MINUTES)[:, alarm.series]]
        first = minute + 1 - ONSET_MINUTES
        before = [float(windows.expected(minute, number)[alarm.series]) for number in range(ONSET_MINUTES, -1, -1)]
        expected = [one - other for one, other in pairwise(before)]
        earliest = min(max(0, self._ends.get(group.series[alarm.series], 0) - first), ONSET_MINUTES - 1)
        begin = onset(bins, expected, earliest, min(max(earliest, alarm.since - first), ONSET_MINUTES - 1))
        return Run(first + begin, minute, int(sum(bins[begin:])), sum(expected[begin:]))

    def _enter(self, series: Series, run: Run) -> Run:
        """Put a series into a run that it has not alarmed for, unless it is in one; return the one that it is in."""
        return self._runs.setdefault(series, run)


def _silent_run(minute: int, group: AllSeries, number: int) -> Run:
    silences = group.silences
    observed, expected = int(silences.observed[number]), float(silences.expected[number])
    return Run(int(silences.since[number]), minute, observed, expected)
