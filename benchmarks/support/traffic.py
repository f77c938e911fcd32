"""The events read by all measurements: simulated live traffic in one topic, and a plain way to read it back."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaAdminClient
from kafka.errors import UnknownTopicOrPartitionError

from pipeline.commands.simulate import SPEEDUP
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.bulk import producer
from pipeline.kafka.transport import FETCHED_BYTES, FETCHED_RECORDS
from pipeline.simulation import simulate

PARTITIONS = 4
SEED = 20_240_304
#: Valid events a second of event time. 300,000 events then cover about five minutes.
RATE_PER_SECOND = 1_000.0
IDLE_LIMIT_SECONDS = 30.0


class Topic(msgspec.Struct, frozen=True):
    """A filled topic and its number of records."""

    bootstrap: str
    name: str
    event_count: int


def fill(bootstrap: str, name: str, event_count: int) -> Topic:
    """Create the topic and send `event_count` records, lz4, with the broker times that live traffic would have."""
    KafkaAdmin(bootstrap).ensure_topic(name, PARTITIONS, 1)
    span_ms = int(2000 * event_count / RATE_PER_SECOND)
    start_ms = time.time_ns() // 1_000_000 - span_ms
    traffic = simulate(SEED, RATE_PER_SECOND, start_ms, id_prefix="bench", follows_the_day=False, speedup=SPEEDUP)
    sender = producer(bootstrap)
    failures: list[Exception] = []
    try:
        for item in islice(traffic, event_count):
            sent = sender.send(name, key=item.key, value=item.value, timestamp_ms=item.send_at_ms)
            sent.add_errback(failures.append)
        sender.flush()
    finally:
        sender.close()
    if failures:
        raise failures[0]
    return Topic(bootstrap, name, event_count)


def forget(bootstrap: str, topic: str) -> None:
    """Delete a topic if it exists."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        with suppress(UnknownTopicOrPartitionError):
            admin.delete_topics([topic])
    finally:
        admin.close()


@asynccontextmanager
async def connected(topic: Topic) -> AsyncIterator[Any]:
    """Yield a connected consumer outside any group, with our transport's fetch sizes. It has not read anything yet."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topic.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_bytes=2 * FETCHED_BYTES,
        max_partition_fetch_bytes=FETCHED_BYTES,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def fetches(consumer: Any, topic: Topic) -> AsyncIterator[dict[int, list[Any]]]:
    """Yield all records of the topic by partition, one fetch at a time.

    Raises TimeoutError if nothing arrives for `IDLE_LIMIT_SECONDS`.
    """
    partitions = [TopicPartition(topic.name, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    read = 0
    while read < topic.event_count:
        found = await consumer.getmany(timeout_ms=int(1000 * IDLE_LIMIT_SECONDS), max_records=FETCHED_RECORDS)
        if not found:
            raise TimeoutError(f"{topic.name}: {read} of {topic.event_count} records, then nothing")
        read += sum(map(len, found.values()))
        yield {tp.partition: records for tp, records in found.items()}
