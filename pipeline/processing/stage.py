"""The common part of stages that keep their state in the ledger: partitions as assigned by the group, fold, flush."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic

from pipeline.errors import BrokerError, ClickHouseUnavailableError, DeadLetterLimitError, FencedError, PublishError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.consumer import GroupConsumer
from pipeline.ledger.failures import FLUSH, FOLD, PartitionFailedError, Suspects
from pipeline.metrics.stage import StageMetrics
from pipeline.processing.flusher import Flusher
from pipeline.processing.partition import PENDING_EVENTS, FlushResult, Job, PartitionProcessor
from pipeline.processing.restorer import Restorer
from pipeline.retry import retry_in_thread
from pipeline.settings import Settings
from streams.events import Rejection

logger = logging.getLogger(__name__)

UNFLUSHED_SECONDS = 30
LOOK_SECONDS = 1.0
#: Errors of a fold or a flush that no record can have caused.
NO_RECORDS_FAULT = (FencedError, ClickHouseUnavailableError, BrokerError, PublishError, DeadLetterLimitError)


def _ignore(*_: object) -> None:
    """Do nothing."""


class StatefulStage(Generic[Job]):
    """The partitions of one topic that the group has assigned to this process. `failed` must end the process.

    `on_processed` is called after each batch, `on_committed` after each flush; `before_batch` is awaited before each
    batch.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        restorer: Restorer[Job],
        broker: KafkaAdmin,
        metrics: StageMetrics,
        failed: Callable[[BaseException], None],
        *,
        on_processed: Callable[[PartitionProcessor[Job], Sequence[Any], Sequence[Rejection]], None] = _ignore,
        on_committed: Callable[[int], None] = _ignore,
        before_batch: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._topic = restorer.log
        self._broker = broker
        self._metrics = metrics
        self._failed = failed
        self._restorer = restorer
        self._on_processed, self._on_committed, self._before_batch = on_processed, on_committed, before_batch
        self.consumer = GroupConsumer(
            group, settings.kafka_bootstrap, self._topic, settings.kafka_session_seconds, handler=self
        )
        self.partitions: dict[int, PartitionProcessor[Job]] = {}
        # Revoked partitions: most are usually assigned again, untouched in the meantime.
        self._kept: dict[int, PartitionProcessor[Job]] = {}
        self._assignment_number = 0
        self.is_assigned = False
        self.partition_count = 0
        # When (`time.monotonic`) an open transaction was first seen to block a partition.
        self._held_since: dict[int, float] = {}
        self._last_flush_seconds = settings.kafka_session_seconds / 3
        self._flusher = Flusher(
            self.partitions,
            metrics,
            settings.flush_seconds,
            is_assigned=lambda: self.is_assigned,
            lag=self._lag,
            committed=self._committed,
            fenced=self._restore_again,
            failed=self._flush_failed,
        )

    # ---- called by the process

    async def run(self) -> None:
        """Flush partitions as they become due and follow the end of the log, for ever."""
        await asyncio.gather(self._flusher.run(), self._follow_log_end())

    async def _follow_log_end(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.is_assigned:
                self._held_since.clear()
                continue
            await self.consumer.update_end_offsets()
            for partition, processor in self.partitions.items():
                self._metrics.behind(partition, self._lag(partition, processor))
                if self.consumer.is_held(partition):
                    self._held_since.setdefault(partition, time.monotonic())
                else:
                    self._held_since.pop(partition, None)

    def _lag(self, partition: int, processor: PartitionProcessor[Any]) -> int:
        """Return how many records are not folded. Transaction markers count only while records precede them."""
        if self.consumer.is_at_end(partition):
            return 0
        return max(0, self.consumer.end_offset(partition) - processor.next_offset)

    async def finish(self) -> bool:
        """Flush for at most a third of the session. Return whether everything folded is in ClickHouse."""
        is_complete = await self._flusher.flush_all(self._last_flush_seconds)
        # Batches that still arrive must not begin a flush.
        self.is_assigned = False
        return is_complete

    async def join(self) -> None:
        """Join the group. Waits while Kafka does not answer."""
        await self.consumer.start()

    def crash_reason(self) -> BaseException | None:
        """Return the exception that crashed Faust; None while it works."""
        return self.consumer.crash_reason()

    async def leave(self) -> None:
        """Leave the group and close all connections."""
        await self.consumer.stop()
        for processor in (*self.partitions.values(), *self._kept.values()):
            processor.close()

    def unready(self) -> str:
        """Return why this stage is not ready, for the readiness check; '' if it is."""
        if not self.is_assigned:
            return "waiting for the group to assign partitions, or restoring them"
        now = time.monotonic()
        for partition, processor in list(self.partitions.items()):
            since = processor.unflushed_since
            if since and now - since > UNFLUSHED_SECONDS:
                return f"partition {partition}: what was folded {now - since:.0f} s ago is not in ClickHouse yet"
        for partition, held_since in list(self._held_since.items()):
            if now - held_since > UNFLUSHED_SECONDS:
                return (
                    f"partition {partition}: a producer has kept a transaction open for {now - held_since:.0f} s, and "
                    "nothing behind its begin can be read"
                )
        return ""

    # ---- called by the transport

    async def assigned(self, partitions: set[int], generation: int) -> None:
        """Restore the assigned partitions, unless a newer assignment arrives meanwhile."""
        self._assignment_number += 1
        number = self._assignment_number
        for partition in self._kept.keys() - partitions:
            self._kept.pop(partition).close()
        topic = self._topic
        self.partition_count = await retry_in_thread(topic, self._broker.partition_count, topic)
        # Concurrently: a restore mostly waits for answers.
        missing = sorted(partitions - self.partitions.keys())
        if not all(await asyncio.gather(*(self._install(partition, number) for partition in missing))):
            return
        self.is_assigned = True
        self._metrics.partitions.set(len(self.partitions))
        logger.info("%s: generation %s: partitions %s", topic, generation, sorted(self.partitions))

    async def revoked(self, partitions: set[int]) -> None:
        """Flush for at most a third of the session, then keep the state in case the partitions are assigned again."""
        self._assignment_number += 1
        self.is_assigned = False
        await self._flusher.flush_all(self._last_flush_seconds)
        for partition in list(self.partitions):
            self._kept[partition] = self.partitions.pop(partition)
            self._metrics.remove(partition)
        self._metrics.partitions.set(0)

    def position(self, partition: int) -> int | None:
        """Return the next offset to read; None while the partition is not restored."""
        processor = self.partitions.get(partition)
        return processor.next_offset if processor else None

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        """Process a batch, waiting while too much is unflushed. Records that a worker failed on come in portions."""
        if self._before_batch is not None:
            await self._before_batch()
        processor = self.partitions.get(partition)
        suspects = processor.known.suspects if processor else None
        if suspects is None:
            await self._fold(partition, records)
            return
        for portion in suspects.portions(records):
            await self._fold(partition, portion)
            if suspects.stage == FLUSH and suspects.concern(portion):
                await self._flusher.flush(partition)

    async def _fold(self, partition: int, records: Sequence[Any]) -> None:
        processor = self.partitions.get(partition)
        if processor is None:
            return
        if processor.pending_count > PENDING_EVENTS:
            await self._flusher.wait_for(partition)
        try:
            rejections = await processor.fold(records)
        except FencedError as error:
            await self._restore_again(partition, error)
            return
        except NO_RECORDS_FAULT:
            raise
        except Exception as error:
            raise _partition_failed(processor, FOLD, processor.folding, error) from error
        if self.partitions.get(partition) is not processor:
            return
        self._on_processed(processor, records, rejections)
        lag = self._lag(partition, processor)
        ingested_at = records[-1].timestamp
        self._metrics.folded(partition, len(records), lag, ingested_at, processor.watermark, processor.open_count)
        self._flusher.flush_if_due(partition, processor)

    def failed(self, error: BaseException) -> None:
        """End the process."""
        self._failed(error)

    def _flush_failed(self, partition: int, processor: PartitionProcessor[Any], error: BaseException) -> None:
        if isinstance(error, Exception) and not isinstance(error, NO_RECORDS_FAULT):
            failure = _partition_failed(processor, FLUSH, processor.flushing, error)
            failure.__cause__ = error
            error = failure
        self._failed(error)

    # ---- restore and commit

    async def _install(self, partition: int, number: int) -> bool:
        """Restore a partition and take it into work. Return False if an assignment later than `number` came first."""
        kept = self._kept.pop(partition, None)
        processor = await self._restorer.restored(partition, self.partition_count, kept)
        if number != self._assignment_number:
            processor.close()
            return False
        self.partitions[partition] = processor
        self.consumer.set_aside(partition, processor.known.skips)
        self._metrics.restored(partition, processor.checkpoint.books, processor.watermark, processor.open_count)
        return True

    async def _restore_again(self, partition: int, error: FencedError) -> None:
        """Drop the state of a partition that another worker has written, and restore what it wrote."""
        logger.warning("%s; restoring the partition", error)
        self._drop(partition)
        if await self._install(partition, self._assignment_number):
            await self.consumer.seek(partition)

    def _drop(self, partition: int) -> None:
        processor = self.partitions.pop(partition, None)
        self._metrics.remove(partition)
        if processor and not self._flusher.is_flushing(partition):
            processor.close()

    async def _committed(self, partition: int, result: FlushResult) -> None:
        """Report an acknowledged flush and commit its offset to Kafka."""
        self._on_committed(partition)
        self._metrics.committed(partition, result.checkpoint.books)
        # Not during a rebalance: the group waits for this member and would not answer.
        if self.is_assigned:
            await self.consumer.commit({partition: result.checkpoint.next_offset})


def _partition_failed(
    processor: PartitionProcessor[Any], stage: str, offsets: tuple[int, int], cause: Exception
) -> PartitionFailedError:
    suspects, epoch = Suspects(stage, *offsets), processor.checkpoint.epoch
    known = processor.known.suspects
    return PartitionFailedError(processor.log, processor.kafka_partition, epoch, suspects, known, cause)
