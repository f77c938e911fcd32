"""A real worker process, from Kafka to rows in ClickHouse."""

import time
from pathlib import Path

import msgspec

from benchmarks.support.processes import MeasurementError, cpu_seconds
from benchmarks.support.traffic import Topic, forget
from benchmarks.support.worker_process import restored_worker, until
from pipeline.clickhouse.client import ClickHouse
from pipeline.kafka.admin import KafkaAdmin

POLL_SECONDS = 0.25


class WholeWay(msgspec.Struct):
    """One round: events, wall seconds, CPU seconds of the worker and of the engine meanwhile, and the books.

    The clock runs from the end of the restore of (empty) partitions, just before the first record is read, until the
    checkpoints of all partitions stand at the end of their logs. `consumed` and `rejected` are the checkpoints'.
    `customers_seconds` after that, the stage of customers, which gives way meanwhile, is at the end of its own topic.
    """

    event_count: int
    seconds: float
    worker_cpu_seconds: float
    engine_cpu_seconds: float
    consumed: int
    rejected: int
    customers_seconds: float


def run(topic: Topic, url: str, engine_pid: int, database: str, directory: Path) -> WholeWay:
    """Let a worker fold the topic into an empty database. Raises MeasurementError."""
    contacts = f"{topic.name}.customer-facts"
    broker = KafkaAdmin(topic.bootstrap)
    # What a round before this one left would be folded again by this one.
    forget(topic.bootstrap, contacts)
    with restored_worker(topic.bootstrap, topic.name, url, database, directory) as child:
        started_at = time.perf_counter()
        client = ClickHouse(url, database)
        try:
            worker_cpu, engine_cpu = cpu_seconds(child.process.pid), cpu_seconds(engine_pid)
            until(child, lambda: _folded(client) >= topic.event_count, POLL_SECONDS)
            seconds = time.perf_counter() - started_at
            worker_cpu = cpu_seconds(child.process.pid) - worker_cpu
            engine_cpu = cpu_seconds(engine_pid) - engine_cpu
            [(consumed, rejected)] = client.rows("SELECT sum(consumed_count), sum(rejected_count) FROM checkpoints")
            partitions = range(broker.partition_count(contacts))
            told_count = sum(found.end for found in broker.log_ranges(contacts, partitions).values())
            until(child, lambda: _customers_folded(client) >= told_count, POLL_SECONDS)
            customers_seconds = time.perf_counter() - started_at - seconds
        finally:
            client.close()
    if consumed != topic.event_count:
        raise MeasurementError(f"the books say {consumed} records consumed, the topic has {topic.event_count}")
    return WholeWay(topic.event_count, seconds, worker_cpu, engine_cpu, consumed, rejected, customers_seconds)


def _folded(client: ClickHouse) -> int:
    """Records that the checkpoints stand for; all logs begin at offset 0."""
    [(count,)] = client.rows("SELECT sum(next_offset) FROM checkpoints")
    return int(count)


def _customers_folded(client: ClickHouse) -> int:
    [(count,)] = client.rows("SELECT sum(next_offset) FROM customer_checkpoints")
    return int(count)
