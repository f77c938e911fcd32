"""A worker process started the way users start it, with its own topic and an empty database."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.support.processes import MeasurementError, plain_environment
from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.embedded.child import Child

SESSION_SECONDS = 6
GIVE_UP_SECONDS = 180.0
RESTORED_POLL_SECONDS = 0.005


@contextmanager
def fresh_database(url: str, name: str) -> Iterator[str]:
    """Yield an empty, migrated database, dropped afterwards."""
    migrations.migrate(url, name)
    try:
        yield name
    finally:
        server = ClickHouse(url, "")
        server.execute(f"DROP DATABASE IF EXISTS {name}")
        server.close()


@contextmanager
def restored_worker(bootstrap: str, topic: str, url: str, database: str, directory: Path) -> Iterator[Child]:
    """Yield a worker that has restored its (empty) partitions and is about to read. Raises MeasurementError.

    Its database is created and dropped here. The topic must exist. `directory` receives its log.
    """
    configuration = directory / "empty.toml"
    configuration.touch()
    log = directory / f"worker-{database}.log"
    # The worker logs this once its partitions are restored, just before it reads its first record.
    restored = f" {topic}: generation ".encode()
    environment = plain_environment() | {
        "SICHTFLUG_CONFIG": str(configuration),
        "SICHTFLUG_KAFKA_BOOTSTRAP": bootstrap,
        "SICHTFLUG_KAFKA_TOPIC": topic,
        "SICHTFLUG_KAFKA_SESSION_SECONDS": str(SESSION_SECONDS),
        "SICHTFLUG_CLICKHOUSE_URL": url,
        "SICHTFLUG_CLICKHOUSE_DATABASE": database,
        "SICHTFLUG_METRICS_PORT": "-1",
        "SICHTFLUG_PSEUDONYM_KEY": "benchmark",
    }
    with fresh_database(url, database):
        child = Child([sys.executable, "-P", "-m", "pipeline.cli", "worker"], log=log, environment=environment)
        try:
            until(child, lambda: restored in log.read_bytes(), RESTORED_POLL_SECONDS)
            yield child
        finally:
            child.stop()


def until(child: Child, holds: Callable[[], bool], pause_seconds: float) -> None:
    """Poll until the condition holds.

    Raises MeasurementError if the worker ends first, or after `GIVE_UP_SECONDS`.
    """
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not holds():
        if child.process.poll() is not None or time.monotonic() > deadline:
            raise MeasurementError(f"the worker did not get there; {child.log_tail()}")
        time.sleep(pause_seconds)
