"""How a partition's worker comes to its state: the ledger is read, and the log must go on where it stands."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from pipeline import configuration
from pipeline.broker import Broker
from pipeline.clickhouse import ClickHouse
from pipeline.codec import Codec
from pipeline.configuration import Configuration
from pipeline.dead_letter import DeadLetter
from pipeline.log_identity import first_checkpoint, verify
from pipeline.partition_worker import PartitionWorker
from pipeline.patience import patiently
from pipeline.settings import Settings
from streams.checkpoint import Checkpoint
from streams.rules import RuleBook

logger = logging.getLogger(__name__)


class Restorer:
    """Makes workers of partitions, restored. Raises LogRefusedError and ConfigurationRefusedError."""

    def __init__(
        self,
        settings: Settings,
        book: RuleBook,
        broker: Broker,
        publish_dead_letters: Callable[[Sequence[DeadLetter]], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._book = book
        self._broker = broker
        self._codec = Codec(settings.pseudonym_key.encode())
        self._publish_dead_letters = publish_dead_letters
        #: Under which configuration the checkpoints of this process go.
        self.configuration = Configuration(0, book.version)

    def connect(self) -> ClickHouse:
        """A new connection to the database."""
        return ClickHouse(self._settings.clickhouse_url, self._settings.clickhouse_database)

    async def restored(
        self, partition: int, partition_count: int, kept: PartitionWorker | None = None
    ) -> PartitionWorker:
        """A worker of the partition that stands where the ledger does. Waits for ClickHouse and Kafka.

        `kept` is one that had the partition before. It comes back if nothing has happened since, or is closed.
        """
        log = self._settings.kafka_topic
        where = f"{log}[{partition}]"
        started_at = time.monotonic()
        if kept is not None and await patiently(where, kept.is_newest):
            worker, found_how = kept, "still holding"
        else:
            if kept is not None:
                kept.close()
            worker = PartitionWorker(log, partition, self._book, self._codec, self.connect, self._publish_dead_letters)
            first = partial(self._first_checkpoint, partition, partition_count)
            await patiently(where, lambda: worker.restore(first))
            found_how = "restored"
        checkpoint = worker.checkpoint
        found = Configuration(checkpoint.configuration_number, checkpoint.configuration)
        configuration.verify(where, found, self.configuration)
        await patiently(where, lambda: verify(self._broker, log, partition, checkpoint, partition_count))
        checkpoint.partition_count = partition_count
        checkpoint.configuration_number = self.configuration.number
        logger.info(
            "%s: %s %d conversations at offset %d in %.2f s",
            where,
            found_how,
            len(worker.partition.conversations),
            worker.next_offset,
            time.monotonic() - started_at,
        )
        return worker

    def _first_checkpoint(self, partition: int, partition_count: int) -> Checkpoint:
        topic = self._settings.kafka_topic
        door = self.connect()
        try:
            found = self._broker.log_ranges(topic, [partition])[partition]
            return first_checkpoint(door, topic, found, partition_count)
        finally:
            door.close()
