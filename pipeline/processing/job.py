"""The interface between the partition engine and the kind of log it processes."""

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
    """The common part of the folds in `streams.fold` and `streams.customers.fold`."""

    watermark: int
    books: Books
    deltas: PaneDeltas


class Taken(NamedTuple):
    """The job's part of a flush, besides panes and checkpoint: ledger rows, and the outbox published before them."""

    rows: Sequence[Section]
    outbox: Any


class PartitionJob(Protocol):
    """The processing of one kind of log, with its state. Created anew at each restore."""

    @property
    def fold(self) -> Fold:
        """The fold and its state."""

    @property
    def cache(self) -> StateCache:
        """The part of the ledger that is in memory."""

    @property
    def ledger(self) -> PartitionLedger:
        """The ledger that flushes are written to."""

    @property
    def rows(self) -> RowEncoder:
        """The encoder of this job's cells."""

    @property
    def records_per_step(self) -> int:
        """The number of records processed together, without yielding to the event loop in between."""

    @property
    def pending_count(self) -> int:
        """The number of records or facts processed since the last `take`."""

    @property
    def open_count(self) -> int | None:
        """The number of open conversations; None for a log without conversations."""

    def described(self, found_how: str) -> str:
        """Return what the state contains and how it was obtained ("restored", "still holding"), for the log file."""

    async def process(
        self, records: Sequence[Any], known: Known, newest_revision: Callable[[], int]
    ) -> Sequence[Rejection]:
        """Process one or more records that were not processed before. Return the rejections.

        `newest_revision` returns the revision of the partition's last flush. Raises FencedError and RetryableError.
        """

    def take(self, checkpoint: Checkpoint) -> Taken:
        """Take everything processed since the last call, and fill in the job's fields of the checkpoint."""

    async def publish(self, outbox: Any, checkpoint: Checkpoint, first_offset: int) -> int:
        """Publish the outbox, acknowledged, before the commit point. Return the number of rows written."""
