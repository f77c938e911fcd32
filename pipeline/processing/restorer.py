"""Restoring a partition: its state is read from the ledger, and the log must go on where the checkpoint stands."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Generic

from pipeline.clickhouse.client import ClickHouse
from pipeline.kafka.admin import KafkaAdmin
from pipeline.ledger import rules_version as configuration
from pipeline.ledger.epochs import first_checkpoint, verify
from pipeline.ledger.failures import Known, known
from pipeline.ledger.rules_version import Configuration
from pipeline.processing.partition import Job, PartitionProcessor
from pipeline.retry import retry_in_thread
from streams.checkpoint import Checkpoint

logger = logging.getLogger(__name__)


class Restorer(Generic[Job]):
    """Restores partitions of a log. Raises LogRefusedError and RulesRefusedError.

    `new_processor` makes the processor of a partition; the checkpoints of this process go under `configuration`.
    """

    def __init__(
        self,
        log: str,
        broker: KafkaAdmin,
        connect: Callable[[], ClickHouse],
        configuration: Configuration,
        new_processor: Callable[[int], PartitionProcessor[Job]],
    ) -> None:
        self.log = log
        self._broker = broker
        self._connect = connect
        self._configuration = configuration
        self._new_processor = new_processor

    async def restored(
        self, partition: int, partition_count: int, kept: PartitionProcessor[Job] | None = None
    ) -> PartitionProcessor[Job]:
        """Return a processor that stands where the ledger does. Waits for ClickHouse and Kafka.

        Reuses `kept`, which had the partition before, if the ledger has not advanced since; closes it otherwise.
        """
        log = self.log
        where = f"{log}[{partition}]"
        started_at = time.monotonic()
        if kept is not None and await retry_in_thread(where, kept.is_newest):
            processor, found_how = kept, "still holding"
        else:
            if kept is not None:
                kept.close()
            processor = self._new_processor(partition)
            first = partial(self._first_checkpoint, partition, partition_count)
            await retry_in_thread(where, processor.restore, first)
            found_how = "restored"
        checkpoint = processor.checkpoint
        found = Configuration(checkpoint.configuration_number, checkpoint.configuration)
        configuration.verify(where, found, self._configuration)
        await retry_in_thread(where, verify, self._broker, log, partition, checkpoint, partition_count)
        processor.known = await retry_in_thread(where, self._known, partition, checkpoint)
        checkpoint.partition_count = partition_count
        checkpoint.configuration_number = self._configuration.number
        seconds = time.monotonic() - started_at
        logger.info(
            "%s: %s at offset %d in %.2f s", where, processor.job.described(found_how), processor.next_offset, seconds
        )
        return processor

    def _known(self, partition: int, checkpoint: Checkpoint) -> Known:
        with self._connect() as client:
            return known(client, self.log, partition, checkpoint.epoch, checkpoint.next_offset)

    def _first_checkpoint(self, partition: int, partition_count: int) -> Checkpoint:
        with self._connect() as client:
            found = self._broker.log_ranges(self.log, [partition])[partition]
            return first_checkpoint(client, self.log, found, partition_count)
