"""A real worker process, from Kafka to rows in ClickHouse."""

import time
from pathlib import Path

import msgspec

from benchmarks.processes import MeasurementError, cpu_seconds
from benchmarks.traffic import Topic
from benchmarks.worker_process import restored_worker, until
from pipeline.clickhouse import ClickHouse

POLL_SECONDS = 0.25


class WholeWay(msgspec.Struct):
    """One round: events, wall seconds, CPU seconds of the worker and of the engine meanwhile, and the books.

    The clock runs from the end of the restore of (empty) partitions, just before the first record is read, until the
    checkpoints of all partitions stand at the end of their logs. `consumed` and `rejected` are the checkpoints'.
    """

    event_count: int
    seconds: float
    worker_cpu_seconds: float
    engine_cpu_seconds: float
    consumed: int
    rejected: int


def run(topic: Topic, url: str, engine_pid: int, database: str, directory: Path) -> WholeWay:
    """Let a worker fold the topic into an empty database. Raises MeasurementError."""
    with restored_worker(topic.bootstrap, topic.name, url, database, directory) as child:
        started_at = time.perf_counter()
        door = ClickHouse(url, database)
        try:
            worker_cpu, engine_cpu = cpu_seconds(child.process.pid), cpu_seconds(engine_pid)
            until(child, lambda: _folded(door) >= topic.event_count, POLL_SECONDS)
            seconds = time.perf_counter() - started_at
            worker_cpu = cpu_seconds(child.process.pid) - worker_cpu
            engine_cpu = cpu_seconds(engine_pid) - engine_cpu
            [(consumed, rejected)] = door.rows("SELECT sum(consumed_count), sum(rejected_count) FROM checkpoints")
        finally:
            door.close()
    if consumed != topic.event_count:
        raise MeasurementError(f"the books say {consumed} records consumed, the topic has {topic.event_count}")
    return WholeWay(topic.event_count, seconds, worker_cpu, engine_cpu, consumed, rejected)


def _folded(door: ClickHouse) -> int:
    """Records that the checkpoints stand for; all logs begin at offset 0."""
    [(count,)] = door.rows("SELECT sum(next_offset) FROM checkpoints")
    return int(count)
