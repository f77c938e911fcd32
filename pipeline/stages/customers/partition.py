"""One partition of the customer facts in one process: facts become panes and customers in the ledger.

Its outbox is always empty, because no further stage reads its results from Kafka.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pipeline.clickhouse.client import ClickHouse
from pipeline.ledger.customers import CustomerReader, customer_section
from pipeline.ledger.failures import Known
from pipeline.ledger.rows import RowEncoder
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.job import Taken
from pipeline.processing.partition import PartitionProcessor
from pipeline.processing.state import StateCache, forget_surplus
from pipeline.stages.facts import sourced_facts
from streams.checkpoint import CUSTOMERS, Checkpoint
from streams.customers.customer import STRETCH_MS, Customer
from streams.customers.fold import CustomerFold, SourcedFact, remembered_keys, stretch_key
from streams.events import Rejection
from streams.panes.cells import CellIndex
from streams.rules import Rules

logger = logging.getLogger(__name__)

#: Stretches, of about 0.7 KB each under normal traffic.
CACHED_CUSTOMERS = 50_000


class CustomersState:
    """The state of the fold: recently active customers, read from the ledger on demand."""

    def __init__(self, rules: Rules, client: ClickHouse, log: str, kafka_partition: int) -> None:
        self.cells = CellIndex()
        self.fold = CustomerFold(rules, self.cells)
        self.ledger = PartitionLedger(client, log, kafka_partition, "customer", self.cells)
        self._reader = CustomerReader(self.ledger)

    @property
    def held(self) -> dict[str, Customer]:
        """Stretches of customers by key."""
        return self.fold.customers

    def look_up(self, keys: Sequence[str], newest_revision: int) -> Sequence[tuple[str, Customer]]:
        """Read stretches from the ledger by key. Raises FencedError if one is newer than `newest_revision`."""
        return self._reader.read_back(keys, newest_revision)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore watermark, books and positions from the checkpoint."""
        self.fold.restore(checkpoint.watermark, checkpoint.books, dict(checkpoint.positions))

    def evict(self) -> None:
        """Evict stretches beyond the bound that were not touched since the last flush."""
        forget_surplus(self.fold.customers, self.fold.touched, CACHED_CUSTOMERS)


class CustomersJob:
    """The job of one partition of the customer facts."""

    # A record holds up to two thousand facts.
    records_per_step = 1
    open_count = None

    def __init__(self, log: str, kafka_partition: int, rules: Rules, reader: ClickHouse, writer: ClickHouse) -> None:
        self._where = f"{log}[{kafka_partition}]"
        state = CustomersState(rules, reader, log, kafka_partition)
        self.fold = state.fold
        self.cache = StateCache(state.ledger, state)
        self.ledger = PartitionLedger(writer, log, kafka_partition, "customer", state.cells)
        self.rows = RowEncoder(rules, state.cells)
        #: Facts processed since the last `take`.
        self.pending_count = 0

    def described(self, found_how: str) -> str:
        """Return what the state contains, for the log file."""
        return f"customers {found_how}"

    async def process(
        self, records: Sequence[Any], known: Known, newest_revision: Callable[[], int]
    ) -> Sequence[Rejection]:
        """Fold the facts of records. Invalid records are logged and counted; none becomes a dead letter."""
        # Yield to the other work of this process.
        await asyncio.sleep(0)
        facts: list[SourcedFact] = []
        rejected = 0
        for record in records:
            if record.offset in known.skips:
                logger.warning("%s@%d: skipped: %s", self._where, record.offset, known.skips[record.offset])
                rejected += 1
                continue
            try:
                facts += sourced_facts(record.value or b"", self.fold.cells)
            except (msgspec.MsgspecError, IndexError, UnicodeDecodeError, RecursionError) as error:
                # No worker wrote this, so no number is missing and stopping would not help.
                logger.warning("%s@%d: expected facts about customers, got %s", self._where, record.offset, error)
                rejected += 1
        keys = {key for fact in facts for key in remembered_keys(fact.customer, fact.fact.at)}
        begun = {stretch_key(fact.customer, fact.fact.at // STRETCH_MS) for fact in facts}
        await self.cache.read_back(keys, newest_revision, begun)
        books = self.fold.books
        books.consumed += rejected
        books.rejected += rejected
        self.fold.fold(facts)
        self.pending_count += len(facts)
        return ()

    def take(self, checkpoint: Checkpoint) -> Taken:
        """Take the stretches touched. The outbox is empty."""
        checkpoint.stage = CUSTOMERS
        checkpoint.positions = dict(self.fold.positions)
        self.pending_count = 0
        customers: list[Customer] = [self.fold.customers[key] for key in self.fold.take_touched()]
        return Taken([customer_section(customers, self.fold.cells)], None)

    async def publish(self, outbox: None, checkpoint: Checkpoint, first_offset: int) -> int:
        """Do nothing: the outbox is empty."""
        return 0


def customers_processor(
    log: str,
    kafka_partition: int,
    rules: Rules,
    connect: Callable[[], ClickHouse],
    on_failure: Callable[[], None] = lambda: None,
) -> PartitionProcessor[CustomersJob]:
    """Return a processor of one partition of the customer facts, not yet restored."""

    def new_job(reader: ClickHouse, writer: ClickHouse) -> CustomersJob:
        return CustomersJob(log, kafka_partition, rules, reader, writer)

    return PartitionProcessor(log, kafka_partition, rules, connect, new_job, on_failure)
