"""The internal topic of contacts: how facts about known customers get from stage 1 to the stage of customers."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from pipeline.kafka.producer import Publisher
from pipeline.retry import retry
from pipeline.stages.facts import FactBatch, records


class Contacts:
    """Publishes facts to the `partition_count` partitions of a topic."""

    def __init__(self, publisher: Publisher, topic: str, partition_count: int) -> None:
        self._publisher = publisher
        self._topic = topic
        self._partition_count = partition_count

    async def publish(self, fact_batch: FactBatch) -> None:
        """Publish facts; returns when Kafka has them all. Waits for a Kafka that is away. Raises PublishError."""
        values = defaultdict(list)
        for record in records(fact_batch, self._partition_count):
            values[record.partition].append(record.value)
        await asyncio.gather(*(self._in_order(partition, some) for partition, some in values.items()))

    async def _in_order(self, partition: int, values: Sequence[bytes]) -> None:
        # The reader takes a fact for one told again when it has seen a later one: none may overtake another.
        for value in values:
            await retry(self._topic, self._publisher.put, self._topic, partition, value)
