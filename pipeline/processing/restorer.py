"""Restoring a partition: read its state from the ledger and verify that the log continues at the checkpoint."""

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
    """Restores partitions of a log.

    `new_processor` creates the processor of a partition; checkpoints of this process carry `configuration`.
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
        """Return a processor at the ledger's checkpoint. Waits for ClickHouse and Kafka.

        Reuses `kept`, the previous processor of the partition, if the ledger has not advanced since; closes it
        otherwise. Raises LogRefusedError and RulesRefusedError.
        """
        log = self.log
        where = f"{log}[{partition}]"
        started_at = time.monotonic()
        if kept is not None and await retry_in_thread(where, kept.is_newest):
            processor, how = kept, "still holding"
        else:
            if kept is not None:
                kept.close()
            processor = self._new_processor(partition)
            first = partial(self._first_checkpoint, partition, partition_count)
            await retry_in_thread(where, processor.restore, first)
            how = "restored"
        checkpoint = processor.checkpoint
        stored = Configuration(checkpoint.configuration_number, checkpoint.configuration)
        configuration.verify(where, stored, self._configuration)
        await retry_in_thread(where, verify, self._broker, log, partition, checkpoint, partition_count)
        processor.known = await retry_in_thread(where, self._known, partition, checkpoint)
        checkpoint.partition_count = partition_count
        checkpoint.configuration_number = self._configuration.number
        seconds = time.monotonic() - started_at
        logger.info(
            "%s: %s at offset %d in %.2f s", where, processor.job.described(how), processor.next_offset, seconds
        )
        return processor

    def _known(self, partition: int, checkpoint: Checkpoint) -> Known:
        with self._connect() as client:
            return known(client, self.log, partition, checkpoint.epoch, checkpoint.next_offset)

    def _first_checkpoint(self, partition: int, partition_count: int) -> Checkpoint:
        with self._connect() as client:
            log_range = self._broker.log_ranges(self.log, [partition])[partition]
            return first_checkpoint(client, self.log, log_range, partition_count)
