"""The customers stage of a worker process.

It gives way to the numbers that operations staff watch: while the interactions stage is behind, it processes only an
occasional batch.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from pipeline.clickhouse.client import connect
from pipeline.kafka.admin import KafkaAdmin
from pipeline.metrics.stage import StageMetrics
from pipeline.processing.partition import PartitionProcessor
from pipeline.processing.restorer import Restorer
from pipeline.processing.stage import StatefulStage
from pipeline.settings import Settings
from pipeline.stages.customers.partition import CustomersJob, customers_processor
from pipeline.stages.prepared import Prepared
from streams.rules import Rules

LOOK_SECONDS = 0.1
#: At most half a minute per batch, so that customers advance even if the interactions stage is behind for hours.
GIVE_WAY_LOOKS = 300


class CustomersStage:
    """Reads the customer facts. `failed` must end the process.

    `is_behind` returns whether the interactions stage is behind.
    """

    def __init__(
        self,
        settings: Settings,
        rules: Rules,
        broker: KafkaAdmin,
        prepared: Prepared,
        metrics: StageMetrics,
        is_behind: Callable[[], bool],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._is_behind = is_behind
        topic = settings.customer_facts_topic
        connection = partial(connect, settings)

        def new_processor(partition: int) -> PartitionProcessor[CustomersJob]:
            return customers_processor(topic, partition, rules, connection, metrics.insert_failures.inc)

        self.stage = StatefulStage(
            settings,
            settings.customers_group,
            Restorer(topic, broker, connection, prepared.configuration, new_processor),
            broker,
            metrics,
            failed,
            before_batch=self._give_way,
        )

    async def _give_way(self) -> None:
        for _ in range(GIVE_WAY_LOOKS):
            if not self._is_behind():
                return
            await asyncio.sleep(LOOK_SECONDS)
