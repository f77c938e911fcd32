"""One partition of the topic of contacts in one process: facts about known customers become numbers of the ledger.

Nothing goes out ahead of its commit point: nobody folds what it says.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import msgspec

from pipeline.clickhouse.blocks import Section
from pipeline.clickhouse.client import ClickHouse
from pipeline.ledger.customers import CustomerLedger, customer_section
from pipeline.ledger.rows import RowEncoder
from pipeline.processing.partition import Flush, LedgerWorker
from pipeline.processing.state import LedgerState
from pipeline.stages.facts import sourced_facts
from streams.checkpoint import CUSTOMERS, Checkpoint
from streams.customers.customer import STRETCH_MS, Customer
from streams.customers.fold import Customers, SourcedFact, remembered_keys, stretch_key
from streams.events import Rejection
from streams.panes.cells import Cells
from streams.rules import RuleBook

logger = logging.getLogger(__name__)

#: Stretches, of 0.7 KB each where traffic is usual.
CACHED_CUSTOMERS = 50_000


class CustomersState(LedgerState):
    """The fold's state: customers that were heard of lately. None is read before it is needed."""

    def __init__(self, book: RuleBook, door: ClickHouse, log: str, kafka_partition: int) -> None:
        self.cells = Cells()
        self.partition = Customers(book, self.cells)
        ledger = CustomerLedger(door, log, kafka_partition, self.cells)
        super().__init__(ledger, ledger.customers, f"{log}[{kafka_partition}]", self.partition.customers)

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.partition.restore(checkpoint.watermark, checkpoint.books, dict(checkpoint.positions))

    def _evict(self) -> None:
        customers, touched = self.partition.customers, self.partition.touched
        surplus = len(customers) - CACHED_CUSTOMERS
        if surplus > 0:
            for key in list(islice((key for key in customers if key not in touched), surplus)):
                del customers[key]


class CustomersWorker(LedgerWorker):
    """State and work of one partition of the topic of contacts."""

    # One holds up to two thousand facts.
    folded_records = 1

    def __init__(self, log: str, kafka_partition: int, book: RuleBook, connect: Callable[[], ClickHouse]) -> None:
        self._pending_count = 0
        super().__init__(log, kafka_partition, book, connect)

    @property
    def pending_count(self) -> int:
        """Facts folded since the last flush was taken."""
        return self._pending_count

    def described(self, found_how: str) -> str:
        return f"customers {found_how}"

    def _begin(self) -> CustomersState:
        log, number = self.log, self.kafka_partition
        self._state = state = CustomersState(self._book, self._read_door, log, number)
        self._fold_state = self.partition = state.partition
        self._rows = RowEncoder(self._book, state.cells)
        self._writer = CustomerLedger(self._write_door, log, number, state.cells)
        return state

    async def _fold(self, records: Sequence[Any]) -> Sequence[Rejection]:
        # Whatever else has to be done in this process comes first.
        await asyncio.sleep(0)
        facts: list[SourcedFact] = []
        rejected = 0
        for record in records:
            if record.offset in self.known.skips:
                logger.warning("%s@%d: skipped: %s", self._where, record.offset, self.known.skips[record.offset])
                rejected += 1
                continue
            try:
                facts += sourced_facts(record.value or b"", self.partition.cells)
            except (msgspec.MsgspecError, IndexError, UnicodeDecodeError, RecursionError) as error:
                # No worker of ours wrote this, so no number is missing; stopping would help nobody.
                logger.warning("%s@%d: expected facts about customers, got %s", self._where, record.offset, error)
                rejected += 1
        keys = {key for fact in facts for key in remembered_keys(fact.customer, fact.fact.at)}
        begun = {stretch_key(fact.customer, fact.fact.at // STRETCH_MS) for fact in facts}
        await self._state.read_back(keys, lambda: self.checkpoint.revision, begun)
        books = self.partition.books
        books.consumed += rejected
        books.rejected += rejected
        self.partition.fold(facts)
        self._pending_count += len(facts)
        return ()

    def take(self) -> Flush:
        flush = super().take()
        flush.checkpoint.stage = CUSTOMERS
        flush.checkpoint.positions = dict(self.partition.positions)
        self._pending_count = 0
        return flush

    def _take_rows(self) -> Sequence[Section]:
        keys = self.partition.take_touched()
        customers: list[Customer] = [self.partition.customers[key] for key in keys]
        return [customer_section(customers, self.partition.cells)]

    def _take_ahead(self, checkpoint: Checkpoint) -> None:
        return None

    async def _write_ahead(self, flush: Flush) -> int:
        return 0
