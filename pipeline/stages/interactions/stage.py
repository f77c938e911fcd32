"""The interactions stage of a worker process."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pipeline.clickhouse.client import connect
from pipeline.contract.brake import Brake
from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter, without_value
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.producer import Publisher
from pipeline.kafka.timestamps import cost_of_producers_clocks
from pipeline.metrics.stage import StageMetrics
from pipeline.processing.partition import PartitionProcessor
from pipeline.processing.restorer import Restorer
from pipeline.processing.stage import StatefulStage
from pipeline.settings import Settings
from pipeline.stages.fact_publisher import FactPublisher
from pipeline.stages.interactions.partition import InteractionsJob, interactions_processor
from pipeline.stages.prepared import Prepared
from pipeline.stages.progress import Progress, ProgressReporter
from streams.events import Rejection
from streams.rules import Rules

logger = logging.getLogger(__name__)

#: Kafka's timestamp type for the broker's clock, LogAppendTime.
BROKERS_CLOCK = 1


class InteractionsStage:
    """Reads the interactions and publishes progress messages. `failed` must end the process."""

    def __init__(
        self,
        settings: Settings,
        rules: Rules,
        codec: Codec,
        broker: KafkaAdmin,
        publisher: Publisher,
        prepared: Prepared,
        metrics: StageMetrics,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._metrics = metrics
        self._has_warned_of_clocks = False
        self._brake = Brake(settings.dead_letter_limit)
        topic = settings.kafka_topic
        connection = partial(connect, settings)
        fact_publisher = FactPublisher(publisher, settings.customer_facts_topic, prepared.fact_partition_count)

        def new_processor(partition: int) -> PartitionProcessor[InteractionsJob]:
            return interactions_processor(
                topic,
                partition,
                rules,
                codec,
                connection,
                self._publish,
                fact_publisher.publish,
                metrics.insert_failures.inc,
            )

        self.stage = StatefulStage(
            settings,
            settings.group,
            Restorer(topic, broker, connection, prepared.configuration, new_processor),
            broker,
            metrics,
            failed,
            on_processed=self._processed,
            on_committed=self._committed,
        )
        self._reporter = ProgressReporter(publisher, settings.kafka_panes_topic, self._progress)

    async def run(self) -> None:
        """Flush partitions as they become due and publish progress, for ever."""
        await asyncio.gather(self.stage.run(), self._reporter.run())

    def is_behind(self) -> bool:
        """Return whether the consumer lag of some partition exceeds that of normal operation."""
        return any(progress.is_behind for progress in self._progress())

    def _processed(
        self, processor: PartitionProcessor[InteractionsJob], records: Sequence[Any], rejections: Sequence[Rejection]
    ) -> None:
        if not self._has_warned_of_clocks and records[-1].timestamp_type != BROKERS_CLOCK:
            self._has_warned_of_clocks = True
            logger.warning("%s", cost_of_producers_clocks(processor.log))
        self._brake.observe(f"{processor.log}[{processor.kafka_partition}]", len(records), rejections)
        for rejection in rejections:
            self._metrics.rejections.labels(rejection.reason).inc()

    def _committed(self, partition: int) -> None:
        self._reporter.notify()
        if partition in self.stage.partitions:
            self._metrics.cells.labels(str(partition)).set(self.stage.partitions[partition].job.cell_count)

    def _progress(self) -> list[Progress]:
        """Return the current progress of each assigned partition."""
        stage = self.stage
        if not stage.is_assigned:
            return []
        now = time.monotonic()
        return [
            Progress(
                log=processor.log,
                partition=partition,
                partition_count=stage.partition_count,
                epoch=processor.checkpoint.epoch,
                next_offset=processor.checkpoint.next_offset,
                log_end=stage.consumer.end_offset(partition),
                watermark_ms=processor.checkpoint.watermark,
                is_at_end=not processor.is_unflushed and stage.consumer.is_at_end(partition),
                idle_ms=round((now - processor.last_fold_at) * 1000),
            )
            for partition, processor in stage.partitions.items()
        ]

    async def _publish(self, letters: Sequence[DeadLetter]) -> None:
        topic = self._settings.dead_letter_topic
        too_large = await self._publisher.publish_what_fits(topic, letters)
        if too_large:
            logger.warning(
                "%s refuses %d dead letters as too large; they are published without their values",
                topic,
                len(too_large),
            )
            await self._publisher.publish(topic, [without_value(letters[place]) for place in too_large])
