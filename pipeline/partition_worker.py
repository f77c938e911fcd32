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
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from pipeline.blocks import Block, Section
from pipeline.clickhouse import ClickHouse, Unavailable
from pipeline.codec import Codec
from pipeline.dead_letter import DeadLetter, dead_letter
from pipeline.event_rows import EventRowEncoder
from pipeline.known_ids import KnownIds
from pipeline.ledger import Ledger
from pipeline.ledger_rows import (
    RowEncoder,
    checkpoint_section,
    conversation_hash,
    ledger_block,
)
from streams.checkpoint import Checkpoint, record_hash
from streams.conversation import OPEN
from streams.events import Event, Rejection
from streams.pane_cache import PaneCache
from streams.panes import DAY_MS, Cells, PaneDeltas, Tiers
from streams.partition import Partition
from streams.rules import RuleBook

logger = logging.getLogger(__name__)

CACHED_PANES_PER_TIER = 100_000
CACHED_CONVERSATIONS = 2_000_000
CACHED_DEPARTED = 50_000
PENDING_EVENTS = 100_000
#: Records decoded, folded and encoded together: few enough to stay in the processor's cache on their way.
FOLDED_RECORDS = 1_000
LONGEST_BACKOFF_SECONDS = 10.0
KEEP_MINUTES_MS = 28 * DAY_MS
FIRST_EXPIRY_SECONDS = 600.0
EXPIRE_EVERY_SECONDS = 86_400.0

Result = TypeVar("Result")


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
        self._book = book
        self._codec = codec
        self._publish_dead_letters = publish_dead_letters
        self._read_door, self._write_door = connect(), connect()
        self._forget()
        self._interactions: list[Section] = []
        self._rejections: list[Section] = []
        self._dead_letters: list[DeadLetter] = []
        self._last_record: Any = None
        self._oldest_ingested_at = 0
        self._evict_above = CACHED_DEPARTED
        self._expire_minutes_at = time.monotonic() + FIRST_EXPIRY_SECONDS
        self.checkpoint = Checkpoint(epoch=0)
        self.next_offset = 0
        self.last_flush_at = time.monotonic()

    @property
    def pending_count(self) -> int:
        """Records folded since the last flush was taken."""
        return _row_count(self._interactions) + _row_count(self._rejections)

    @property
    def is_dirty(self) -> bool:
        """Whether anything was folded since the last flush was taken."""
        return self._last_record is not None

    def close(self) -> None:
        """Give the connections back."""
        self._read_door.close()
        self._write_door.close()

    # ---- restore (runs in a thread of its own; nothing else touches the worker meanwhile)

    def restore(self, first: Callable[[], Checkpoint]) -> None:
        """Read the partition's state: checkpoint, open conversations, newest panes, known ids.

        `first` makes the checkpoint of a partition that has none. The checkpoint is read again at the end: had another
        worker written meanwhile, all is read once more. Raises what ClickHouse raises.
        """
        while True:
            self._forget()
            found = self._reader.checkpoint()
            checkpoint = found or first()
            self._load(checkpoint)
            again = self._reader.checkpoint()
            if (again and again.revision) == (found and found.revision):
                break
        self.checkpoint = checkpoint
        self.next_offset = checkpoint.next_offset
        self.last_flush_at = time.monotonic()

    def _forget(self) -> None:
        """Begin with nothing: a new numbering of cells, and all that speaks in it."""
        cells = Cells()
        self.partition = Partition(self._book, cells)
        self._panes, self._known = PaneCache(), KnownIds()
        self._rows = RowEncoder(self._book, cells)
        self._event_rows = EventRowEncoder(self._book, cells, self.log, self.kafka_partition)
        self._reader = Ledger(self._read_door, self.log, self.kafka_partition, cells)
        self._writer = Ledger(self._write_door, self.log, self.kafka_partition, cells)

    def _load(self, checkpoint: Checkpoint) -> None:
        self.partition.restore(checkpoint.watermark, checkpoint.books)
        for rows in self._reader.open_conversations():
            self.partition.conversations.update(rows)
        self.partition.open_count = len(self.partition.conversations)
        for hashes in self._reader.conversation_hashes():
            self._known.add(hashes)
        for tier in Tiers._fields:
            panes = self._reader.newest_panes(checkpoint.epoch, tier, CACHED_PANES_PER_TIER)
            self._panes.load(tier, panes, is_complete=len(panes) < CACHED_PANES_PER_TIER)

    # ---- fold

    async def fold(self, records: Sequence[Any]) -> Sequence[Rejection]:
        """Fold records in log order; those before the next offset are dropped. The rejections come back.

        Raises Overtaken when a row read back shows that another worker is ahead, Unavailable when ClickHouse is away.
        """
        rejections: list[Rejection] = []
        for start in range(0, len(records), FOLDED_RECORDS):
            some = records[start : start + FOLDED_RECORDS]
            if some[0].offset < self.next_offset:
                some = [record for record in some if record.offset >= self.next_offset]
            if some:
                rejections += await self._fold(some)
        return rejections

    async def _fold(self, records: Sequence[Any]) -> Sequence[Rejection]:
        decoded = self._codec.decode(records)
        await self._read_back(decoded.events)
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
        return decoded.rejections

    async def _read_back(self, events: Sequence[Event]) -> None:
        """Bring the conversations back that memory does not hold and the ledger may.

        While a look-up waits, a flush may end and evict; so look again until nothing is missing.
        """
        conversations, known = self.partition.conversations, self._known
        keys = {event.key for event in events}
        absent: set[str] = set()
        while True:
            missing = {key: conversation_hash(key) for key in keys if key not in conversations and key not in absent}
            unsure = [key for key, value in missing.items() if value in known]
            known.add(missing.values())
            absent.update(missing)
            if not unsure:
                return
            newest = self.checkpoint.revision
            found = dict(await self._patiently(lambda: self._reader.read_back(unsure, newest)))  # noqa: B023
            absent -= found.keys()
            conversations.update(found)

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
        """Write everything folded so far. One at a time. Waits for ClickHouse for as long as it takes.

        Raises Overtaken when a pane read back shows that another worker is ahead.
        """
        flush = self.take()
        checkpoint, writer, rows_of = flush.checkpoint, self._writer, self._event_rows.block
        first_offset, revision = flush.first_offset, checkpoint.revision
        if flush.dead_letters:
            await self._publish_dead_letters(flush.dead_letters)
            rejected = rows_of(checkpoint.epoch, flush.rejections)
            await self._patiently(lambda: writer.insert("rejections", rejected, first_offset, revision))
        if flush.interactions:
            events = rows_of(checkpoint.epoch, flush.interactions)
            await self._patiently(lambda: writer.insert("interactions", events, first_offset, revision))
        deltas = await asyncio.to_thread(flush.deltas.rolled_up)
        missing = self._panes.missing(deltas)
        if missing:
            newest = self.checkpoint.revision
            for tier, key, values in await self._patiently(lambda: writer.panes(checkpoint.epoch, missing, newest)):
                self._panes.load(tier, [(key, values)])
        block = await asyncio.to_thread(self._ledger_block, flush, deltas)
        await self._patiently(lambda: writer.insert("ledger", block, first_offset, revision))  # the commit point
        self.checkpoint = checkpoint
        self.last_flush_at = time.monotonic()
        self._evict()
        await self._expire_minutes()
        row_count = block.row_count + _row_count(flush.interactions) + _row_count(flush.rejections)
        return FlushResult(checkpoint, row_count, self.last_flush_at - flush.taken_at, flush.oldest_ingested_at)

    def _ledger_block(self, flush: Flush, deltas: Tiers) -> Block:
        """Add the deltas to their bases and encode all rows of the flush. Once per flush: it changes the bases."""
        checkpoint = flush.checkpoint
        panes = self._rows.panes(checkpoint.epoch, self._panes.add(deltas))
        sections = [flush.conversations, checkpoint_section(checkpoint), panes]
        return ledger_block(self.log, self.kafka_partition, checkpoint.revision, sections)

    async def _patiently(self, work: Callable[[], Result]) -> Result:
        """Do something with ClickHouse in a thread, again and again while it is away."""
        wait_seconds = 0.1
        while True:
            try:
                return await asyncio.to_thread(work)
            except Unavailable as error:
                logger.warning(
                    "%s[%d]: ClickHouse is away, again in %.1f s: %s",
                    self.log,
                    self.kafka_partition,
                    wait_seconds,
                    error,
                )
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(2 * wait_seconds, LONGEST_BACKOFF_SECONDS)

    # ---- what may leave memory

    def _evict(self) -> None:
        """Between flushes: forget panes and conversations that were not touched since the flush just acknowledged."""
        self._panes.evict(CACHED_PANES_PER_TIER)
        conversations, touched = self.partition.conversations, self.partition.touched
        if len(conversations) < self._evict_above:
            return
        for key in [k for k, found in conversations.items() if found.state != OPEN and k not in touched]:
            del conversations[key]
        surplus = len(conversations) - CACHED_CONVERSATIONS
        if surplus > 0:
            for key in list(islice((key for key in conversations if key not in touched), surplus)):
                del conversations[key]
        self._evict_above = len(conversations) + CACHED_DEPARTED

    async def _expire_minutes(self) -> None:
        """Once a day, delete the minutes that no view reads any more."""
        now = time.monotonic()
        before_ms = self.checkpoint.watermark - KEEP_MINUTES_MS
        if now < self._expire_minutes_at or before_ms <= 0:
            return
        self._expire_minutes_at = now + EXPIRE_EVERY_SECONDS
        await self._patiently(lambda: self._writer.expire_minutes(before_ms))


def _row_count(sections: Sequence[Section]) -> int:
    return sum(section.row_count for section in sections)
