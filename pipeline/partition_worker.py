"""One partition of the log in one process: restore, fold, flush.

The order of a flush is the guarantee. After offset V: dead letters acknowledged by Kafka; `rejections` and
`interactions`, which may be repeated with equal content; then the ledger: everything touched since the last flush
and the checkpoint, in one insert, which is the commit point. What comes after it may get lost.
Fold and flush overlap: a flush works on what was taken when it began.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from typing import Any, NamedTuple

from pipeline.blocks import Block, Section
from pipeline.clickhouse import ClickHouse
from pipeline.codec import Codec
from pipeline.dead_letter import DeadLetter, dead_letter
from pipeline.event_rows import EventRowEncoder
from pipeline.ledger import Ledger
from pipeline.ledger_rows import (
    RowEncoder,
    checkpoint_section,
    ledger_block,
)
from pipeline.partition_state import PartitionState
from pipeline.patience import patiently
from streams.checkpoint import Checkpoint, record_hash
from streams.events import Rejection
from streams.panes import DAY_MS, PaneDeltas, Tiers
from streams.rules import RuleBook

logger = logging.getLogger(__name__)

PENDING_EVENTS = 100_000
#: Records decoded, folded and encoded together: few enough to stay in the processor's cache on their way.
FOLDED_RECORDS = 1_000
KEEP_MINUTES_MS = 28 * DAY_MS
FIRST_EXPIRY_SECONDS = 600.0
EXPIRE_EVERY_SECONDS = 86_400.0


class Flush(NamedTuple):
    """What was taken when a flush began. Rows of conversations are encoded already; the fold goes on changing them."""

    checkpoint: Checkpoint
    first_offset: int
    interactions: list[Section]
    rejections: list[Section]
    dead_letters: list[DeadLetter]
    conversations: Section
    deltas: PaneDeltas
    taken_at: float
    oldest_ingested_at: int


class FlushResult(NamedTuple):
    """For the metrics: rows written, seconds taken, and the broker time of the oldest event that became queryable."""

    checkpoint: Checkpoint
    row_count: int
    seconds: float
    oldest_ingested_at: int


class PartitionWorker:
    """State and work of one partition. All methods belong to the event loop's thread but those that say otherwise."""

    def __init__(
        self,
        log: str,
        kafka_partition: int,
        book: RuleBook,
        codec: Codec,
        connect: Callable[[], ClickHouse],
        publish_dead_letters: Callable[[Sequence[DeadLetter]], Awaitable[None]],
    ) -> None:
        self.log = log
        self.kafka_partition = kafka_partition
        self._where = f"{log}[{kafka_partition}]"
        self._book = book
        self._codec = codec
        self._publish_dead_letters = publish_dead_letters
        self._read_door, self._write_door = connect(), connect()
        self._begin()
        self._interactions: list[Section] = []
        self._rejections: list[Section] = []
        self._dead_letters: list[DeadLetter] = []
        self._last_record: Any = None
        self._oldest_ingested_at = 0
        # Stays true after an exception: what is half folded must not be gone on with.
        self._is_folding = False
        # Stays true when a flush is given up: what it had taken is nowhere else, so none may follow.
        self._is_flushing = False
        self._expire_minutes_at = time.monotonic() + FIRST_EXPIRY_SECONDS
        self.checkpoint = Checkpoint(epoch=0)
        self.next_offset = 0
        self.last_flush_at = self.last_fold_at = time.monotonic()

    @property
    def pending_count(self) -> int:
        """Records folded since the last flush was taken."""
        return _row_count(self._interactions) + _row_count(self._rejections)

    @property
    def is_dirty(self) -> bool:
        """Whether anything was folded since the last flush was taken."""
        return self._last_record is not None

    @property
    def may_flush(self) -> bool:
        """Whether a flush can write something now; never again after one was given up."""
        return self.is_dirty and not self._is_flushing

    def close(self) -> None:
        """Give the connections back."""
        self._read_door.close()
        self._write_door.close()

    def restore(self, first: Callable[[], Checkpoint]) -> None:
        """Read the partition's state; `first` makes the checkpoint of a partition that has none.

        In a thread of its own: nothing else touches the worker meanwhile. Raises what ClickHouse raises.
        """
        while (checkpoint := self._begin().load(first)) is None:
            logger.info("%s: another worker wrote during the restore; reading once more", self._where)
        self.checkpoint = checkpoint
        self.next_offset = checkpoint.next_offset
        self.last_flush_at = self.last_fold_at = time.monotonic()

    def _begin(self) -> PartitionState:
        """Begin with nothing: an empty state with a numbering of cells of its own, and all that speaks in it."""
        log, number = self.log, self.kafka_partition
        self._state = state = PartitionState(self._book, self._read_door, log, number)
        self.partition = state.partition
        self._rows = RowEncoder(self._book, state.cells)
        self._event_rows = EventRowEncoder(self._book, state.cells, log, number)
        self._writer = Ledger(self._write_door, log, number, state.cells)
        return state

    def is_newest(self) -> bool:
        """Whether all that was folded is in the ledger and nobody has written the partition after that.

        In a thread, between folds and flushes: one left unfinished makes it false. Raises what ClickHouse raises.
        """
        if self._is_folding or self.next_offset != self.checkpoint.next_offset:
            return False
        found = self._writer.checkpoint()
        return found is not None and found.revision == self.checkpoint.revision

    # ---- fold

    async def fold(self, records: Sequence[Any]) -> Sequence[Rejection]:
        """Fold records in log order; those before the next offset are dropped. The rejections come back.

        Raises Overtaken when a row read back shows that another worker is ahead, Unavailable when ClickHouse is away.
        """
        rejections: list[Rejection] = []
        self._is_folding = True
        for start in range(0, len(records), FOLDED_RECORDS):
            some = records[start : start + FOLDED_RECORDS]
            if some[0].offset < self.next_offset:
                some = [record for record in some if record.offset >= self.next_offset]
            if some:
                rejections += await self._fold(some)
        self._is_folding = False
        return rejections

    async def _fold(self, records: Sequence[Any]) -> Sequence[Rejection]:
        decoded = self._codec.decode(records)
        await self._state.read_back(decoded.events, lambda: self.checkpoint.revision)
        books = self.partition.books
        accepted = self.partition.fold(decoded.events)
        books.consumed += len(records)
        books.rejected += len(decoded.rejections)
        books.dropped_field += decoded.dropped_fields
        if accepted:
            cases = [
                self._codec.pseudonym(event.data.case_id) if event.data.case_id else "" for event in accepted.events
            ]
            self._interactions.append(self._event_rows.interactions(accepted, cases))
        if decoded.rejections:
            by_offset = {record.offset: record for record in records}
            self._rejections.append(self._event_rows.rejections(decoded.rejections))
            self._dead_letters += [
                dead_letter(self.log, self.kafka_partition, by_offset[rejection.offset], rejection)
                for rejection in decoded.rejections
            ]
        if not self._oldest_ingested_at:
            self._oldest_ingested_at = records[0].timestamp
        self._last_record = records[-1]
        self.next_offset = self._last_record.offset + 1
        self.last_fold_at = time.monotonic()
        return decoded.rejections

    # ---- flush

    def take(self) -> Flush:
        """Take everything folded since the last flush; the fold goes on with nothing pending."""
        record = self._last_record
        checkpoint = Checkpoint(
            epoch=self.checkpoint.epoch,
            next_offset=self.next_offset,
            watermark=self.partition.watermark,
            configuration=self._book.version,
            configuration_number=self.checkpoint.configuration_number,
            reporting_zone=self._book.days.zone,
            partition_count=self.checkpoint.partition_count,
            last_offset=record.offset,
            last_record_hash=record_hash(record.key, record.value),
            reason=self.checkpoint.reason,
            books=copy(self.partition.books),
        )
        keys = list(self.partition.take_touched())
        conversations = self.partition.conversations
        flush = Flush(
            checkpoint,
            self.checkpoint.next_offset,
            self._interactions,
            self._rejections,
            self._dead_letters,
            self._rows.conversations(keys, [conversations[key] for key in keys]),
            self.partition.deltas.take(),
            time.monotonic(),
            self._oldest_ingested_at,
        )
        self._interactions, self._rejections, self._dead_letters = [], [], []
        self._oldest_ingested_at, self._last_record = 0, None
        return flush

    async def flush(self) -> FlushResult:
        """Write everything folded so far; only when `may_flush`. Waits for ClickHouse for as long as it takes.

        Raises Overtaken when a pane read back shows that another worker is ahead. A worker whose flush was given up
        (cancelled, or ended by an exception) has to be restored.
        """
        if self._is_flushing:
            raise RuntimeError(f"{self._where}: a flush is under way or was given up; expected none")
        self._is_flushing = True
        flush = self.take()
        checkpoint, writer, rows_of = flush.checkpoint, self._writer, self._event_rows.block
        first_offset, revision = flush.first_offset, checkpoint.revision
        if flush.dead_letters:
            await self._publish_dead_letters(flush.dead_letters)
            rejected = rows_of(checkpoint.epoch, flush.rejections)
            await patiently(self._where, lambda: writer.insert("rejections", rejected, first_offset, revision))
        if flush.interactions:
            events = rows_of(checkpoint.epoch, flush.interactions)
            await patiently(self._where, lambda: writer.insert("interactions", events, first_offset, revision))
        deltas = await asyncio.to_thread(flush.deltas.rolled_up)
        missing = self._state.panes.missing(deltas)
        if missing:
            newest = self.checkpoint.revision
            for tier, key, values in await patiently(
                self._where, lambda: writer.panes(checkpoint.epoch, missing, newest)
            ):
                self._state.panes.load(tier, [(key, values)])
        block = await asyncio.to_thread(self._ledger_block, flush, deltas)
        await patiently(self._where, lambda: writer.insert("ledger", block, first_offset, revision))  # the commit point
        self.checkpoint = checkpoint
        self._is_flushing = False
        self.last_flush_at = time.monotonic()
        self._state.evict()
        await self._expire_minutes()
        row_count = block.row_count + _row_count(flush.interactions) + _row_count(flush.rejections)
        return FlushResult(checkpoint, row_count, self.last_flush_at - flush.taken_at, flush.oldest_ingested_at)

    def _ledger_block(self, flush: Flush, deltas: Tiers) -> Block:
        """Add the deltas to their bases and encode all rows of the flush. Once per flush: it changes the bases."""
        checkpoint = flush.checkpoint
        panes = self._rows.panes(checkpoint.epoch, self._state.panes.add(deltas))
        sections = [flush.conversations, checkpoint_section(checkpoint), panes]
        return ledger_block(self.log, self.kafka_partition, checkpoint.revision, sections)

    async def _expire_minutes(self) -> None:
        """Once a day, delete the minutes that no view reads any more."""
        now = time.monotonic()
        before_ms = self.checkpoint.watermark - KEEP_MINUTES_MS
        if now < self._expire_minutes_at or before_ms <= 0:
            return
        self._expire_minutes_at = now + EXPIRE_EVERY_SECONDS
        await patiently(self._where, lambda: self._writer.expire_minutes(before_ms))


def _row_count(sections: Sequence[Section]) -> int:
    return sum(section.row_count for section in sections)
