"""The rolling stage of a worker process: reads progress messages, evaluates each minute once all partitions passed it.

One process of the group has the topic's only partition. It needs no offsets: at an assignment it reads from the topic's
end, since every partition sends a message each second.
Minutes are evaluated at once. The rolling windows of a minute cost ClickHouse half a second of work, so they are
delayed for a while when a partition is behind, to let it catch up first.
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
from pipeline.tenant_calendars import local_times
from streams.panes.deltas import MINUTE_MS
from streams.watermark import MergedWatermark

logger = logging.getLogger(__name__)

#: Minutes count as passed only this long after their end by this machine's clock, whatever the watermark says.
STILL_COMING_MS = 2_000
#: At most, so that windows are written even if the interactions stage is behind for hours.
GIVE_WAY_SECONDS = 30.0


class RollingStage:
    """Reads the topic of progress messages and evaluates passed minutes. `failed` must end the process."""

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
        self._has_news = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._is_over = False

    # ---- called by the process

    async def join(self) -> None:
        """Join the group. Waits while Kafka does not answer."""
        await self._consumer.start()

    def crash_reason(self) -> BaseException | None:
        """Return the exception that crashed Faust; None while it works."""
        return self._consumer.crash_reason()

    async def leave(self) -> None:
        """Leave the group. Unfinished work is repeated by the process that takes over."""
        await self._end_work()
        await self._consumer.stop()

    # ---- called by the transport

    async def assigned(self, partitions: set[int], generation: int) -> None:
        """Read from the topic's end and begin to evaluate."""
        if not partitions:
            return
        ranges = await retry_in_thread(self._topic, self._broker.log_ranges, self._topic, sorted(partitions))
        self._next_offset = ranges[0].end
        self._watermark, self._progress_by_partition = None, {}
        self._is_over = False
        self._work = asyncio.create_task(self._guarded_work())

    async def revoked(self, partitions: set[int]) -> None:
        """End the work: another process takes over."""
        await self._end_work()

    def position(self, partition: int) -> int | None:
        """Return the next offset to read; None while the topic is not assigned to this process."""
        return self._next_offset

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        """Merge progress messages into the watermark. Outdated ones and those of other logs are ignored."""
        if self._next_offset is None:
            return
        for record in records:
            progress = decoded(record.value)
            if progress is None:
                self._metrics.forged_progress.inc()
                continue
            if progress.log != self._settings.kafka_topic:
                continue
            partition = progress.partition
            before = self._progress_by_partition.get(partition)
            if before and (progress.epoch, progress.next_offset) < (before.epoch, before.next_offset):
                continue
            self._progress_by_partition[partition] = progress
            if self._watermark is None or self._watermark.partition_count != progress.partition_count:
                self._watermark = MergedWatermark(progress.partition_count)
            self._watermark.update(partition, progress.watermark_ms, progress.idle_ms, is_at_end=progress.is_at_end)
        self._next_offset = records[-1].offset + 1
        self._has_news.set()

    def failed(self, error: BaseException) -> None:
        """End the process."""
        self._failed(error)

    # ---- the work

    async def _guarded_work(self) -> None:
        try:
            await self._evaluate_for_ever()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failed(error)
            raise

    async def _evaluate_for_ever(self) -> None:
        settings = self._settings
        # Never closed: after a cancellation, a thread may still be using the connection.
        store = RollingStore(connect(settings), settings.kafka_topic)
        times = local_times(settings.spikes, settings.rules.reporting_zone)
        while not self._is_over:
            evaluator = SpikeEvaluator(
                store,
                self._publisher,
                settings.kafka_alerts_topic,
                settings.kafka_topic,
                settings.false_episodes_per_week,
                *times,
                on_failure=self._metrics.insert_failures.inc,
            )
            try:
                await evaluator.restore()
                self._compare_with_the_clock(evaluator)
                await self._keep_up(evaluator, store)
            except FencedError as error:
                logger.warning("%s; restoring", error)

    def _compare_with_the_clock(self, evaluator: SpikeEvaluator) -> None:
        ahead_minutes = evaluator.checkpoint_minute - _passed_ms() // MINUTE_MS
        if ahead_minutes > 0:
            logger.error(
                "%s: minutes are already evaluated up to %d minutes from now, so none will be until then: a wrong "
                "clock has pushed the watermark into the future. Stop all workers and run: "
                "sichtflug epoch --topic %s --reset-watermark --why ...",
                self._settings.kafka_topic,
                ahead_minutes,
                self._settings.kafka_topic,
            )

    async def _keep_up(self, evaluator: SpikeEvaluator, store: RollingStore) -> None:
        give_way_until = 0.0
        while not self._is_over:
            await self._has_news.wait()
            self._has_news.clear()
            if evaluator.checkpoint_minute == evaluator.evaluated_minute:
                give_way_until = time.monotonic() + GIVE_WAY_SECONDS
            await self._evaluate_passed(evaluator)
            is_due = evaluator.checkpoint_minute < evaluator.evaluated_minute
            if is_due and not (self._is_behind() and time.monotonic() < give_way_until):
                await self._write_windows(evaluator, store)
                give_way_until = time.monotonic() + GIVE_WAY_SECONDS

    async def _evaluate_passed(self, evaluator: SpikeEvaluator) -> None:
        watermark_ms = min(self._watermark.value_ms if self._watermark else 0, _passed_ms())
        last_minute = watermark_ms // MINUTE_MS - 1
        if last_minute > evaluator.evaluated_minute:
            await evaluator.evaluate(last_minute)
            self._metrics.evaluated(watermark_ms, evaluator.open_episodes, evaluator.states)

    async def _write_windows(self, evaluator: SpikeEvaluator, store: RollingStore) -> None:
        goal = evaluator.evaluated_minute
        while evaluator.checkpoint_minute < goal and not self._is_over:
            await evaluator.write_windows_towards(goal)
            # Alerts first: minutes that passed meanwhile must not wait for an hour's worth of windows.
            await self._evaluate_passed(evaluator)
        windows = await retry_in_thread("rolling", store.windows, evaluator.checkpoint_minute, RollingMetrics.COLUMNS)
        self._metrics.written(windows)

    def _is_behind(self) -> bool:
        return any(progress.is_behind for progress in self._progress_by_partition.values())

    async def _end_work(self) -> None:
        """End the work, waiting for the current step for a third of the session, then cancelling it.

        Waits because an insert must not land after another process has taken over.
        """
        self._next_offset = None
        work, self._work = self._work, None
        if work is not None:
            self._is_over = True
            self._has_news.set()
            _, pending = await asyncio.wait([work], timeout=self._settings.kafka_session_seconds / 3)
            if pending:
                work.cancel()
        self._metrics.clear()


def _passed_ms() -> int:
    """Return the time up to which minutes count as passed by this machine's clock, UTC epoch ms."""
    return time.time_ns() // 1_000_000 - STILL_COMING_MS
