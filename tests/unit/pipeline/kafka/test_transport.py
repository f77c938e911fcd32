"""The consumer thread's view of partitions, on aiokafka's own subscription state."""

import asyncio
from types import SimpleNamespace

from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import TopicPartition
from faust.types import TP

from pipeline.kafka.transport import ConsumerThread


def test_a_partition_owned_by_others_has_no_end() -> None:
    # Between the revocation by the group and its arrival at the stage, the stage still asks.
    async def ends() -> list[int | None]:
        subscription = SubscriptionState()
        thread = object.__new__(ConsumerThread)
        thread._consumer = SimpleNamespace(_subscription=subscription)
        ours = TP("interactions", 1)
        found = [thread.end_offset(ours)]
        subscription.subscribe(topics={"interactions"})
        subscription.assign_from_subscribed({TopicPartition("interactions", 1)})
        found.append(thread.end_offset(ours))
        subscription.subscription.assignment.state_value(ours).highwater = 7
        found.append(thread.end_offset(ours))
        subscription.assign_from_subscribed({TopicPartition("interactions", 0)})
        return [*found, thread.end_offset(ours)]

    assert asyncio.run(ends()) == [None, None, 7, None]
