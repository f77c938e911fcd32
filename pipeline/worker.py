"""The worker process of stage 1: owns partitions as the group assigns them, folds their batches, flushes them."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

from pipeline import migrations
from pipeline.broker import Broker, BrokerError
from pipeline.clickhouse import ClickHouse, Refused, Unavailable
from pipeline.codec import Codec
from pipeline.dead_letter import Brake, BrakeError, DeadLetter
from pipeline.ledger import Overtaken
from pipeline.log_identity import LogRefusedError, first_checkpoint, verify
from pipeline.partition_worker import PENDING_EVENTS, PartitionWorker
from pipeline.settings import Settings
from pipeline.telemetry import PortError, Server, Telemetry
from pipeline.transport import Stage
from streams.checkpoint import Checkpoint
from streams.rules import RuleBook

logger = logging.getLogger(__name__)

WAKE_SECONDS = 0.1
#: Two inserts per flush; ClickHouse pays for parts, so one worker makes about ten a second at most.
SECONDS_PER_PARTITION = 0.2
EXPECTED_FAILURES = (BrakeError, LogRefusedError, BrokerError, PortError)
EXIT_REFUSED, EXIT_BUG = 2, 70


class MissingMigrationsError(Exception):
    """The database is not up to date."""


class Worker:
    """Stage 1 in one process. `run` works until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._book = RuleBook(settings.rules)
        self._codec = Codec(settings.pseudonym_key.encode())
        self._broker = Broker(settings.kafka_bootstrap)
        self._brake = Brake(settings.dead_letter_limit)
        self.telemetry = Telemetry()
        self.partitions: dict[int, PartitionWorker] = {}
        self._flushing: dict[int, asyncio.Task[None]] = {}
        self._assignment_number = 0
        self._is_assigned = False
        self._partition_count = 0
        self._stop = asyncio.Event()
        self._last_flush_seconds = settings.kafka_session_seconds / 3
        self._stage = Stage(
            settings.group, settings.kafka_bootstrap, settings.kafka_topic, settings.kafka_session_seconds, self
        )

    # ---- the life of the process

    async def run(self) -> None:
        """Work until SIGTERM, SIGINT or `stop`; then flush and leave."""
        # A batch makes a hundred thousand tuples and frees them without a cycle: no need to look for one so often.
        gc.set_threshold(100_000, 50, 100)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        await asyncio.to_thread(self._prepare)
        server = None
        if self._settings.metrics_port >= 0:
            server = Server(self.telemetry, self._unready, self._settings.metrics_host, self._settings.metrics_port)
            server.start()
            logger.info("metrics on http://%s:%d/metrics", self._settings.metrics_host, server.port)
        flusher = asyncio.create_task(self._flush_regularly())
        stopping = asyncio.create_task(self._stop.wait())
        starting = asyncio.create_task(self._stage.start())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            starting.result()
            logger.info("folding %s from %s", self._settings.kafka_topic, self._settings.kafka_bootstrap)
            await stopping
        starting.cancel()
        flusher.cancel()
        await self._flush_all()
        await self._stage.stop()
        for worker in self.partitions.values():
            worker.close()
        if server:
            server.stop()
        logger.info("stopped; everything folded is in ClickHouse")

    def stop(self) -> None:
        """Stop soon, after a last flush."""
        self._stop.set()

    def _prepare(self) -> None:
        settings = self._settings
        door = self._connect()
        while True:
            try:
                missing = migrations.pending(door)
                break
            except Unavailable as error:
                if self._stop.is_set():
                    return
                logger.warning("waiting for ClickHouse: %s", error)
                time.sleep(1)
        door.close()
        if missing:
            names = ", ".join(f"{migration.number:04} {migration.name}" for migration in missing)
            raise MissingMigrationsError(f"{door} lacks the migrations {names}; run: sichtflug migrate")
        count, replication = settings.kafka_partitions, settings.kafka_replication
        self._partition_count = self._broker.ensure_topic(settings.kafka_topic, count, replication)
        self._broker.ensure_topic(settings.dead_letter_topic, count, replication)

    def _connect(self) -> ClickHouse:
        return ClickHouse(self._settings.clickhouse_url, self._settings.clickhouse_database)

    def _unready(self) -> str:
        """What a load balancer or a person should know before they trust this worker; '' when nothing is missing."""
        if not self._is_assigned:
            return "waiting for the group to assign partitions, or restoring them"
        now = time.monotonic()
        for partition, worker in list(self.partitions.items()):
            if worker.is_dirty and now - worker.last_flush_at > 30:
                return f"partition {partition} has not been flushed for {now - worker.last_flush_at:.0f} s"
        return ""

    # ---- what the transport calls

    async def assigned(self, partitions: set[int], generation: int) -> None:
        """Restore what is assigned, unless a newer assignment overtakes."""
        self._assignment_number += 1
        number = self._assignment_number
        self._partition_count = await asyncio.to_thread(self._broker.partition_count, self._settings.kafka_topic)
        for partition in sorted(partitions - self.partitions.keys()):
            worker = self._new_worker(partition)
            await self._restore(worker)
            if number != self._assignment_number:
                worker.close()
                return
            self.partitions[partition] = worker
        self._is_assigned = True
        self.telemetry.partitions.set(len(self.partitions))
        logger.info("generation %s: partitions %s", generation, sorted(self.partitions))

    async def revoked(self, partitions: set[int]) -> None:
        """Flush what can be flushed in a third of the session, then drop the state."""
        self._assignment_number += 1
        self._is_assigned = False
        await self._flush_all()
        for partition in list(self.partitions):
            self._drop(partition)
        self.telemetry.partitions.set(0)

    def position(self, partition: int) -> int | None:
        """Where to read on; None while a partition is not restored."""
        worker = self.partitions.get(partition)
        return worker.next_offset if worker else None

    async def batch(self, partition: int, records: Sequence[Any], end_offset: int) -> None:
        """Fold a batch; wait while too much is unflushed."""
        worker = self.partitions.get(partition)
        if worker is None:
            return
        if worker.pending_count > PENDING_EVENTS and partition in self._flushing:
            await asyncio.wait([self._flushing[partition]])
        try:
            rejections = await worker.fold(records)
        except Overtaken as overtaken:
            await self._restore_again(partition, overtaken)
            return
        if self.partitions.get(partition) is not worker:
            return
        self._brake.observe(f"{worker.log}[{partition}]", len(records), rejections)
        for rejection in rejections:
            self.telemetry.rejections.labels(rejection.reason).inc()
        self._show(worker, end_offset, records[-1].timestamp)
        self._flush_if_due(partition, worker)

    def failed(self, error: BaseException) -> None:
        """Say why and end the process at once: going on would skip events."""
        if isinstance(error, EXPECTED_FAILURES):
            sys.stderr.write(f"sichtflug worker: {error}\n")
        else:
            traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(EXIT_REFUSED if isinstance(error, EXPECTED_FAILURES) else EXIT_BUG)

    # ---- restore

    def _new_worker(self, partition: int) -> PartitionWorker:
        return PartitionWorker(
            self._settings.kafka_topic, partition, self._book, self._codec, self._connect, self._publish
        )

    async def _restore(self, worker: PartitionWorker) -> None:
        started_at = time.monotonic()
        while True:
            try:
                await asyncio.to_thread(worker.restore, lambda: self._first_checkpoint(worker.kafka_partition))
                break
            except Unavailable as error:
                logger.warning("%s[%d]: cannot restore yet: %s", worker.log, worker.kafka_partition, error)
                await asyncio.sleep(1)
        await asyncio.to_thread(
            verify, self._broker, worker.log, worker.kafka_partition, worker.checkpoint, self._partition_count
        )
        worker.checkpoint.partition_count = self._partition_count
        logger.info(
            "%s[%d]: restored %d conversations at offset %d in %.2f s",
            worker.log,
            worker.kafka_partition,
            len(worker.partition.conversations),
            worker.next_offset,
            time.monotonic() - started_at,
        )

    def _first_checkpoint(self, partition: int) -> Checkpoint:
        topic = self._settings.kafka_topic
        door = self._connect()
        try:
            found = self._broker.log_ranges(topic, [partition])[partition]
            return first_checkpoint(door, topic, found, self._partition_count)
        finally:
            door.close()

    async def _restore_again(self, partition: int, overtaken: Overtaken) -> None:
        """Another worker wrote this partition after us: forget what we know, read what it wrote, go on from there."""
        logger.warning("%s; restoring the partition", overtaken)
        number = self._assignment_number
        self._drop(partition)
        worker = self._new_worker(partition)
        await self._restore(worker)
        if number != self._assignment_number:
            worker.close()
            return
        self.partitions[partition] = worker
        await self._stage.seek(partition)

    def _drop(self, partition: int) -> None:
        worker = self.partitions.pop(partition, None)
        self.telemetry.forget(partition)
        if worker and partition not in self._flushing:
            worker.close()

    # ---- flush

    async def _flush_regularly(self) -> None:
        """One task for all partitions: no batch, no turn, so somebody has to look at the clock."""
        while True:
            await asyncio.sleep(WAKE_SECONDS)
            self.telemetry.turned()
            for partition, worker in list(self.partitions.items()):
                self._flush_if_due(partition, worker)

    def _flush_if_due(self, partition: int, worker: PartitionWorker) -> None:
        if not worker.is_dirty or partition in self._flushing or not self._is_assigned:
            return
        interval = max(self._settings.flush_seconds, SECONDS_PER_PARTITION * len(self.partitions))
        if worker.pending_count >= PENDING_EVENTS or time.monotonic() - worker.last_flush_at >= interval:
            self._begin_flush(partition, worker)

    def _begin_flush(self, partition: int, worker: PartitionWorker) -> asyncio.Task[None]:
        task = self._flushing[partition] = asyncio.create_task(self._flush(partition, worker))
        return task

    async def _flush(self, partition: int, worker: PartitionWorker) -> None:
        try:
            result = await worker.flush()
        except Overtaken as overtaken:
            del self._flushing[partition]
            if self.partitions.get(partition) is worker:
                await self._restore_again(partition, overtaken)
            return
        except asyncio.CancelledError:
            self._flushing.pop(partition, None)
            raise
        except BaseException as error:
            self.failed(error)
            raise
        del self._flushing[partition]
        telemetry = self.telemetry
        telemetry.flush_seconds.observe(result.seconds)
        telemetry.flushed_rows.inc(result.row_count)
        if result.oldest_ingested_at > 0:
            telemetry.freshness.observe(max(0.0, time.time() - result.oldest_ingested_at / 1000))
        if self.partitions.get(partition) is worker:
            telemetry.checkpoint.labels(str(partition)).set(time.time())
            telemetry.books(partition, result.checkpoint.books)
            # Not while partitions are being taken away: the group is waiting for us, and would not answer.
            if self._is_assigned:
                await self._stage.commit({partition: result.checkpoint.next_offset})
        else:
            worker.close()

    async def _flush_all(self) -> None:
        """Finish the flushes under way and flush the rest, within bounds: what is not flushed is folded again."""
        try:
            async with asyncio.timeout(self._last_flush_seconds):
                while True:
                    for partition, worker in self.partitions.items():
                        if worker.is_dirty and partition not in self._flushing:
                            self._begin_flush(partition, worker)
                    if not self._flushing:
                        return
                    await asyncio.wait(list(self._flushing.values()))
        except TimeoutError:
            logger.warning("could not flush %s in %.0f s", sorted(self._flushing), self._last_flush_seconds)
            for task in list(self._flushing.values()):
                task.cancel()
            self._flushing.clear()

    async def _publish(self, letters: Sequence[DeadLetter]) -> None:
        messages = [(letter.key, letter.value, letter.headers) for letter in letters]
        await self._stage.publish(self._settings.dead_letter_topic, messages)

    def _show(self, worker: PartitionWorker, end_offset: int, last_timestamp: int) -> None:
        label, telemetry = str(worker.kafka_partition), self.telemetry
        lag = max(0, end_offset - worker.next_offset)
        telemetry.lag_records.labels(label).set(lag)
        telemetry.lag_seconds.labels(label).set(max(0.0, time.time() - last_timestamp / 1000) if lag else 0)
        telemetry.watermark.labels(label).set(worker.partition.watermark / 1000)
        telemetry.open_conversations.labels(label).set(worker.partition.open_count)


def run(settings: Settings) -> int:
    """Run a worker in this process until it is told to stop; the exit status comes back."""
    try:
        asyncio.run(_run(settings))
    except (*EXPECTED_FAILURES, MissingMigrationsError, Refused) as error:
        sys.stderr.write(f"sichtflug worker: {error}\n")
        return EXIT_REFUSED
    return 0


async def _run(settings: Settings) -> None:
    await Worker(settings).run()
