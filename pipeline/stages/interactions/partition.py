"""One partition of the interactions in one process.

Ahead of the commit point go: dead letters and facts about known customers, acknowledged by Kafka; `rejections` and
`interactions`.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from pipeline.clickhouse.blocks import Section
from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter, dead_letter
from pipeline.ledger.rows import RowEncoder
from pipeline.ledger.store import Ledger
from pipeline.processing.partition import PENDING_EVENTS, Flush, FlushResult, LedgerWorker
from pipeline.retry import retry_in_thread
from pipeline.stages.facts import Told, told
from pipeline.stages.interactions.rows import EventRowEncoder
from pipeline.stages.interactions.state import PartitionState
from streams.checkpoint import Checkpoint
from streams.events import Rejection
from streams.rules import RuleBook

__all__ = ["PENDING_EVENTS", "FlushResult", "PartitionWorker"]

_offset = attrgetter("offset")
#: Three times what an event's row usually takes. With as many as may be pending, a tenth of a gigabyte.
BYTES_PER_RECORD = 1_000


class Ahead(NamedTuple):
    """What goes out ahead of the commit point."""

    interactions: list[Section]
    rejections: list[Section]
    dead_letters: list[DeadLetter]
    told: Told


class PartitionWorker(LedgerWorker):
    """State and work of one partition of the interactions. Without `publish_facts` nobody is told about customers."""

    def __init__(
        self,
        log: str,
        kafka_partition: int,
        book: RuleBook,
        codec: Codec,
        connect: Callable[[], ClickHouse],
        publish_dead_letters: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        publish_facts: Callable[[Told], Awaitable[None]] | None = None,
    ) -> None:
        self._codec = codec
        self._publish_dead_letters = publish_dead_letters
        self._publish_facts = publish_facts
        self._interactions: list[Section] = []
        self._rejections: list[Section] = []
        self._dead_letters: list[DeadLetter] = []
        self._pending_bytes = 0
        super().__init__(log, kafka_partition, book, connect)

    @property
    def pending_count(self) -> int:
        """Records folded since the last flush was taken; large ones count for as many as would take their memory."""
        row_count = _row_count(self._interactions) + _row_count(self._rejections)
        return max(row_count, self._pending_bytes // BYTES_PER_RECORD)

    @property
    def open_count(self) -> int:
        """Conversations open, in memory or not."""
        return self.partition.open_count

    @property
    def cell_count(self) -> int:
        """Cells that are counted in, to be compared with the limit of the rules."""
        return len(self.partition.admission)

    def described(self, found_how: str) -> str:
        return f"{found_how} {len(self.partition.conversations)} conversations"

    def _begin(self) -> PartitionState:
        log, number = self.log, self.kafka_partition
        self._state = state = PartitionState(self._book, self._read_door, log, number)
        self._fold_state = self.partition = state.partition
        self._rows = RowEncoder(self._book, state.cells)
        self._event_rows = EventRowEncoder(self._book, state.cells, log, number)
        self._writer = Ledger(self._write_door, log, number, state.cells)
        return state

    async def _fold(self, records: Sequence[Any]) -> Sequence[Rejection]:
        skips = self.known.skips
        aside = [record for record in records if record.offset in skips] if skips else []
        others = [record for record in records if record.offset not in skips] if aside else records
        decoded = self._codec.decode(others, self.partition.broker_at)
        if aside:
            at = decoded.broker_at
            decoded.rejections.extend(Rejection(one.offset, at, "skipped", "", skips[one.offset]) for one in aside)
            decoded.rejections.sort(key=_offset)
        await self._state.read_back({event.key for event in decoded.events}, lambda: self.checkpoint.revision)
        books = self.partition.books
        accepted = self.partition.fold(decoded.events)
        self.partition.broker_at = decoded.broker_at
        books.consumed += len(records)
        books.rejected += len(decoded.rejections)
        books.dropped_field += decoded.dropped_fields
        if accepted:
            rows = self._event_rows.interactions(accepted)
            self._interactions.append(rows)
            self._pending_bytes += rows.byte_count
        if decoded.rejections:
            self._rejections.append(self._event_rows.rejections(decoded.rejections))
            for rejection in decoded.rejections:
                record = records[bisect_left(records, rejection.offset, key=_offset)]
                self._dead_letters.append(dead_letter(self.log, self.kafka_partition, record, rejection))
                self._pending_bytes += len(record.value or b"")
        return decoded.rejections

    def take(self) -> Flush:
        flush = super().take()
        flush.checkpoint.broker_at = self.partition.broker_at
        return flush

    def _take_rows(self) -> Sequence[Section]:
        keys = list(self.partition.take_touched())
        conversations = self.partition.conversations
        return [
            self._rows.conversations(keys, [conversations[key] for key in keys]),
            self._rows.cells(self.partition.admission.take_fresh()),
        ]

    def _take_ahead(self, checkpoint: Checkpoint) -> Ahead:
        facts = self.partition.take_facts()
        known = told(self.kafka_partition, checkpoint.epoch, facts, self.partition.cells)
        ahead = Ahead(self._interactions, self._rejections, self._dead_letters, known)
        self._interactions, self._rejections, self._dead_letters = [], [], []
        self._pending_bytes = 0
        return ahead

    async def _write_ahead(self, flush: Flush) -> int:
        ahead: Ahead = flush.ahead
        epoch, revision = flush.checkpoint.epoch, flush.checkpoint.revision
        if ahead.told.facts and self._publish_facts:
            await self._publish_facts(ahead.told)
        if ahead.dead_letters:
            await self._publish_dead_letters(ahead.dead_letters)
        for table, sections in (("rejections", ahead.rejections), ("interactions", ahead.interactions)):
            if sections:
                rows = self._event_rows.block(epoch, sections)
                await retry_in_thread(
                    self._where,
                    self._writer.insert,
                    table,
                    rows,
                    flush.first_offset,
                    revision,
                    on_failure=self.insert_failed,
                )
        return _row_count(ahead.interactions) + _row_count(ahead.rejections)


def _row_count(sections: Sequence[Section]) -> int:
    return sum(section.row_count for section in sections)
