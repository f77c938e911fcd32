"""The worker process of stage 1: owns partitions as the group assigns them, folds their batches, flushes them."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from pipeline import configuration
from pipeline.broker import Broker, BrokerAwayError, BrokerError
from pipeline.clickhouse import Refused, Unavailable
from pipeline.configuration import ConfigurationRefusedError
from pipeline.dead_letter import Brake, BrakeError, DeadLetter
from pipeline.flushing import Flusher
from pipeline.ledger import Overtaken
from pipeline.log_identity import LogRefusedError
from pipeline.partition_worker import PENDING_EVENTS, FlushResult, PartitionWorker
from pipeline.patience import again_and_again, patiently
from pipeline.preparation import MissingMigrationsError, prepare
from pipeline.presence import BEAT_SECONDS, Presence
from pipeline.publisher import Publisher, PublishError
from pipeline.restoring import Restorer
from pipeline.settings import Settings
from pipeline.stage import Stage
from pipeline.telemetry import PortError, Server, Telemetry
from streams.rules import RuleBook

logger = logging.getLogger(__name__)

EXPECTED_FAILURES = (BrakeError, LogRefusedError, ConfigurationRefusedError, BrokerError, PortError, PublishError)
EXIT_REFUSED, EXIT_BUG = 2, 70
#: One try to reach Kafka; it is tried again, and a stop waits for the end of a try.
ANSWER_SECONDS = 5.0


class Worker:
    """Stage 1 in one process. `run` works until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._book = RuleBook(settings.rules)
        self._broker = Broker(settings.kafka_bootstrap, ANSWER_SECONDS)
        self._brake = Brake(settings.dead_letter_limit)
        self._restorer = Restorer(settings, self._book, self._broker, self._publish)
        # For what concerns the whole process; partitions have connections of their own.
        self._door = self._restorer.connect()
        self._presence = Presence(self._door, settings.kafka_topic, self._book.version)
        self.telemetry = Telemetry()
        self.partitions: dict[int, PartitionWorker] = {}
        # Between two assignments: often most partitions come back, and nobody has touched them meanwhile.
        self._kept: dict[int, PartitionWorker] = {}
        self._assignment_number = 0
        self._is_assigned = False
        self._partition_count = 0
        self._stop = asyncio.Event()
        self._last_flush_seconds = settings.kafka_session_seconds / 3
        self._flusher = Flusher(
            self.partitions,
            self.telemetry,
            settings.flush_seconds,
            is_assigned=lambda: self._is_assigned,
            committed=self._committed,
            overtaken=self._restore_again,
            failed=self.failed,
        )
        self._publisher = Publisher(settings.kafka_bootstrap)
        self._stage = self._new_stage()

    # ---- the life of the process

    async def run(self) -> bool:
        """Work until SIGTERM, SIGINT or `stop`; then flush and leave. Whether everything folded is in ClickHouse."""
        # A batch makes a hundred thousand tuples and frees them without a cycle: no need to look for one so often.
        gc.set_threshold(100_000, 50, 100)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        stopping = asyncio.create_task(self._stop.wait())
        if not await self._unless(stopping, self._prepare()):
            logger.info("stopped before it began")
            return True
        server = None
        if self._settings.metrics_port >= 0:
            server = Server(self.telemetry, self._unready, self._settings.metrics_host, self._settings.metrics_port)
            server.start()
            logger.info("metrics on http://%s:%d/metrics", self._settings.metrics_host, server.port)
        tasks = [asyncio.create_task(self._flusher.run()), asyncio.create_task(self._show_presence())]
        if await self._unless(stopping, self._join()):
            logger.info("folding %s from %s", self._settings.kafka_topic, self._settings.kafka_bootstrap)
            await stopping
        for task in tasks:
            task.cancel()
        is_complete = await self._flusher.flush_all(self._last_flush_seconds)
        # Batches that still arrive begin no flush.
        self._is_assigned = False
        await self._stage.stop()
        await self._publisher.stop()
        for worker in (*self.partitions.values(), *self._kept.values()):
            worker.close()
        if server:
            server.stop()
        if not is_complete:
            logger.info("stopped; what could not be flushed will be folded again")
            return False
        with suppress(Unavailable):
            await asyncio.to_thread(self._presence.tell, "stopped")
        logger.info("stopped; everything folded is in ClickHouse")
        return True

    def stop(self) -> None:
        """Stop soon, after a last flush."""
        self._stop.set()

    async def _unless(self, stopping: asyncio.Task[Any], work: Coroutine[Any, Any, None]) -> bool:
        """Do some work, unless the process is told to stop before it is done; True when it is done."""
        task = asyncio.create_task(work)
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            return False
        task.result()
        return True

    async def _prepare(self) -> None:
        self._restorer.configuration = await prepare(
            self._settings, self._book, self._broker, self._door, self._presence
        )

    async def _join(self) -> None:
        """Become a member of the group; wait for a Kafka that went away since we looked."""
        await again_and_again("start", self._publisher.start)
        await again_and_again("start", self._start_stage)

    async def _start_stage(self) -> None:
        try:
            await self._stage.start()
        except BrokerAwayError:
            self._stage = self._new_stage()
            raise

    def _new_stage(self) -> Stage:
        settings = self._settings
        return Stage(
            settings.group, settings.kafka_bootstrap, settings.kafka_topic, settings.kafka_session_seconds, self
        )

    async def _show_presence(self) -> None:
        """Give signs of life; stop when workers with a newer configuration have begun, or there is no life left."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if reason := self._stage.crash_reason():
                self.failed(reason)
            try:
                await asyncio.to_thread(self._look_around)
            except Unavailable as error:
                logger.debug("no sign of life this time: %s", error)
            except Exception as error:
                self.failed(error)

    def _look_around(self) -> None:
        self._presence.tell("working")
        found = configuration.newest(self._door, self._settings.kafka_topic)
        if found:
            configuration.verify(self._settings.kafka_topic, found[0], self._restorer.configuration)

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
        """Restore what is assigned and not still at hand, unless a newer assignment overtakes."""
        self._assignment_number += 1
        number = self._assignment_number
        for partition in self._kept.keys() - partitions:
            self._kept.pop(partition).close()
        topic = self._settings.kafka_topic
        self._partition_count = await patiently(topic, lambda: self._broker.partition_count(topic))
        for partition in sorted(partitions - self.partitions.keys()):
            if not await self._install(partition, number):
                return
        self._is_assigned = True
        self.telemetry.partitions.set(len(self.partitions))
        logger.info("generation %s: partitions %s", generation, sorted(self.partitions))

    async def revoked(self, partitions: set[int]) -> None:
        """Flush what can be flushed in a third of the session, then keep the state aside: it may come back."""
        self._assignment_number += 1
        self._is_assigned = False
        await self._flusher.flush_all(self._last_flush_seconds)
        for partition in list(self.partitions):
            self._kept[partition] = self.partitions.pop(partition)
            self.telemetry.forget(partition)
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
        if worker.pending_count > PENDING_EVENTS:
            await self._flusher.wait_for(partition)
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
        self._flusher.flush_if_due(partition, worker)

    def failed(self, error: BaseException) -> None:
        """Say why and end the process at once: going on would skip events."""
        if isinstance(error, EXPECTED_FAILURES):
            sys.stderr.write(f"sichtflug worker: {error}\n")
        else:
            traceback.print_exception(error)
        sys.stderr.flush()
        os._exit(EXIT_REFUSED if isinstance(error, EXPECTED_FAILURES) else EXIT_BUG)

    # ---- restore, and what follows a flush

    async def _install(self, partition: int, number: int) -> bool:
        """Restore a partition and work on it, unless an assignment later than `number` overtook; True when done."""
        kept = self._kept.pop(partition, None)
        worker = await self._restorer.restored(partition, self._partition_count, kept)
        if number != self._assignment_number:
            worker.close()
            return False
        self.partitions[partition] = worker
        known = worker.partition
        self.telemetry.restored(partition, worker.checkpoint.books, known.watermark, known.open_count)
        return True

    async def _restore_again(self, partition: int, overtaken: Overtaken) -> None:
        """Another worker wrote this partition after us: forget what we know, read what it wrote, go on from there."""
        logger.warning("%s; restoring the partition", overtaken)
        self._drop(partition)
        if await self._install(partition, self._assignment_number):
            await self._stage.seek(partition)

    def _drop(self, partition: int) -> None:
        worker = self.partitions.pop(partition, None)
        self.telemetry.forget(partition)
        if worker and not self._flusher.is_flushing(partition):
            worker.close()

    async def _committed(self, partition: int, result: FlushResult) -> None:
        """A flush is in ClickHouse: show it, and tell Kafka."""
        self.telemetry.committed(partition, result.checkpoint.books)
        # Not while partitions are being taken away: the group is waiting for us, and would not answer.
        if self._is_assigned:
            await self._stage.commit({partition: result.checkpoint.next_offset})

    async def _publish(self, letters: Sequence[DeadLetter]) -> None:
        messages = [(letter.key, letter.value, letter.headers) for letter in letters]
        await self._publisher.publish(self._settings.dead_letter_topic, messages)

    def _show(self, worker: PartitionWorker, end_offset: int, last_timestamp: int) -> None:
        lag = max(0, end_offset - worker.next_offset)
        self.telemetry.folded(
            worker.kafka_partition, lag, last_timestamp, worker.partition.watermark, worker.partition.open_count
        )


def run(settings: Settings) -> int:
    """Run a worker in this process until it is told to stop; the exit status comes back."""
    try:
        asyncio.run(_run(settings))
    except (*EXPECTED_FAILURES, MissingMigrationsError, Refused) as error:
        sys.stderr.write(f"sichtflug worker: {error}\n")
        return EXIT_REFUSED
    return 0


async def _run(settings: Settings) -> None:
    if not await Worker(settings).run():
        # A thread still waits for ClickHouse; nobody waits for what it gets.
        sys.stderr.flush()
        os._exit(0)
