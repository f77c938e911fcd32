"""The part of `make soak` with real processes: workers on a broker and ClickHouse under faults, round after round.

A round has its own topic and database. While records are published, faults hit workers, ClickHouse's answers, the
broker and the group's committed offsets, in an order that the seed decides. In between, the views are sampled together
with the checkpoints. At the end it must hold that

- the views equal the batch computation over the log, and each sample equals that over the part folded by then;
- every partition's books balance and cover exactly the records of its log, and no row lies beyond its end;
- one worker that folds the same log without faults, into another database, writes the same rows in every column.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from pipeline.clickhouse import migrations
from pipeline.clickhouse.client import ClickHouse
from pipeline.commands.replay import lines
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.signals import Stopped
from pipeline.simulation.traffic import simulate
from tests.faults.crew import Crew
from tests.faults.verdict import Verdict
from tests.oracle import Oracle, Record
from tests.support.kafka import ApacheKafka
from tests.support.rows import COLUMNS, VIEWS, Rows, assert_same_rows, expected_rows
from tests.support.same_databases import assert_same_databases
from tests.support.small_disk import filled
from tests.support.system import System, wait_for

MINUTE_MS = 60_000
MOST_WORKERS = 4
PUBLISHED_PER_SECOND = 240
KILLS_PER_ROUND = 40
SAMPLED_VIEWS = ("conversation_facts", "backlog_by_hour")
FOLDED_WITHIN_SECONDS = 180
OFFSET_BITS = 40

Pair = tuple[bytes | None, bytes | None]


def is_empty(admin: KafkaAdminClient, group: str) -> bool:
    """Return whether a group has no members. Killed members remain until their session expires."""
    try:
        return not admin.describe_groups([group])[group]["members"]
    except KafkaError:
        # A broker that has just restarted does not know its groups yet.
        return False


class Sample(NamedTuple):
    """The contents of the views while the checkpoints were at these offsets."""

    positions: dict[int, int]
    rows: dict[str, Rows]


@dataclass
class Soak:
    """The extent of a soak: until the given number of kills or seconds, whichever comes first."""

    kafka: ApacheKafka
    clickhouse: EmbeddedClickHouse
    directory: Path
    seed: int
    kills: int
    seconds: float
    print_progress: Callable[[str], None]
    #: Events to publish repeatedly instead of simulated ones.
    file: Path | None = None
    #: A separate disk for ClickHouse's data, which may be filled.
    disk: Path | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict(""))
    _longest_stop_seconds: float = 0.0

    def run(self) -> Verdict:
        """Run round after round. `Stopped` ends it early, with the verdict over the rounds compared so far."""
        started_at = time.monotonic()
        for seed in count(self.seed):
            directory = self.directory / f"round-{seed}"
            directory.mkdir()
            current = Round(self, seed, directory)
            try:
                current.run(min(KILLS_PER_ROUND, self.kills - self.verdict.faults["kills"]), started_at + self.seconds)
                current.drop()
            except AssertionError as error:
                self.verdict.failures.append(f"round {seed}: {error}")
            except Stopped:
                self.verdict.given_up = f"round {seed}, after {current.crew.faults['kills']} kills"
                return self.verdict
            finally:
                current.close()
            self.verdict.faults += current.crew.faults
            self.print_progress(
                f"round {seed}: {current.what}, {current.record_count:,} records, {current.sample_count} samples; "
                f"{self.verdict.faults['kills']:,} kills in {time.monotonic() - started_at:.0f} s"
                + (f"; FAILED, look at {directory}" if self.verdict.failures else "")
            )
            self._longest_stop_seconds = max(self._longest_stop_seconds, current.crew.longest_stop_seconds)
            self.verdict.ran = (
                f"rounds {self.seed} to {seed}, each with a topic and a database of its own; "
                f"longest stop in order {self._longest_stop_seconds:.1f} s"
            )
            is_over = self.verdict.faults["kills"] >= self.kills or time.monotonic() > started_at + self.seconds
            if is_over or self.verdict.failures:
                return self.verdict
        raise AssertionError("there is no last number")


class Round:
    """One topic and one database under faults."""

    def __init__(self, soak: Soak, seed: int, directory: Path) -> None:
        self._soak = soak
        self._chance = Random(seed)
        self._seed = seed
        self._name = f"soak_{seed}_{secrets.token_hex(3)}"
        migrations.migrate(soak.clickhouse.url, self._name)
        bootstrap, url, partitions = soak.kafka.bootstrap, soak.clickhouse.url, self._chance.randint(4, 8)
        self._system = System(bootstrap, url, self._name, self._name, directory, partitions)
        self.crew = Crew(self._system, self._chance, MOST_WORKERS)
        self.what = f"up to {MOST_WORKERS} workers on {self._system.partitions} partitions"
        self.record_count = 0
        self.sample_count = 0
        self._is_over = threading.Event()

    def run(self, kills: int, until: float) -> None:
        """Inject faults until that many kills or that instant; then calm and compare all. Raises AssertionError."""
        samples: list[Sample] = []
        publisher = threading.Thread(target=self._publish)
        publisher.start()
        try:
            self.crew.fill()
            while self.crew.faults["kills"] < kills and time.monotonic() < until:
                self._chance.choices(*zip(*self._faults(), strict=True))[0]()
                if self._chance.random() < 0.06 and (sample := self._sample()):
                    samples.append(sample)
                time.sleep(self._chance.uniform(0.1, 1.0))
                self.crew.fill()
        finally:
            self._is_over.set()
            publisher.join()
        self.crew.calm()
        self._system.wait_until_folded(FOLDED_WITHIN_SECONDS)
        self.crew.end()
        self._compare(samples)

    def close(self) -> None:
        """Stop what still runs."""
        self._system.stop()
        self.crew.close()

    def drop(self) -> None:
        """Drop the databases. After a failure they should be kept."""
        server = ClickHouse(self._soak.clickhouse.url, "")
        for database in (self._name, f"{self._name}_calm"):
            server.execute(f"DROP DATABASE IF EXISTS {database}")
        server.close()

    # ---- the faults, with their weights

    def _faults(self) -> Iterator[tuple[Callable[[], None], float]]:
        crew = self.crew
        yield crew.kill, 10
        yield crew.kill_in_a_flush, 10
        yield crew.rebalance_in_a_flush, 2
        yield crew.stop_in_a_flush, 1.5
        yield crew.sleep, 1.5
        yield crew.terminate, 1.5
        yield crew.resize, 1.5
        yield crew.break_requests, 2
        yield self._kill_broker, 0.4
        if self._soak.disk:
            yield self._fill_disk, 1
        yield lambda: crew.pause(self._change_committed_offsets), 0.5

    def _kill_broker(self) -> None:
        self.crew.faults["broker killed"] += 1
        self._soak.kafka.kill()
        time.sleep(self._chance.uniform(0.0, 3.0))
        self._soak.kafka.start()

    def _fill_disk(self) -> None:
        """Make ClickHouse refuse all inserts for a while; at times kill a worker that is trying to write."""
        assert self._soak.disk is not None
        self.crew.faults["disks filled"] += 1
        with filled(self._soak.disk, self._chance.choice((0, 0, 1 << 19, 1 << 20, 3 << 19))):
            time.sleep(self._chance.uniform(0.5, 5.0))
            if self._chance.random() < 0.3:
                self.crew.kill()

    def _change_committed_offsets(self) -> None:
        """Delete or rewind the group's committed offsets, which the ledger overrides."""
        group = f"sichtflug-{self._system.topic}"
        partitions = [TopicPartition(self._system.topic, number) for number in range(self._system.partitions)]
        admin = KafkaAdminClient(bootstrap_servers=self._system.bootstrap)
        try:
            wait_for(lambda: is_empty(admin, group), 60)
            if self._chance.random() < 0.5:
                admin.delete_group_offsets(group, partitions)
                self.crew.faults["committed offsets deleted"] += 1
            else:
                ends = self._system.log_ends()
                offsets = {
                    partition: OffsetAndMetadata(self._chance.randint(0, ends[partition.partition]), "", -1)
                    for partition in partitions
                }
                admin.alter_group_offsets(group, offsets)
                self.crew.faults["committed offsets moved"] += 1
        finally:
            admin.close()

    # ---- traffic

    def _records(self) -> Iterator[Pair]:
        if self._soak.file:
            for line in cycle(lines(self._soak.file)):
                yield line.partition(b'"subject":"')[2].partition(b'"')[0] or None, line
        start_ms = time.time_ns() // 1_000_000 - 30 * MINUTE_MS
        for item in simulate(self._seed, 200.0, start_ms, follows_the_day=False, speedup=60.0):
            yield item.key, item.value

    def _publish(self) -> None:
        """Publish a steady stream until the round is over. The producer outlives the broker."""
        producer = self._system.librdkafka_producer()
        records = self._records()
        while not self._is_over.wait(0.25):
            for key, value in islice(records, PUBLISHED_PER_SECOND // 4):
                producer.produce(self._system.topic, value, key)
                self.record_count += 1
            producer.poll(0)
        assert producer.flush(60) == 0, "the broker took not all records"

    # ---- comparisons

    def _sample(self) -> Sample | None:
        """Return what the views show now, or None if a flush intervened."""
        self._assert_nothing_from_behind_the_end()
        before = self._system.positions()
        rows = {view: self._system.view_rows(view) for view in SAMPLED_VIEWS}
        return Sample(before, rows) if before == self._system.positions() else None

    def _assert_nothing_from_behind_the_end(self) -> None:
        written = self._system.client.rows("SELECT kafka_partition, max(revision) FROM ledger GROUP BY kafka_partition")
        ends = self._system.log_ends()
        for partition, revision in written:
            assert revision & ((1 << OFFSET_BITS) - 1) <= ends[partition], f"partition {partition}: {revision}, {ends}"

    def _compare(self, samples: Sequence[Sample]) -> None:
        log = self._system.records()
        whole = Oracle(Record(record.value, record.timestamp, record.key) for _, record in log)
        self._system.assert_equals(whole, VIEWS if self._soak.file else COLUMNS)
        self._assert_nothing_from_behind_the_end()
        self._assert_books()
        for sample in samples:
            part = Oracle(
                Record(record.value, record.timestamp, record.key)
                for partition, record in log
                if record.offset < sample.positions.get(partition, 0)
            )
            for view, rows in sample.rows.items():
                assert_same_rows(f"{view} at {sample.positions}", rows, expected_rows(part, view))
        self.sample_count = len(samples)
        self._assert_same_without_faults()

    def _assert_books(self) -> None:
        """Assert that every record of each partition is in its books exactly once."""
        rows = self._system.client.rows(
            "SELECT kafka_partition, consumed_count, applied_count + duplicate_count + rejected_count "
            "FROM checkpoints ORDER BY kafka_partition"
        )
        ends = self._system.log_ends()
        assert rows == [(partition, end, end) for partition, end in sorted(ends.items()) if end], f"{rows}, {ends}"

    def _assert_same_without_faults(self) -> None:
        """Assert that one worker without faults writes the same rows."""
        calm_name = f"{self._name}_calm"
        calm = self._system.on_database(calm_name)
        try:
            worker = calm.start_worker()
            calm.wait_until_folded(FOLDED_WITHIN_SECONDS)
            worker.terminate()
            assert worker.wait(30) == 0
            assert_same_databases(calm.client, self._system, calm)
        finally:
            calm.stop()
