"""One partition of the interactions in one process.

Its outbox: dead letters and facts about known customers, acknowledged by Kafka; rows of `rejections` and
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
from pipeline.ledger.failures import Known
from pipeline.ledger.rows import RowEncoder
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.job import Taken
from pipeline.processing.partition import PartitionProcessor
from pipeline.processing.state import StateCache
from pipeline.retry import retry_in_thread
from pipeline.stages.facts import FactBatch, fact_batch
from pipeline.stages.interactions.rows import EventRowEncoder
from pipeline.stages.interactions.state import InteractionsState
from streams.checkpoint import Checkpoint
from streams.events import Rejection
from streams.rules import Rules

_offset = attrgetter("offset")
#: Three times the usual size of an event's row. Bounds pending records to about 0.1 GB.
BYTES_PER_RECORD = 1_000
#: Decoded, folded and encoded together: few enough to stay in the CPU cache throughout.
RECORDS_PER_STEP = 1_000


class Outbox(NamedTuple):
    """Rows and messages that are published before the commit point."""

    interactions: list[Section]
    rejections: list[Section]
    dead_letters: list[DeadLetter]
    fact_batch: FactBatch


class InteractionsJob:
    """The job of one partition of the interactions. Without `publish_facts`, customer facts are discarded."""

    records_per_step = RECORDS_PER_STEP

    def __init__(
        self,
        log: str,
        kafka_partition: int,
        rules: Rules,
        codec: Codec,
        reader: ClickHouse,
        writer: ClickHouse,
        publish_dead_letters: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        publish_facts: Callable[[FactBatch], Awaitable[None]] | None,
        on_failure: Callable[[], None],
    ) -> None:
        self._log = log
        self._kafka_partition = kafka_partition
        self._where = f"{log}[{kafka_partition}]"
        self._codec = codec
        self._publish_dead_letters = publish_dead_letters
        self._publish_facts = publish_facts
        self._on_failure = on_failure
        state = InteractionsState(rules, reader, log, kafka_partition)
        self.fold = state.fold
        self.cache = StateCache(state.ledger, state)
        self.ledger = PartitionLedger(writer, log, kafka_partition, "conversation", state.cells)
        self.rows = RowEncoder(rules, state.cells)
        self._event_rows = EventRowEncoder(rules, state.cells, log, kafka_partition)
        self._interactions: list[Section] = []
        self._rejections: list[Section] = []
        self._dead_letters: list[DeadLetter] = []
        self._pending_bytes = 0

    @property
    def pending_count(self) -> int:
        """Records processed since the last `take`. Large ones count as several, by `BYTES_PER_RECORD`."""
        row_count = _row_count(self._interactions) + _row_count(self._rejections)
        return max(row_count, self._pending_bytes // BYTES_PER_RECORD)

    @property
    def open_count(self) -> int:
        """The number of open conversations, in memory or not."""
        return self.fold.open_count

    @property
    def cell_count(self) -> int:
        """The number of admitted cells, to be compared with the limit in the rules."""
        return len(self.fold.admission)

    def described(self, found_how: str) -> str:
        """Return what the state contains, for the log file."""
        return f"{found_how} {len(self.fold.conversations)} conversations"

    async def process(
        self, records: Sequence[Any], known: Known, newest_revision: Callable[[], int]
    ) -> Sequence[Rejection]:
        """Decode, fold and encode records; return the rejections."""
        skips = known.skips
        skipped = [record for record in records if record.offset in skips] if skips else []
        others = [record for record in records if record.offset not in skips] if skipped else records
        decoded = self._codec.decode(others, self.fold.broker_at)
        if skipped:
            at = decoded.broker_at
            decoded.rejections.extend(Rejection(r.offset, at, "skipped", "", skips[r.offset]) for r in skipped)
            decoded.rejections.sort(key=_offset)
        await self.cache.read_back({event.key for event in decoded.events}, newest_revision)
        books = self.fold.books
        accepted = self.fold.fold(decoded.events)
        self.fold.broker_at = decoded.broker_at
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
                self._dead_letters.append(dead_letter(self._log, self._kafka_partition, record, rejection))
                self._pending_bytes += len(record.value or b"")
        return decoded.rejections

    def take(self, checkpoint: Checkpoint) -> Taken:
        """Take the touched conversations, the newly admitted cells and the outbox."""
        checkpoint.broker_at = self.fold.broker_at
        facts = fact_batch(self._kafka_partition, checkpoint.epoch, self.fold.take_facts(), self.fold.cells)
        outbox = Outbox(self._interactions, self._rejections, self._dead_letters, facts)
        self._interactions, self._rejections, self._dead_letters = [], [], []
        self._pending_bytes = 0
        keys = list(self.fold.take_touched())
        conversations = self.fold.conversations
        rows = [
            self.rows.conversations(keys, [conversations[key] for key in keys]),
            self.rows.cells(self.fold.admission.take_fresh()),
        ]
        return Taken(rows, outbox)

    async def publish(self, outbox: Outbox, checkpoint: Checkpoint, first_offset: int) -> int:
        """Publish facts and dead letters, then write `rejections` and `interactions`."""
        if outbox.fact_batch.facts and self._publish_facts:
            await self._publish_facts(outbox.fact_batch)
        if outbox.dead_letters:
            await self._publish_dead_letters(outbox.dead_letters)
        for table, sections in (("rejections", outbox.rejections), ("interactions", outbox.interactions)):
            if sections:
                await retry_in_thread(
                    self._where,
                    self.ledger.insert,
                    table,
                    self._event_rows.block(checkpoint.epoch, sections),
                    first_offset,
                    checkpoint.revision,
                    on_failure=self._on_failure,
                )
        return _row_count(outbox.interactions) + _row_count(outbox.rejections)


def _row_count(sections: Sequence[Section]) -> int:
    return sum(section.row_count for section in sections)


def interactions_processor(
    log: str,
    kafka_partition: int,
    rules: Rules,
    codec: Codec,
    connect: Callable[[], ClickHouse],
    publish_dead_letters: Callable[[Sequence[DeadLetter]], Awaitable[None]],
    publish_facts: Callable[[FactBatch], Awaitable[None]] | None = None,
    on_failure: Callable[[], None] = lambda: None,
) -> PartitionProcessor[InteractionsJob]:
    """Return a processor of one partition of the interactions, not yet restored."""

    def new_job(reader: ClickHouse, writer: ClickHouse) -> InteractionsJob:
        return InteractionsJob(
            log, kafka_partition, rules, codec, reader, writer, publish_dead_letters, publish_facts, on_failure
        )

    return PartitionProcessor(log, kafka_partition, rules, connect, new_job, on_failure)
