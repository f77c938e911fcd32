"""The internal topic of customer facts, from the interactions stage to the customers stage."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from pipeline.kafka.producer import Publisher
from pipeline.retry import retry
from pipeline.stages.facts import FactBatch, records


class FactPublisher:
    """Publishes customer facts to the `partition_count` partitions of a topic."""

    def __init__(self, publisher: Publisher, topic: str, partition_count: int) -> None:
        self._publisher = publisher
        self._topic = topic
        self._partition_count = partition_count

    async def publish(self, fact_batch: FactBatch) -> None:
        """Publish facts, acknowledged by Kafka. Waits while Kafka does not answer. Raises PublishError."""
        by_partition = defaultdict(list)
        for record in records(fact_batch, self._partition_count):
            by_partition[record.partition].append(record.value)
        await asyncio.gather(*(self._in_order(partition, values) for partition, values in by_partition.items()))

    async def _in_order(self, partition: int, values: Sequence[bytes]) -> None:
        # One at a time: the reader ignores a fact as repeated once it has seen a later one.
        for value in values:
            await retry(self._topic, self._publisher.put, self._topic, partition, value)
