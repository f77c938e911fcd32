"""One partition of a log in one process: restore, fold and flush, by the ledger's protocol.

The guarantee rests on the order of a flush: first the outbox, which may be repeated with equal content; then the
ledger, in one insert of everything touched since the last flush and the checkpoint. That insert is the commit point.
Anything after it may be lost.
Fold and flush overlap: a flush works on what was taken when it began.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Generic, NamedTuple, TypeVar

from pipeline.clickhouse.blocks import Block, Section
from pipeline.clickhouse.client import ClickHouse
from pipeline.ledger.failures import Known
from pipeline.ledger.rows import checkpoint_section, ledger_block
from pipeline.processing.job import PartitionJob
from pipeline.retry import retry_in_thread
from streams.checkpoint import Checkpoint, record_hash
from streams.events import Rejection
from streams.panes.deltas import DAY_MS, PaneDeltas, Tiers
from streams.rules import Rules

logger = logging.getLogger(__name__)

Job = TypeVar("Job", bound=PartitionJob)

PENDING_EVENTS = 100_000
KEEP_MINUTES_MS = 42 * DAY_MS
FIRST_EXPIRY_SECONDS = 600.0
EXPIRE_EVERY_SECONDS = 86_400.0


class Flush(NamedTuple):
    """The state taken when a flush began. Its rows are already encoded, because the fold keeps changing."""

    checkpoint: Checkpoint
    first_offset: int
    outbox: Any
    rows: Sequence[Section]
    deltas: PaneDeltas
    taken_at: float
    oldest_ingested_at: int


class FlushResult(NamedTuple):
    """The outcome of a flush: `oldest_ingested_at` is the broker time of the oldest event that became queryable."""

    checkpoint: Checkpoint
    row_count: int
    seconds: float
    oldest_ingested_at: int


class PartitionProcessor(Generic[Job]):
    """State and work of one partition, once it is restored.

    Methods run in the event loop's thread unless they say otherwise.

    `new_job` creates the job over a connection for reading and one for writing. `on_failure` is called after each
    failed insert, which is then retried.
    """

    def __init__(
        self,
        log: str,
        kafka_partition: int,
        rules: Rules,
        connect: Callable[[], ClickHouse],
        new_job: Callable[[ClickHouse, ClickHouse], Job],
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.log = log
        self.kafka_partition = kafka_partition
        self._where = f"{log}[{kafka_partition}]"
        self._rules = rules
        self._reader, self._writer = connect(), connect()
        self._new_job = new_job
        self._on_failure = on_failure
        self.job: Job
        self._last_record: Any = None
        self._oldest_ingested_at = 0
        # When the oldest record that is folded, or being flushed, was folded; 0 for none.
        self._folded_since = self._flushing_since = 0.0
        # Stays true after an exception: a half-applied batch must not be continued.
        self._is_folding = False
        # Stays true after an abandoned flush: what it had taken exists nowhere else, so no flush may follow.
        self._is_flushing = False
        self._expire_minutes_at = time.monotonic() + FIRST_EXPIRY_SECONDS
        self.known = Known()
        # First and last offset of the fold and the flush in progress, for error messages.
        self.folding = self.flushing = (0, 0)
        self.checkpoint = Checkpoint(epoch=0)
        self.next_offset = 0
        self.last_flush_at = self.last_fold_at = time.monotonic()

    @property
    def pending_count(self) -> int:
        """The number of records or facts folded since the last flush was taken."""
        return self.job.pending_count

    @property
    def open_count(self) -> int | None:
        """The number of open conversations; None for a log without conversations."""
        return self.job.open_count

    @property
    def is_dirty(self) -> bool:
        """Whether anything was folded since the last flush was taken."""
        return self._last_record is not None

    @property
    def is_unflushed(self) -> bool:
        """Whether some folded record is not in the ledger yet."""
        return self.next_offset != self.checkpoint.next_offset

    @property
    def unflushed_since(self) -> float:
        """When (`time.monotonic`) the oldest record not yet in the ledger was folded; 0 if there is none."""
        return self._flushing_since or self._folded_since

    @property
    def may_flush(self) -> bool:
        """Whether a flush can write something now. Never true again after a flush was abandoned."""
        return self.is_dirty and not self._is_flushing

    @property
    def watermark(self) -> int:
        """The latest event time folded, UTC epoch ms."""
        return self.job.fold.watermark

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._writer.close()

    def restore(self, first: Callable[[], Checkpoint]) -> None:
        """Read the partition's state. `first` creates the checkpoint of a partition that has none.

        Blocks; nothing else may use the processor meanwhile. Raises the errors of the ClickHouse client.
        """
        while (checkpoint := self._begin(first)) is None:
            logger.info("%s: another worker wrote during the restore; reading again", self._where)
        self.checkpoint = checkpoint
        self.next_offset = checkpoint.next_offset
        self.last_flush_at = self.last_fold_at = time.monotonic()

    def _begin(self, first: Callable[[], Checkpoint]) -> Checkpoint | None:
        self.job = self._new_job(self._reader, self._writer)
        return self.job.cache.load(first)

    def is_newest(self) -> bool:
        """Return whether everything folded is in the ledger and no other process has written the partition since.

        Blocks. To be called between folds and flushes; false after an unfinished one. Raises the errors of the
        ClickHouse client.
        """
        if self._is_folding or self.is_unflushed:
            return False
        return self.job.ledger.revision() == self.checkpoint.revision

    async def fold(self, records: Sequence[Any]) -> Sequence[Rejection]:
        """Fold records in log order and return the rejections. Records before the next offset are ignored.

        Raises FencedError if a row read back shows that another worker is ahead, ClickHouseUnavailableError if
        ClickHouse does not answer.
        """
        rejections: list[Rejection] = []
        self._is_folding = True
        step = self.job.records_per_step
        for start in range(0, len(records), step):
            chunk = records[start : start + step]
            if chunk[0].offset < self.next_offset:
                chunk = [record for record in chunk if record.offset >= self.next_offset]
            if chunk:
                self.folding = chunk[0].offset, chunk[-1].offset
                rejections += await self.job.process(chunk, self.known, self._newest_revision)
                if not self._oldest_ingested_at:
                    self._oldest_ingested_at = chunk[0].timestamp
                self._last_record = chunk[-1]
                self.next_offset = self._last_record.offset + 1
                self.last_fold_at = time.monotonic()
                self._folded_since = self._folded_since or self.last_fold_at
        self._is_folding = False
        return rejections

    def take(self) -> Flush:
        """Take everything folded since the last flush, leaving nothing pending."""
        record = self._last_record
        checkpoint = Checkpoint(
            epoch=self.checkpoint.epoch,
            next_offset=self.next_offset,
            watermark=self.watermark,
            configuration=self._rules.version,
            configuration_number=self.checkpoint.configuration_number,
            reporting_zone=self._rules.days.zone,
            partition_count=self.checkpoint.partition_count,
            last_offset=record.offset,
            last_record_hash=record_hash(record.key, record.value),
            reason=self.checkpoint.reason,
            books=copy(self.job.fold.books),
        )
        taken = self.job.take(checkpoint)
        flush = Flush(
            checkpoint,
            self.checkpoint.next_offset,
            taken.outbox,
            taken.rows,
            self.job.fold.deltas.take(),
            time.monotonic(),
            self._oldest_ingested_at,
        )
        self._oldest_ingested_at, self._last_record = 0, None
        self._flushing_since, self._folded_since = self._folded_since, 0.0
        return flush

    async def flush(self) -> FlushResult:
        """Write everything folded so far. Requires `may_flush`. Waits for ClickHouse as long as necessary.

        Raises FencedError if a pane read back shows that another worker is ahead. After a flush was cancelled or ended
        by an exception, the partition must be restored.
        """
        if self._is_flushing:
            raise RuntimeError(f"{self._where}: a flush is in progress or was abandoned; expected none")
        self._is_flushing = True
        self.flushing = self.checkpoint.next_offset, self.next_offset - 1
        flush = self.take()
        checkpoint, job = flush.checkpoint, self.job
        first_offset, revision = flush.first_offset, checkpoint.revision
        row_count = await job.publish(flush.outbox, checkpoint, first_offset)
        deltas = await asyncio.to_thread(flush.deltas.rolled_up)
        missing = job.cache.panes.missing(deltas)
        if missing:
            newest = self.checkpoint.revision
            stored = await retry_in_thread(self._where, job.ledger.panes, checkpoint.epoch, missing, newest)
            for tier, key, values in stored:
                job.cache.panes.load(tier, [(key, values)])
        block = await asyncio.to_thread(self._ledger_block, flush, deltas)
        # The commit point.
        await retry_in_thread(
            self._where, job.ledger.insert, "ledger", block, first_offset, revision, on_failure=self._on_failure
        )
        self.checkpoint = checkpoint
        self._is_flushing, self._flushing_since = False, 0.0
        self.last_flush_at = time.monotonic()
        job.cache.evict()
        await self._expire_minutes()
        seconds = self.last_flush_at - flush.taken_at
        return FlushResult(checkpoint, block.row_count + row_count, seconds, flush.oldest_ingested_at)

    def _ledger_block(self, flush: Flush, deltas: Tiers) -> Block:
        """Add the deltas to their bases and encode all rows of the flush. Once per flush: it changes the bases."""
        checkpoint = flush.checkpoint
        panes = self.job.rows.panes(checkpoint.epoch, self.job.cache.panes.add(deltas))
        sections = [*flush.rows, checkpoint_section(checkpoint), panes]
        return ledger_block(self.log, self.kafka_partition, checkpoint.revision, sections)

    async def _expire_minutes(self) -> None:
        """Delete, once a day, minute panes that no view reads any more."""
        now = time.monotonic()
        # A watermark pushed into the future by a wrong clock must not delete the minutes of the present.
        before_ms = min(self.checkpoint.watermark, time.time_ns() // 1_000_000) - KEEP_MINUTES_MS
        if now < self._expire_minutes_at or before_ms <= 0:
            return
        self._expire_minutes_at = now + EXPIRE_EVERY_SECONDS
        await retry_in_thread(self._where, self.job.ledger.expire_minutes, before_ms)

    def _newest_revision(self) -> int:
        return self.checkpoint.revision
