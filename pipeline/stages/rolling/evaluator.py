"""Evaluation of passed minutes, in order: detect spikes, store episodes, publish alerts, write rolling windows.

For each stretch of minutes: the episodes in one insert, then the alerts, acknowledged by Kafka, and the expected bands
of the last minutes. Then, possibly several stretches later, the rolling windows and the checkpoint. After a crash,
stretches whose episodes are not stored are evaluated again; alerts and windows after the checkpoint are published and
written again, under the same identity.
What is long past is stored and not announced, see `streams.spikes.announcements`.
Baselines, and evidence for spikes that have not alarmed yet, are learned again from the panes at each start, which
takes seconds. Evidence for the end of an episode is stored with the episode.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from pipeline.contract.alerts import alert, summary
from pipeline.contract.records import Message
from pipeline.errors import FencedError, PublishError, RetryableError
from pipeline.kafka.producer import Publisher
from pipeline.retry import retry, retry_in_thread
from pipeline.stages.rolling.store import Minutes, RollingStore, StoredEpisode
from streams.spikes.announcements import Announcements, NoticedChange
from streams.spikes.bands import Band
from streams.spikes.calendar import LocalTime
from streams.spikes.calendars import SeriesStates
from streams.spikes.episodes import Change, Episode, EpisodeKey, OngoingEpisode
from streams.spikes.series import Counts, Place
from streams.spikes.watch import Watch

logger = logging.getLogger(__name__)

DAY_MINUTES = 1_440
#: The detectors remember 28 days, judged by what was known of the week before.
LEARNED_DAYS, WARM_UP_DAYS = 28, 14
#: Minutes evaluated together, between two checkpoints.
STRETCH_MINUTES = 240
#: A longer gap without any count means that the log begins anew, not that all series are silent.
UNKNOWN_AFTER_MINUTES = 7 * DAY_MINUTES
#: Windows are written for each minute, unless more than this many have passed at once (a replay): then for the last.
EACH_MINUTE_UP_TO = 60


class SpikeEvaluator:
    """The evaluation of one log. Requires `restore` first; no two methods may run concurrently.

    `evaluated_minute` is the last minute evaluated, `checkpoint_minute` the last one whose windows are written.
    `on_failure` is called after each failed insert, which is then retried.
    """

    def __init__(
        self,
        store: RollingStore,
        publisher: Publisher,
        alerts_topic: str,
        log: str,
        false_episodes_per_week: float,
        local_time: LocalTime | None = None,
        of_tenants: Mapping[str, LocalTime] | None = None,
        on_failure: Callable[[], None] = lambda: None,
        now_minute: Callable[[], int] = lambda: int(time.time()) // 60,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._alerts_topic = alerts_topic
        self._log = log
        self._where = f"{log}: rolling"
        self._new_watch = partial(Watch, false_episodes_per_week, local_time, of_tenants)
        self._watch = self._new_watch()
        self.checkpoint_minute = 0
        self._worsened: dict[EpisodeKey, int | None] = {}
        self._announcements = Announcements({}, ())
        self._now_minute = now_minute
        self.evaluated_minute = 0
        self._on_failure = on_failure

    @property
    def open_episodes(self) -> Sequence[Episode]:
        """The announced episodes that have not ended."""
        return [episode for episode in self._watch.open_episodes if self._announcements.told(episode.key) is not None]

    @property
    def states(self) -> SeriesStates:
        """How many series are watched, how many are learned first, and how many are silent."""
        return self._watch.states

    async def restore(self) -> None:
        """Restore the state at the checkpoint: resume open episodes, learn from panes, repeat alerts after it."""
        started_at = time.monotonic()
        stored_minute = await retry_in_thread(self._where, self._store.evaluated_minute)
        self.checkpoint_minute = stored_minute or 0
        stored = await retry_in_thread(
            self._where, self._store.episodes, self.checkpoint_minute - LEARNED_DAYS * DAY_MINUTES
        )
        self.evaluated_minute = max(self.checkpoint_minute, *(episode.revision for episode in stored), 0)
        self._watch.resume([episode.lasting for episode in stored])
        self._worsened = {episode.lasting.episode.key: episode.worsened for episode in stored}
        told = {episode.lasting.episode.key: episode.told for episode in stored if episode.told is not None}
        self._announcements = Announcements(told, [episode.lasting.episode for episode in stored])
        self._announcements.forget_all_but(self._watch.open_episodes)
        await self._learn_days()
        await self._alert([change for episode in stored for change in changes_after(episode, self.checkpoint_minute)])
        logger.info(
            "%s: resumes at minute %d, %d episodes open, after %.2f s",
            self._where,
            self.evaluated_minute,
            len(self._watch.open_episodes),
            time.monotonic() - started_at,
        )

    async def evaluate(self, last_minute: int) -> None:
        """Evaluate all minutes up to `last_minute`, which must have passed, and publish their alerts.

        Raises FencedError if another process has evaluated further.
        """
        while self.evaluated_minute < last_minute:
            first = self.evaluated_minute + 1
            last = min(last_minute, first + STRETCH_MINUTES - 1)
            counts = await retry_in_thread(self._where, self._store.counts, first, last + 1)
            resumed = first if counts else await self._after_gap(first, last_minute)
            if resumed > first:
                # Baselines from before a gap this long say nothing about what follows it.
                lasting, self._watch = self._watch.lasting, self._new_watch()
                self._watch.resume(lasting)
                if self.checkpoint_minute == self.evaluated_minute and not lasting:
                    # All windows are written, so a restart from here has nothing to learn or to publish again.
                    await retry_in_thread(self._where, self._store.commit, resumed - 1, on_failure=self._on_failure)
                    self.checkpoint_minute = resumed - 1
                self.evaluated_minute = resumed - 1
            else:
                await self._evaluate(first, last, counts, last_minute - EACH_MINUTE_UP_TO)

    async def write_windows_towards(self, goal: int) -> None:
        """Write the next windows after the checkpoint, not beyond the evaluated minute `goal`, and the checkpoint."""
        minute = next_window(self.checkpoint_minute, goal)
        await retry_in_thread(self._where, self._store.write_windows, minute, on_failure=self._on_failure)
        await retry_in_thread(self._where, self._store.commit, minute, on_failure=self._on_failure)
        self.checkpoint_minute = minute

    async def _after_gap(self, first: int, last: int) -> int:
        """Return the next minute with counts if it lies more than `UNKNOWN_AFTER_MINUTES` ahead, else `first`."""
        next_minute = await retry_in_thread(self._where, self._store.next_minute, first)
        following = last + 1 if next_minute is None else min(next_minute, last + 1)
        return following if following - first > UNKNOWN_AFTER_MINUTES else first

    async def _evaluate(self, first: int, last: int, counts: Minutes, bands_after: int) -> None:
        noticed, bands = await asyncio.to_thread(self._observe, first, last, counts, bands_after)
        await self._check_not_fenced()
        announced = list(self._announcements.announce(noticed, self._watch.open_episodes, last, self._now_minute()))
        episodes = [OngoingEpisode(change.episode) for _, change in noticed] + self._watch.lasting
        newest = {ongoing.episode.key: ongoing for ongoing in episodes}
        if newest:
            rows = [
                StoredEpisode(ongoing, self._worsened.get(key), self._announcements.told(key), last)
                for key, ongoing in newest.items()
            ]
            await retry_in_thread(self._where, self._store.write_episodes, rows, on_failure=self._on_failure)
        self.evaluated_minute = last
        await self._alert(announced)
        if bands:
            await retry_in_thread(self._where, self._store.write_bands, bands, on_failure=self._on_failure)
        self._announcements.forget_all_but(self._watch.open_episodes)
        for _, change in noticed:
            if change.kind == "ended":
                self._worsened.pop(change.episode.key, None)

    def _observe(
        self, first: int, last: int, counts: Minutes, bands_after: int
    ) -> tuple[list[NoticedChange], dict[int, list[Band]]]:
        noticed, bands = [], {}
        for minute in range(first, last + 1):
            for change in self._watch.observe(minute, counts.get(minute, {})):
                noticed.append(NoticedChange(minute, change))
                if change.kind == "worsened":
                    self._worsened[change.episode.key] = minute
            if minute > bands_after and (of_minute := self._watch.bands()):
                bands[minute] = of_minute
        return noticed, bands

    async def _learn_days(self) -> None:
        learned_from = max(0, self.evaluated_minute - LEARNED_DAYS * DAY_MINUTES)
        for first in range(max(0, learned_from - WARM_UP_DAYS * DAY_MINUTES), self.evaluated_minute + 1, DAY_MINUTES):
            end = min(first + DAY_MINUTES, self.evaluated_minute + 1)
            counts = await retry_in_thread(self._where, self._store.counts, first, end)
            if counts:
                take = self._watch.warm_up if first < learned_from else self._watch.learn
                await asyncio.to_thread(_take_all, take, range(first, end), counts)

    async def _check_not_fenced(self) -> None:
        stored = await retry_in_thread(self._where, self._store.evaluated_minute)
        if stored is not None and stored > self.checkpoint_minute:
            raise FencedError(
                f"{self._where}: expected the checkpoint at minute {self.checkpoint_minute}, found {stored}"
            )

    async def _alert(self, changes: Sequence[Change]) -> None:
        for change in changes:
            severity = change.episode.severity
            logger.warning("%s: a spike %s (%s): %s", self._where, change.kind, severity, summary(change.episode))
        messages = [alert(self._log, change) for change in changes]
        if messages:
            await retry(self._where, self._publish, messages)

    async def _publish(self, messages: Sequence[Message]) -> None:
        try:
            await self._publisher.publish(self._alerts_topic, messages)
        except PublishError as error:
            raise RetryableError(str(error)) from error


def _take_all(take: Callable[[int, Mapping[Place, Counts]], None], minutes: range, counts: Minutes) -> None:
    for minute in minutes:
        take(minute, counts.get(minute, {}))


def changes_after(stored: StoredEpisode, checkpoint: int) -> Iterator[Change]:
    """Yield the announced changes of an episode after the checkpoint, which may or may not have been published."""
    (episode, _), worsened, told, revision = stored
    if told is None:
        return
    if told > checkpoint:
        yield Change("began", episode)
    if worsened is not None and worsened > max(checkpoint, told):
        yield Change("worsened", episode)
    if episode.until is not None and revision > checkpoint:
        yield Change("ended", episode)


def next_window(before: int, last: int) -> int:
    """Return the minute in `(before, last]` with which the next rolling windows to be written end."""
    return last if last - before > EACH_MINUTE_UP_TO else before + 1
