"""How a partition's worker comes to its state: the ledger is read, and the log must go on where it stands."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from pipeline.clickhouse.client import ClickHouse
from pipeline.kafka.admin import Broker
from pipeline.ledger import rules_version as configuration
from pipeline.ledger.epochs import first_checkpoint, verify
from pipeline.ledger.failures import Known, known
from pipeline.ledger.rules_version import Configuration
from pipeline.processing.partition import LedgerWorker
from pipeline.retry import retry_in_thread
from pipeline.settings import Settings
from streams.checkpoint import Checkpoint
from streams.rules import RuleBook

logger = logging.getLogger(__name__)


Worker = TypeVar("Worker", bound=LedgerWorker)


class Restorer(Generic[Worker]):
    """Makes workers of the partitions of a log, restored. Raises LogRefusedError and RulesRefusedError."""

    def __init__(
        self,
        settings: Settings,
        book: RuleBook,
        broker: Broker,
        log: str,
        new_worker: Callable[[int], Worker],
    ) -> None:
        self._settings = settings
        self._broker = broker
        self.log = log
        self._new_worker = new_worker
        #: Under which configuration the checkpoints of this process go.
        self.configuration = Configuration(0, book.version)

    def connect(self) -> ClickHouse:
        """A new connection to the database."""
        return ClickHouse(self._settings.clickhouse_url, self._settings.clickhouse_database)

    async def restored(self, partition: int, partition_count: int, kept: Worker | None = None) -> Worker:
        """A worker of the partition that stands where the ledger does. Waits for ClickHouse and Kafka.

        `kept` is one that had the partition before. It comes back if nothing has happened since, or is closed.
        """
        log = self.log
        where = f"{log}[{partition}]"
        started_at = time.monotonic()
        if kept is not None and await retry_in_thread(where, kept.is_newest):
            worker, found_how = kept, "still holding"
        else:
            if kept is not None:
                kept.close()
            worker = self._new_worker(partition)
            first = partial(self._first_checkpoint, partition, partition_count)
            await retry_in_thread(where, worker.restore, first)
            found_how = "restored"
        checkpoint = worker.checkpoint
        found = Configuration(checkpoint.configuration_number, checkpoint.configuration)
        configuration.verify(where, found, self.configuration)
        await retry_in_thread(where, verify, self._broker, log, partition, checkpoint, partition_count)
        worker.known = await retry_in_thread(where, self._known, partition, checkpoint)
        checkpoint.partition_count = partition_count
        checkpoint.configuration_number = self.configuration.number
        seconds = time.monotonic() - started_at
        logger.info("%s: %s at offset %d in %.2f s", where, worker.described(found_how), worker.next_offset, seconds)
        return worker

    def _known(self, partition: int, checkpoint: Checkpoint) -> Known:
        door = self.connect()
        try:
            return known(door, self.log, partition, checkpoint.epoch, checkpoint.next_offset)
        finally:
            door.close()

    def _first_checkpoint(self, partition: int, partition_count: int) -> Checkpoint:
        door = self.connect()
        try:
            found = self._broker.log_ranges(self.log, [partition])[partition]
            return first_checkpoint(door, self.log, found, partition_count)
        finally:
            door.close()
