"""Stage 1 of a worker process: the interactions."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.contract.brake import Brake
from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter, without_value
from pipeline.kafka.admin import Broker
from pipeline.kafka.producer import Publisher
from pipeline.kafka.timestamps import cost_of_producers_clocks
from pipeline.metrics.stage import Telemetry
from pipeline.processing.partition import FlushResult
from pipeline.processing.restorer import Restorer
from pipeline.processing.stage import Owner
from pipeline.settings import Settings
from pipeline.stages.contacts import Contacts
from pipeline.stages.interactions.partition import PartitionWorker
from pipeline.stages.progress import Heart, Heartbeat
from streams.events import Rejection
from streams.rules import RuleBook

logger = logging.getLogger(__name__)

#: Kafka's number for timestamps of the broker's clock, LogAppendTime.
BROKERS_CLOCK = 1


class Folding(Owner[PartitionWorker]):
    """What the transport runs over the topic of interactions. `failed` must end the process."""

    def __init__(
        self,
        settings: Settings,
        book: RuleBook,
        broker: Broker,
        publisher: Publisher,
        contacts: Contacts,
        telemetry: Telemetry,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._publisher = publisher
        self._has_told_of_clocks = False
        self._brake = Brake(settings.dead_letter_limit)
        codec = Codec(settings.key)
        topic = settings.kafka_topic

        def new_worker(partition: int) -> PartitionWorker:
            return PartitionWorker(topic, partition, book, codec, restorer.connect, self._publish, contacts.publish)

        restorer = Restorer(settings, book, broker, topic, new_worker)
        super().__init__(settings, settings.group, restorer, broker, telemetry, failed)
        self._heart = Heart(publisher, settings.kafka_panes_topic, self._heartbeats)

    async def run(self) -> None:
        """Flush when it is time, and tell stage 2, for ever."""
        await asyncio.gather(super().run(), self._heart.run())

    def is_behind(self) -> bool:
        """Whether a partition has much more in Kafka than it would without a backlog."""
        return any(beat.is_behind for beat in self._heartbeats())

    def _observe(self, worker: PartitionWorker, records: Sequence[Any], rejections: Sequence[Rejection]) -> None:
        if not self._has_told_of_clocks and records[-1].timestamp_type != BROKERS_CLOCK:
            self._has_told_of_clocks = True
            logger.warning("%s", cost_of_producers_clocks(worker.log))
        self._brake.observe(f"{worker.log}[{worker.kafka_partition}]", len(records), rejections)
        for rejection in rejections:
            self._telemetry.rejections.labels(rejection.reason).inc()

    async def _committed(self, partition: int, result: FlushResult) -> None:
        self._heart.ring()
        if partition in self.partitions:
            self._telemetry.cells.labels(str(partition)).set(self.partitions[partition].cell_count)
        await super()._committed(partition, result)

    def _heartbeats(self) -> list[Heartbeat]:
        """What there is to say now, of each partition that is ours."""
        if not self._is_assigned:
            return []
        now = time.monotonic()
        return [
            Heartbeat(
                log=worker.log,
                partition=partition,
                partition_count=self._partition_count,
                epoch=worker.checkpoint.epoch,
                next_offset=worker.checkpoint.next_offset,
                log_end=self._stage.end_offset(partition),
                watermark_ms=worker.checkpoint.watermark,
                is_at_end=worker.next_offset == worker.checkpoint.next_offset and self._stage.is_at_end(partition),
                idle_ms=round((now - worker.last_fold_at) * 1000),
            )
            for partition, worker in self.partitions.items()
        ]

    async def _publish(self, letters: Sequence[DeadLetter]) -> None:
        topic = self._settings.dead_letter_topic
        too_large = await self._publisher.publish_what_fits(topic, letters)
        if too_large:
            logger.warning(
                "%s does not take %d letters of their size: they go without their values", topic, len(too_large)
            )
            await self._publisher.publish(topic, [without_value(letters[place]) for place in too_large])
