"""Stage 2 of a worker process: hears the heartbeats of stage 1, and judges each minute once it has passed everywhere.

One process of the group has the topic's only partition. It keeps nothing in Kafka: at an assignment it listens from the
topic's end on, since every partition says each second how far it is.
Minutes are judged at once. The rolling windows take ClickHouse half a second of work each: while a partition is behind,
they wait for a while, so that the backlog is worked off first.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.clickhouse.client import connect
from pipeline.errors import FencedError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.consumer import GroupConsumer
from pipeline.kafka.producer import Publisher
from pipeline.metrics.rolling import RollingMetrics
from pipeline.retry import retry_in_thread
from pipeline.settings import Settings
from pipeline.stages.progress import Progress, decoded
from pipeline.stages.rolling.evaluator import SpikeEvaluator
from pipeline.stages.rolling.store import RollingStore
from streams.panes.deltas import MINUTE_MS
from streams.watermark import MergedWatermark

logger = logging.getLogger(__name__)

#: The present is never judged further than this long ago, whatever a producer's clock says of it.
STILL_COMING_MS = 2_000
#: With stage 1 behind for hours, windows are written all the same.
GIVE_WAY_SECONDS = 30.0


class RollingStage:
    """What the transport runs over the topic of heartbeats. `failed` must end the process."""

    def __init__(
        self,
        settings: Settings,
        broker: KafkaAdmin,
        publisher: Publisher,
        metrics: RollingMetrics,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._topic = settings.kafka_panes_topic
        self._consumer = GroupConsumer(
            settings.rolling_group, settings.kafka_bootstrap, self._topic, settings.kafka_session_seconds, handler=self
        )
        self._broker = broker
        self._publisher = publisher
        self._metrics = metrics
        self._failed = failed
        self._next_offset: int | None = None
        self._watermark: MergedWatermark | None = None
        self._progress_by_partition: dict[int, Progress] = {}
        self._is_news = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._is_over = False

    # ---- what the process calls

    async def join(self) -> None:
        """Become a member of the group. Waits for a Kafka that does not answer."""
        await self._consumer.start()

    def crash_reason(self) -> BaseException | None:
        """Why Faust has given up, None while it works."""
        return self._consumer.crash_reason()

    async def leave(self) -> None:
        """Leave the group. What is under way is done again by whoever goes on."""
        await self._forget()
        await self._consumer.stop()

    # ---- what the transport calls

    async def assigned(self, partitions: set[int], generation: int) -> None:
        """Listen from the topic's end on."""
        if not partitions:
            return
        found = await retry_in_thread(self._topic, self._broker.log_ranges, self._topic, sorted(partitions))
        self._next_offset = found[0].end
        self._watermark, self._progress_by_partition = None, {}
        self._is_over = False
        self._work = asyncio.create_task(self._guarded_work())

    async def revoked(self, partitions: set[int]) -> None:
        """Another process goes on."""
        await self._forget()

    def position(self, partition: int) -> int | None:
        """Where to read on; None while the topic is not ours."""
        return self._next_offset

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        """Hear heartbeats; those of other logs and old ones are passed over."""
        if self._next_offset is None:
            return
        for record in records:
            beat = decoded(record.value)
            if beat is None:
                self._metrics.forged_progress.inc()
                continue
            if beat.log != self._settings.kafka_topic:
                continue
            before = self._progress_by_partition.get(beat.partition)
            if before and (beat.epoch, beat.next_offset) < (before.epoch, before.next_offset):
                continue
            self._progress_by_partition[beat.partition] = beat
            if self._watermark is None or self._watermark.partition_count != beat.partition_count:
                self._watermark = MergedWatermark(beat.partition_count)
            self._watermark.hear(beat.partition, beat.watermark_ms, beat.idle_ms, is_at_end=beat.is_at_end)
        self._next_offset = records[-1].offset + 1
        self._is_news.set()

    def failed(self, error: BaseException) -> None:
        """Let the process end."""
        self._failed(error)

    # ---- the work

    async def _guarded_work(self) -> None:
        try:
            await self._judge_for_ever()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failed(error)
            raise

    async def _judge_for_ever(self) -> None:
        settings = self._settings
        # No `close` at the end: when this is cancelled, a thread may still be asking through it.
        store = RollingStore(connect(settings), settings.kafka_topic)
        while not self._is_over:
            evaluator = SpikeEvaluator(
                store,
                self._publisher,
                settings.kafka_alerts_topic,
                settings.kafka_topic,
                settings.false_episodes_per_week,
                on_failure=self._metrics.insert_failures.inc,
            )
            try:
                await evaluator.restore()
                self._compare_with_the_clock(evaluator)
                await self._keep_up(evaluator, store)
            except FencedError as overtaken:
                logger.warning("%s; restoring", overtaken)

    def _compare_with_the_clock(self, evaluator: SpikeEvaluator) -> None:
        ahead_minutes = evaluator.checkpoint_minute - _passed_ms() // MINUTE_MS
        if ahead_minutes > 0:
            logger.error(
                "%s: everything is judged until %d minutes from now, so nothing is until then: a wrong clock has led "
                "the watermark there. Stop all workers and run: sichtflug epoch --topic %s --reset-watermark --why ...",
                self._settings.kafka_topic,
                ahead_minutes,
                self._settings.kafka_topic,
            )

    async def _keep_up(self, evaluator: SpikeEvaluator, store: RollingStore) -> None:
        give_way_until = 0.0
        while not self._is_over:
            await self._is_news.wait()
            self._is_news.clear()
            if evaluator.checkpoint_minute == evaluator.evaluated_minute:
                give_way_until = time.monotonic() + GIVE_WAY_SECONDS
            await self._judge_passed(evaluator)
            is_due = evaluator.checkpoint_minute < evaluator.evaluated_minute
            if is_due and not (self._is_behind() and time.monotonic() < give_way_until):
                await self._settle(evaluator, store)
                give_way_until = time.monotonic() + GIVE_WAY_SECONDS

    async def _judge_passed(self, evaluator: SpikeEvaluator) -> None:
        settled_ms = min(self._watermark.value_ms if self._watermark else 0, _passed_ms())
        last_minute = settled_ms // MINUTE_MS - 1
        if last_minute > evaluator.evaluated_minute:
            await evaluator.evaluate(last_minute)
            self._metrics.judged(settled_ms, evaluator.open_episodes)

    async def _settle(self, evaluator: SpikeEvaluator, store: RollingStore) -> None:
        goal = evaluator.evaluated_minute
        while evaluator.checkpoint_minute < goal and not self._is_over:
            await evaluator.write_windows_towards(goal)
            # Alerts first: what has passed meanwhile does not wait for an hour of windows.
            await self._judge_passed(evaluator)
        windows = await retry_in_thread("rolling", store.windows, evaluator.checkpoint_minute, RollingMetrics.COLUMNS)
        self._metrics.written(windows)

    def _is_behind(self) -> bool:
        return any(beat.is_behind for beat in self._progress_by_partition.values())

    async def _forget(self) -> None:
        """End the work, after what is under way if that is soon: an insert must not land when others have gone on."""
        self._next_offset = None
        work, self._work = self._work, None
        if work is not None:
            self._is_over = True
            self._is_news.set()
            _, pending = await asyncio.wait([work], timeout=self._settings.kafka_session_seconds / 3)
            if pending:
                work.cancel()
        self._metrics.forget()


def _passed_ms() -> int:
    """Up to where the present has passed by this machine's clock, UTC epoch ms."""
    return time.time_ns() // 1_000_000 - STILL_COMING_MS
