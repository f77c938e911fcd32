"""What the engine of a partition asks of the log that it processes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from pipeline.clickhouse.blocks import Section
from pipeline.ledger.failures import Known
from pipeline.ledger.rows import RowEncoder
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.state import StateCache
from streams.books import Books
from streams.checkpoint import Checkpoint
from streams.events import Rejection
from streams.panes.deltas import PaneDeltas


class Fold(Protocol):
    """What every fold of a partition has: see `streams.fold` and `streams.customers.fold`."""

    watermark: int
    books: Books
    deltas: PaneDeltas


class Taken(NamedTuple):
    """What a flush writes beside panes and checkpoint: rows of the ledger, and what is published before them."""

    rows: Sequence[Section]
    outbox: Any


class PartitionJob(Protocol):
    """The meaning of one log's records, with its state. Made anew at each restore.

    `records_per_step` records are processed together, without a wait between them.
    """

    @property
    def fold(self) -> Fold:
        """The state of the fold."""

    @property
    def cache(self) -> StateCache:
        """What memory holds of the ledger."""

    @property
    def ledger(self) -> PartitionLedger:
        """Where flushes go."""

    @property
    def rows(self) -> RowEncoder:
        """The encoder of this job's cells."""

    @property
    def records_per_step(self) -> int:
        """How many records are processed together."""

    @property
    def pending_count(self) -> int:
        """How much was processed since the last `take`."""

    @property
    def open_count(self) -> int | None:
        """Conversations open; None where the log has none."""

    def described(self, found_how: str) -> str:
        """Return what was found, and how (restored, or still held), for the log."""

    async def process(
        self, records: Sequence[Any], known: Known, newest_revision: Callable[[], int]
    ) -> Sequence[Rejection]:
        """Process at least one record, none of them processed before. Return the rejections.

        `newest_revision` is that of the partition's last flush. Raises FencedError and RetryableError.
        """

    def take(self, checkpoint: Checkpoint) -> Taken:
        """Take what was processed since the last call, and complete its checkpoint."""

    async def publish(self, outbox: Any, checkpoint: Checkpoint, first_offset: int) -> int:
        """Publish an outbox, acknowledged; return how many rows it wrote. Ahead of the commit point."""
