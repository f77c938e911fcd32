"""The stage of customers in a worker process: the topic of contacts.

What operations staff look at comes first: while stage 1 is behind, this stage takes only a batch now and then.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.kafka.admin import Broker
from pipeline.metrics.stage import Telemetry
from pipeline.processing.restorer import Restorer
from pipeline.processing.stage import Owner
from pipeline.settings import Settings
from pipeline.stages.customers.partition import CustomersWorker
from streams.rules import RuleBook

LOOK_SECONDS = 0.1
#: Half a minute for each batch: with stage 1 behind for hours, customers go on all the same.
GIVE_WAY_LOOKS = 300


class CustomersStage(Owner[CustomersWorker]):
    """What the transport runs over the topic of contacts. `failed` must end the process.

    `is_stage_1_behind` tells whether stage 1 has more to do than it can do at once.
    """

    def __init__(
        self,
        settings: Settings,
        book: RuleBook,
        broker: Broker,
        telemetry: Telemetry,
        is_stage_1_behind: Callable[[], bool],
        failed: Callable[[BaseException], None],
    ) -> None:
        topic = settings.contacts_topic

        def new_worker(partition: int) -> CustomersWorker:
            return CustomersWorker(topic, partition, book, restorer.connect)

        restorer = Restorer(settings, book, broker, topic, new_worker)
        super().__init__(settings, settings.customers_group, restorer, broker, telemetry, failed)
        self._is_stage_1_behind = is_stage_1_behind

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        """Fold a batch, a while after it came when stage 1 is behind."""
        await self._give_way()
        await super().batch(partition, records, end_offset)

    async def _give_way(self) -> None:
        for _ in range(GIVE_WAY_LOOKS):
            if not self._is_stage_1_behind():
                return
            await asyncio.sleep(LOOK_SECONDS)
