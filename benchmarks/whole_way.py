"""A real worker process, from Kafka to rows in ClickHouse."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.processes import MeasurementError, cpu_seconds, plain_environment
from benchmarks.traffic import Topic
from pipeline import migrations
from pipeline.child import Child
from pipeline.clickhouse import ClickHouse

SESSION_SECONDS = 6
POLL_SECONDS = 0.25
GIVE_UP_SECONDS = 180.0
#: What a worker logs once its partitions are restored, just before it reads its first record.
RESTORED = b": partitions ["


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


@contextmanager
def fresh_database(url: str, name: str) -> Iterator[str]:
    """An empty, migrated database, dropped afterwards."""
    migrations.migrate(url, name)
    try:
        yield name
    finally:
        server = ClickHouse(url, "")
        server.execute(f"DROP DATABASE IF EXISTS {name}")
        server.close()


def run(topic: Topic, url: str, engine_pid: int, database: str, directory: Path) -> WholeWay:
    """Let a worker fold the topic into an empty database. Raises MeasurementError."""
    configuration = directory / "empty.toml"
    configuration.touch()
    log = directory / f"worker-{database}.log"
    environment = plain_environment() | {
        "SICHTFLUG_CONFIG": str(configuration),
        "SICHTFLUG_KAFKA_BOOTSTRAP": topic.bootstrap,
        "SICHTFLUG_KAFKA_TOPIC": topic.name,
        "SICHTFLUG_KAFKA_SESSION_SECONDS": str(SESSION_SECONDS),
        "SICHTFLUG_CLICKHOUSE_URL": url,
        "SICHTFLUG_CLICKHOUSE_DATABASE": database,
        "SICHTFLUG_METRICS_PORT": "-1",
    }
    with fresh_database(url, database):
        door = ClickHouse(url, database)
        child = Child([sys.executable, "-P", "-m", "pipeline.cli", "worker"], log=log, environment=environment)
        try:
            _until(child, lambda: RESTORED in log.read_bytes(), 0.005)
            started_at = time.perf_counter()
            worker_cpu, engine_cpu = cpu_seconds(child.process.pid), cpu_seconds(engine_pid)
            _until(child, lambda: _folded(door) >= topic.event_count, POLL_SECONDS)
            seconds = time.perf_counter() - started_at
            worker_cpu = cpu_seconds(child.process.pid) - worker_cpu
            engine_cpu = cpu_seconds(engine_pid) - engine_cpu
            [(consumed, rejected)] = door.rows("SELECT sum(consumed_count), sum(rejected_count) FROM checkpoints")
        finally:
            child.stop()
            door.close()
    if consumed != topic.event_count:
        raise MeasurementError(f"the books say {consumed} records consumed, the topic has {topic.event_count}")
    return WholeWay(topic.event_count, seconds, worker_cpu, engine_cpu, consumed, rejected)


def _folded(door: ClickHouse) -> int:
    """Records that the checkpoints stand for; all logs begin at offset 0."""
    [(count,)] = door.rows("SELECT sum(next_offset) FROM checkpoints")
    return int(count)


def _until(child: Child, holds: Callable[[], bool], pause_seconds: float) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not holds():
        if child.process.poll() is not None or time.monotonic() > deadline:
            raise MeasurementError(f"the worker did not get there; {child.last_words()}")
        time.sleep(pause_seconds)
