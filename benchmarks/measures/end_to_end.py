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


class EndToEnd(msgspec.Struct):
    """One round: events, wall seconds, CPU seconds of worker and engine during them, and the books.

    The clock runs from the end of the restore of the (empty) partitions, just before the first record is read, until
    the checkpoints of all partitions are at the end of their logs. `consumed` and `rejected` are the checkpoints'. The
    customers stage yields to the interactions stage and reaches the end of its own topic `customers_seconds` later.
    """

    event_count: int
    seconds: float
    worker_cpu_seconds: float
    engine_cpu_seconds: float
    consumed: int
    rejected: int
    customers_seconds: float


def run(topic: Topic, url: str, engine_pid: int, database: str, directory: Path) -> EndToEnd:
    """Have a worker fold the topic into an empty database. Raises MeasurementError."""
    facts_topic = f"{topic.name}.customer-facts"
    broker = KafkaAdmin(topic.bootstrap)
    # Otherwise this round would fold the facts of the previous one.
    forget(topic.bootstrap, facts_topic)
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
            partitions = range(broker.partition_count(facts_topic))
            fact_count = sum(log_range.end for log_range in broker.log_ranges(facts_topic, partitions).values())
            until(child, lambda: _customers_folded(client) >= fact_count, POLL_SECONDS)
            customers_seconds = time.perf_counter() - started_at - seconds
        finally:
            client.close()
    if consumed != topic.event_count:
        raise MeasurementError(f"the books say {consumed} records consumed, the topic has {topic.event_count}")
    return EndToEnd(topic.event_count, seconds, worker_cpu, engine_cpu, consumed, rejected, customers_seconds)


def _folded(client: ClickHouse) -> int:
    """Return the number of records the checkpoints cover; all logs begin at offset 0."""
    [(count,)] = client.rows("SELECT sum(next_offset) FROM checkpoints")
    return int(count)


def _customers_folded(client: ClickHouse) -> int:
    [(count,)] = client.rows("SELECT sum(next_offset) FROM customer_checkpoints")
    return int(count)
