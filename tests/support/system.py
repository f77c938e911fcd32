"""A system under test: worker processes on a real broker and ClickHouse, compared with the oracle row by row."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.kafka.admin import KafkaAdmin
from tests.oracle import Oracle, Record
from tests.support.rows import VIEWS, Rows, assert_same_rows, expected_rows, view_rows

PARTITIONS = 4
#: The shortest session that Kafka's protocol library accepts; the embedded broker delays a new member by half of it.
SESSION_SECONDS = "3"
#: Between two polls of a condition. Polling faster keeps a good part of a core busy with queries.
POLL_SECONDS = 0.25
#: How many times as long as on an ordinary machine a test waits, since a slow machine is no defect.
PATIENCE = 4


class System:
    """Workers, a topic and a database. `stop` ends what is still running."""

    def __init__(
        self, bootstrap: str, url: str, topic: str, database: str, directory: Path, partitions: int = PARTITIONS
    ) -> None:
        self.bootstrap = bootstrap
        self.url = url
        self.topic = topic
        self.database = database
        self.directory = directory
        self.workers: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            "SICHTFLUG_KAFKA_BOOTSTRAP": bootstrap,
            "SICHTFLUG_KAFKA_TOPIC": topic,
            "SICHTFLUG_KAFKA_PANES_TOPIC": f"{topic}.panes",
            "SICHTFLUG_KAFKA_ALERTS_TOPIC": f"{topic}.alerts",
            "SICHTFLUG_KAFKA_SESSION_SECONDS": SESSION_SECONDS,
            "SICHTFLUG_CLICKHOUSE_URL": url,
            "SICHTFLUG_CLICKHOUSE_DATABASE": database,
            "SICHTFLUG_METRICS_PORT": "-1",
            "SICHTFLUG_PSEUDONYM_KEY": "test",
        }
        self.client = ClickHouse(url, database)
        self.partitions = partitions
        KafkaAdmin(bootstrap).ensure_topic(topic, partitions, 1)

    def on_database(self, name: str) -> "System":
        """Return the same log, folded into another database, which is created."""
        migrations.migrate(self.url, name)
        return System(self.bootstrap, self.url, self.topic, name, self.directory, self.partitions)

    # ---- processes

    def start_worker(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start a worker process; its log is `worker.log` in the test's directory."""
        return self.start([sys.executable, "-m", "pipeline.cli", "worker"], **settings)

    def start(self, command: Sequence[str], **settings: str) -> subprocess.Popen[bytes]:
        environment = self.environment | {f"SICHTFLUG_{name.upper()}": value for name, value in settings.items()}
        with (self.directory / "worker.log").open("ab") as log:
            worker = subprocess.Popen(command, env=environment, stderr=log, stdout=log, cwd=self.directory)
        self.workers.append(worker)
        return worker

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `sichtflug` to its end."""
        environment = self.environment | {f"SICHTFLUG_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.directory,
            check=False,
        )

    def log(self) -> str:
        return (self.directory / "worker.log").read_text()

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait()
        self.client.close()

    # ---- Kafka

    def producer(self, **options: Any) -> KafkaProducer:
        return KafkaProducer(bootstrap_servers=self.bootstrap, acks="all", linger_ms=20, **options)

    def librdkafka_producer(self) -> Producer:
        """Return a producer that buffers a million records, outlives the broker and repeats none."""
        return Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 20,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )

    def publish(self, values: Iterable[tuple[bytes | None, bytes | None]], **options: Any) -> int:
        """Send (key, value) records; return their number."""
        producer = self.producer(**options)
        sent = [producer.send(self.topic, key=key, value=value) for key, value in values]
        producer.flush()
        for future in sent:
            future.get(timeout=30)
        producer.close()
        return len(sent)

    def records(self, topic: str | None = None) -> list[tuple[int, Any]]:
        """Return all records of a topic with their partitions, each partition in log order."""
        name = topic or self.topic
        count = KafkaAdmin(self.bootstrap).partition_count(name)
        ends = {partition: end for partition, end in self.log_ends(name, count).items() if end}
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        partitions = [TopicPartition(name, partition) for partition in ends]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found = []
        while ends:
            for tp, records in consumer.poll(timeout_ms=1000).items():
                found += [(tp.partition, record) for record in records]
                if records[-1].offset + 1 >= ends[tp.partition]:
                    del ends[tp.partition]
                    consumer.pause(tp)
        consumer.close()
        return sorted(found, key=lambda item: (item[0], item[1].offset))

    def log_ends(self, topic: str | None = None, count: int | None = None) -> dict[int, int]:
        ranges = KafkaAdmin(self.bootstrap).log_ranges(topic or self.topic, list(range(count or self.partitions)))
        return {partition: found.end for partition, found in ranges.items()}

    # ---- waiting and comparing

    def positions(self) -> dict[int, int]:
        """Return the next offset per partition, by its newest checkpoint."""
        rows = self.client.rows(
            "SELECT kafka_partition, argMax(next_offset, revision) FROM checkpoints GROUP BY kafka_partition"
        )
        return {int(partition): int(offset) for partition, offset in rows}

    def customer_positions(self) -> dict[int, int]:
        """Return the same for the customer facts topic."""
        rows = self.client.rows(
            "SELECT kafka_partition, argMax(next_offset, revision) FROM customer_checkpoints GROUP BY kafka_partition"
        )
        return {int(partition): int(offset) for partition, offset in rows}

    def evaluated_minute(self) -> int:
        """Return the last minute for which the rolling stage has a checkpoint, in minutes since the epoch."""
        [(minute,)] = self.client.rows("SELECT max(minute) FROM rolling_checkpoints")
        return int(minute)

    def wait_until_folded(self, seconds: float = 90) -> None:
        """Wait until the checkpoints are at the ends of the log, then those of the customers at the ends of theirs."""
        self._wait_until_at_end(self.topic, self.positions, seconds)
        self._wait_until_at_end(f"{self.topic}.customer-facts", self.customer_positions, seconds)

    def _wait_until_at_end(self, topic: str, positions: Callable[[], dict[int, int]], seconds: float) -> None:
        ends = {partition: end for partition, end in self.log_ends(topic).items() if end}

        def found() -> dict[int, int | None]:
            at = positions()
            return {partition: at.get(partition) for partition in ends}

        expected = f"{topic} has log ends {ends}, checkpoints stand at "
        wait_for(lambda: found() == ends, seconds, lambda: f"{expected}{found()}\n{self.log()[-3000:]}")

    def oracle(self) -> Oracle:
        """Run the batch computation over the log stored in Kafka."""
        return Oracle(Record(record.value, record.timestamp, record.key) for _, record in self.records())

    def view_rows(self, view: str) -> Rows:
        """Return the current rows of a view, in the form of `expected_rows`."""
        return view_rows(self.client, view)

    def assert_equals(self, oracle: Oracle, views: Iterable[str] = VIEWS) -> None:
        """Assert that the views equal the oracle's rows, the books balance, and each record in them has its row."""
        for view in views:
            assert_same_rows(view, self.view_rows(view), expected_rows(oracle, view))
        books = self.books()
        assert books["consumed"] == books["applied"] + books["duplicate"] + books["rejected"]
        for table, name in (("interactions", "applied"), ("rejections", "rejected")):
            records = "uniqExact(log, epoch, kafka_partition, kafka_offset)"
            [(row_count,)] = self.client.rows(f"SELECT {records} FROM {table}")
            assert row_count == books[name], f"{table}: {books[name]} rows wanted, {row_count} found"

    def books(self) -> dict[str, int]:
        names = ("consumed", "applied", "duplicate", "rejected", "late", "ignored")
        sums = ", ".join(f"sum({name}_count)" for name in names)
        return dict(zip(names, map(int, self.client.rows(f"SELECT {sums} FROM checkpoints")[0]), strict=True))


def wait_for(condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: "") -> None:
    """Wait until a condition holds; on a timeout fail with the text of `explain`.

    `seconds` are more than enough on an ordinary machine; the timeout is `PATIENCE` times as long.
    """
    deadline = time.monotonic() + PATIENCE * seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE * seconds} s: {explain()}"
        time.sleep(POLL_SECONDS)
