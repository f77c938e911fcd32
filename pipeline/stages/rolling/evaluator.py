"""Minutes that have passed, one after the other: judged, written, told.

After a stretch of minutes: their episodes in one insert, then their alerts acknowledged by Kafka. Then, which may be
some stretches later, the rolling windows and the checkpoint. Killed in between, the same stretches are judged again or,
where their episodes are written already, gone on from; alerts and windows behind the checkpoint are sent and written
again, under the same identity.
What is expected, and what speaks for a spike that has not alarmed yet, is learned anew from the panes at each start:
that takes seconds. What speaks for the end of an episode is written with it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence

from pipeline.contract.alerts import alert, summary
from pipeline.contract.records import Message
from pipeline.errors import FencedError, PublishError, RetryableError
from pipeline.kafka.producer import Publisher
from pipeline.retry import retry, retry_in_thread
from pipeline.stages.rolling.store import Minutes, RollingStore, StoredEpisode
from streams.spikes.episodes import Change, Episode, OngoingEpisode
from streams.spikes.series import Series
from streams.spikes.watch import Watch

logger = logging.getLogger(__name__)

DAY_MINUTES = 1_440
LEARNED_DAYS = 28
#: Judged at once, between two checkpoints.
STRETCH_MINUTES = 240
#: This long without anything counted is no silence, but a log that begins again.
UNKNOWN_AFTER_MINUTES = 7 * DAY_MINUTES
#: Windows are written for each minute; where more have passed at once, as in a replay, for the last one.
EACH_MINUTE_UP_TO = 60


class SpikeEvaluator:
    """Stage 2 of one log at a checkpoint. `restore` first; all methods one at a time.

    `evaluated_minute` is the last one judged, `checkpoint_minute` the checkpoint: the last one whose windows are
    written. `on_failure` is called after each insert that ClickHouse did not take; it is tried again.
    """

    def __init__(
        self,
        store: RollingStore,
        publisher: Publisher,
        alerts_topic: str,
        log: str,
        false_episodes_per_week: float,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._alerts_topic = alerts_topic
        self._log = log
        self._where = f"{log}: rolling"
        self._false_episodes_per_week = false_episodes_per_week
        self._watch = Watch(false_episodes_per_week)
        self.checkpoint_minute = 0
        self._worsened: dict[tuple[Series, int], int | None] = {}
        self.evaluated_minute = 0
        self._on_failure = on_failure

    @property
    def open_episodes(self) -> Sequence[Episode]:
        """Those that last."""
        return self._watch.open_episodes

    async def restore(self) -> None:
        """Come to the state at the checkpoint: learn from the panes, take up the open episodes, tell again."""
        started_at = time.monotonic()
        found = await retry_in_thread(self._where, self._store.evaluated_minute)
        self.checkpoint_minute = found or 0
        stored = await retry_in_thread(
            self._where, self._store.episodes, self.checkpoint_minute - LEARNED_DAYS * DAY_MINUTES
        )
        self.evaluated_minute = max(self.checkpoint_minute, *(one.revision for one in stored), 0)
        self._watch.resume([one.lasting for one in stored])
        self._worsened = {_identity(one.lasting.episode): one.worsened for one in stored}
        await self._learn(max(0, self.evaluated_minute - LEARNED_DAYS * DAY_MINUTES))
        await self._tell([change for one in stored for change in untold(one, self.checkpoint_minute)])
        logger.info(
            "%s: goes on at minute %d, %d episodes open, after %.2f s",
            self._where,
            self.evaluated_minute,
            len(self._watch.open_episodes),
            time.monotonic() - started_at,
        )

    async def evaluate(self, last_minute: int) -> None:
        """Judge all minutes up to one that has passed, and tell what they bring.

        Raises FencedError when another process has judged further.
        """
        while self.evaluated_minute < last_minute:
            first = self.evaluated_minute + 1
            last = min(last_minute, first + STRETCH_MINUTES - 1)
            counts = await retry_in_thread(self._where, self._store.counts, first, last + 1)
            begins_again = first if counts else await self._begins_again(first, last_minute)
            if begins_again > first:
                # What was usual before a very long time without anything says nothing of what comes after it.
                lasting, self._watch = self._watch.lasting, Watch(self._false_episodes_per_week)
                self._watch.resume(lasting)
                if self.checkpoint_minute == self.evaluated_minute and not lasting:
                    # Nothing waits for its windows: a start from here has nothing to learn and to tell of again.
                    await retry_in_thread(
                        self._where, self._store.commit, begins_again - 1, on_failure=self._on_failure
                    )
                    self.checkpoint_minute = begins_again - 1
                self.evaluated_minute = begins_again - 1
            else:
                await self._judge(first, last, counts)

    async def write_windows_towards(self, goal: int) -> None:
        """Write the next windows up to those of a minute that is judged and not settled, and the checkpoint."""
        minute = next_window(self.checkpoint_minute, goal)
        await retry_in_thread(self._where, self._store.write_windows, minute, on_failure=self._on_failure)
        await retry_in_thread(self._where, self._store.commit, minute, on_failure=self._on_failure)
        self.checkpoint_minute = minute

    async def _begins_again(self, first: int, last: int) -> int:
        """Where to go on from a minute without anything: there, or where something comes after a very long time."""
        found = await retry_in_thread(self._where, self._store.next_minute, first)
        following = last + 1 if found is None else min(found, last + 1)
        return following if following - first > UNKNOWN_AFTER_MINUTES else first

    async def _judge(self, first: int, last: int, counts: Minutes) -> None:
        changes = await asyncio.to_thread(self._observe, first, last, counts)
        await self._look_for_others()
        episodes = [OngoingEpisode(change.episode) for change in changes] + self._watch.lasting
        newest = {_identity(one.episode): one for one in episodes}
        if newest:
            rows = [StoredEpisode(one, self._worsened.get(key), last) for key, one in newest.items()]
            await retry_in_thread(self._where, self._store.write_episodes, rows, on_failure=self._on_failure)
        self.evaluated_minute = last
        await self._tell(changes)
        for change in changes:
            if change.kind == "ended":
                self._worsened.pop(_identity(change.episode), None)

    def _observe(self, first: int, last: int, counts: Minutes) -> list[Change]:
        changes = []
        for minute in range(first, last + 1):
            for change in self._watch.observe(minute, counts.get(minute, {})):
                changes.append(change)
                if change.kind == "worsened":
                    self._worsened[_identity(change.episode)] = minute
        return changes

    async def _learn(self, from_minute: int) -> None:
        for first in range(from_minute, self.evaluated_minute + 1, DAY_MINUTES):
            end = min(first + DAY_MINUTES, self.evaluated_minute + 1)
            counts = await retry_in_thread(self._where, self._store.counts, first, end)
            if counts:
                await asyncio.to_thread(self._learn_minutes, first, end, counts)

    def _learn_minutes(self, first: int, end: int, counts: Minutes) -> None:
        for minute in range(first, end):
            self._watch.learn(minute, counts.get(minute, {}))

    async def _look_for_others(self) -> None:
        found = await retry_in_thread(self._where, self._store.evaluated_minute)
        if found is not None and found > self.checkpoint_minute:
            raise FencedError(f"{self._where}: minute {found} is judged, our own last one was {self.checkpoint_minute}")

    async def _tell(self, changes: Sequence[Change]) -> None:
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


def _identity(episode: Episode) -> tuple[Series, int]:
    return episode.series, episode.since


def untold(stored: StoredEpisode, checkpoint: int) -> Iterator[Change]:
    """What happened to an episode behind the checkpoint: nobody knows whether its alerts went out."""
    (episode, _), worsened, revision = stored
    if episode.detected > checkpoint:
        yield Change("began", episode)
    if worsened is not None and worsened > checkpoint:
        yield Change("worsened", episode)
    if episode.until is not None and revision > checkpoint:
        yield Change("ended", episode)


def next_window(before: int, last: int) -> int:
    """With which minute behind `before` and up to `last` the next rolling windows end that are written."""
    return last if last - before > EACH_MINUTE_UP_TO else before + 1
