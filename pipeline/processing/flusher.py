"""Scheduling of flushes: at least one per interval, at most one per partition at a time, time-limited at shutdown.

A partition that is behind is flushed less often: its numbers are late anyway, and the fixed cost of each insert would
keep it from catching up.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pipeline.errors import FencedError
from pipeline.metrics.stage import StageMetrics
from pipeline.processing.partition import PENDING_EVENTS, FlushResult, PartitionProcessor

logger = logging.getLogger(__name__)

WAKE_SECONDS = 0.1
#: A flush makes two inserts, and each insert costs ClickHouse a part: a worker makes at most about ten a second.
SECONDS_PER_PARTITION = 0.2
#: Between flushes of a partition whose consumer lag exceeds what was folded since its last flush.
SECONDS_BEHIND = 3.0


class Flusher:
    """Flushes the processors in `partitions`, a mapping that its owner changes.

    `is_assigned` returns whether the partitions belong to this process now, `lag` how many records are not folded.
    `committed` is called after each flush of a current processor, `fenced` when another process has written further,
    `failed` on any other exception; after `failed` the process must end.
    """

    def __init__(
        self,
        partitions: Mapping[int, PartitionProcessor[Any]],
        metrics: StageMetrics,
        interval_seconds: float,
        *,
        is_assigned: Callable[[], bool],
        lag: Callable[[int, PartitionProcessor[Any]], int],
        committed: Callable[[int, FlushResult], Awaitable[None]],
        fenced: Callable[[int, FencedError], Awaitable[None]],
        failed: Callable[[int, PartitionProcessor[Any], BaseException], None],
    ) -> None:
        self._partitions = partitions
        self._metrics = metrics
        self._interval_seconds = interval_seconds
        self._is_assigned, self._lag = is_assigned, lag
        self._committed, self._fenced, self._failed = committed, fenced, failed
        self._running: dict[int, asyncio.Task[None]] = {}

    def is_flushing(self, partition: int) -> bool:
        """Return whether a flush of the partition is in progress."""
        return partition in self._running

    async def wait_for(self, partition: int) -> None:
        """Wait for the flush in progress, if any. This is the back pressure while too much is unflushed."""
        if partition in self._running:
            await asyncio.wait([self._running[partition]])

    async def flush(self, partition: int) -> None:
        """Flush everything folded of a partition so far and wait until it is in ClickHouse."""
        await self.wait_for(partition)
        processor = self._partitions.get(partition)
        if processor is not None and processor.may_flush and self._is_assigned():
            self._begin(partition, processor)
            await self.wait_for(partition)

    async def run(self) -> None:
        """Flush partitions as they become due, for ever. Needed for partitions that receive no batches."""
        while True:
            await asyncio.sleep(WAKE_SECONDS)
            self._metrics.tick()
            for partition, processor in list(self._partitions.items()):
                self.flush_if_due(partition, processor)

    def flush_if_due(self, partition: int, processor: PartitionProcessor[Any]) -> None:
        """Begin a flush if enough records are pending, or any have been pending for the interval."""
        if not processor.may_flush or partition in self._running or not self._is_assigned():
            return
        if processor.pending_count >= PENDING_EVENTS or self._is_due(partition, processor):
            self._begin(partition, processor)

    def _is_due(self, partition: int, processor: PartitionProcessor[Any]) -> bool:
        """Whether the last flush is long enough ago."""
        elapsed_seconds = time.monotonic() - processor.last_flush_at
        if elapsed_seconds < max(self._interval_seconds, SECONDS_PER_PARTITION * len(self._partitions)):
            return False
        # The lag is asked for last: this runs for every batch.
        return elapsed_seconds >= SECONDS_BEHIND or self._lag(partition, processor) <= processor.pending_count

    async def flush_all(self, within_seconds: float) -> bool:
        """Finish flushes in progress and flush the rest. Return whether everything is in ClickHouse.

        At the time limit, remaining flushes are cancelled; their records are folded again by a restored processor.
        """
        try:
            async with asyncio.timeout(within_seconds):
                while True:
                    for partition, processor in self._partitions.items():
                        if processor.may_flush and partition not in self._running:
                            self._begin(partition, processor)
                    if not self._running:
                        return True
                    await asyncio.wait(list(self._running.values()))
        except TimeoutError:
            logger.warning("could not flush %s in %.0f s", sorted(self._running), within_seconds)
            for task in list(self._running.values()):
                task.cancel()
            self._running.clear()
            return False

    def _begin(self, partition: int, processor: PartitionProcessor[Any]) -> None:
        self._running[partition] = asyncio.create_task(self._flush(partition, processor))

    async def _flush(self, partition: int, processor: PartitionProcessor[Any]) -> None:
        try:
            await self._flush_and_report(partition, processor)
        except asyncio.CancelledError:
            self._ended(partition)
            raise
        except BaseException as error:
            self._failed(partition, processor, error)
            raise

    async def _flush_and_report(self, partition: int, processor: PartitionProcessor[Any]) -> None:
        try:
            result = await processor.flush()
        except FencedError as error:
            self._ended(partition)
            if self._partitions.get(partition) is processor:
                await self._fenced(partition, error)
            return
        self._ended(partition)
        self._metrics.flushed(result.seconds, result.row_count, result.oldest_ingested_at)
        if self._partitions.get(partition) is processor:
            await self._committed(partition, result)
        else:
            processor.close()

    def _ended(self, partition: int) -> None:
        if self._running.get(partition) is asyncio.current_task():
            del self._running[partition]
