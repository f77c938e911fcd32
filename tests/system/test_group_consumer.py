"""Group membership of a stage in this process."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata

from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.consumer import GroupConsumer
from pipeline.kafka.transport import Handler
from tests.support.system import System

PARTITIONS = 3


class Assigned(Handler):
    """A stage that records its assignments and reads nothing."""

    def __init__(self) -> None:
        self.assignments: list[set[int]] = []
        self.has_some = asyncio.Event()

    async def assigned(self, partitions: set[int], generation: int) -> None:
        self.assignments.append(partitions)
        if partitions:
            self.has_some.set()

    async def revoked(self, partitions: set[int]) -> None:
        """Do nothing: there is nothing to flush."""

    def position(self, partition: int) -> int | None:
        return None

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        raise AssertionError("nothing is read where there is no position")

    def failed(self, error: BaseException) -> None:
        raise error


@pytest.mark.both_brokers("rebalance")
def test_a_group_whose_leader_did_not_know_the_topic_soon_gets_its_partitions(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A Kafka that has just started reports for a moment that the topic does not exist. A member that joins as the
    # leader then assigns nothing to anyone.
    partitions_for_topic = ClusterMetadata.partitions_for_topic
    known_at = 0.0

    def forget(metadata: ClusterMetadata, topic: str) -> set[int] | None:
        nonlocal known_at
        known_at = known_at or time.monotonic() + 3.0
        return partitions_for_topic(metadata, topic) if time.monotonic() > known_at else None

    monkeypatch.setattr(ClusterMetadata, "partitions_for_topic", forget)
    topic = f"{system.topic}.stage"
    KafkaAdmin(system.bootstrap).ensure_topic(topic, PARTITIONS, 1)
    handler = Assigned()

    async def join() -> None:
        stage = GroupConsumer(f"{topic}-group", system.bootstrap, topic, 10.0, handler)
        await stage.start()
        try:
            async with asyncio.timeout(30):
                await handler.has_some.wait()
        finally:
            await stage.stop()

    asyncio.run(join())
    assert handler.assignments[0] == set()
    assert handler.assignments[-1] == set(range(PARTITIONS))
