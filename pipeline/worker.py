"""The worker process: prepares, runs the stages until stopped, reports its state."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pipeline.clickhouse.client import connect
from pipeline.contract.codec import Codec
from pipeline.errors import (
    ClickHouseRejectedError,
    ClickHouseUnavailableError,
    DeadLetterLimitError,
    SichtflugError,
)
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.producer import Publisher
from pipeline.ledger import rules_version as configuration
from pipeline.ledger.failures import PartitionFailedError, record_failure
from pipeline.ledger.workers import REPORT_SECONDS, WorkerRegistry
from pipeline.metrics.rolling import RollingMetrics
from pipeline.metrics.server import Server
from pipeline.metrics.stage import BrakeMetrics, CellMetrics, StageMetrics
from pipeline.processing.stage import StatefulStage
from pipeline.retry import retry, retry_in_thread
from pipeline.settings import Settings
from pipeline.stages.customers.stage import CustomersStage
from pipeline.stages.interactions.stage import InteractionsStage
from pipeline.stages.prepared import Prepared
from pipeline.stages.rolling.stage import RollingStage
from pipeline.startup import prepare
from streams.rules import Rules

logger = logging.getLogger(__name__)

EXIT_REFUSED, EXIT_BUG = 2, 70
#: Per attempt to reach Kafka. Attempts are repeated, and a stop waits for the current one to end.
ANSWER_SECONDS = 5.0
LEAVE_SECONDS = 10.0
RECORD_FAILURE_SECONDS = 5.0

Result = TypeVar("Result")


class Stages(NamedTuple):
    """The three stages of a worker, constructed after the preparation."""

    interactions: InteractionsStage
    customers: CustomersStage
    rolling: RollingStage

    @property
    def stateful(self) -> dict[str, StatefulStage[Any]]:
        """Those that keep their state in the ledger, by name."""
        return {"interactions": self.interactions.stage, "customers": self.customers.stage}

    @property
    def members(self) -> tuple[StatefulStage[Any] | RollingStage, ...]:
        """All of them as members of their consumer groups."""
        return (*self.stateful.values(), self.rolling)


class Worker:
    """A worker process. `run` works until `stop` or a signal."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules = Rules(settings.rules)
        self._codec = Codec(settings.key)
        self._broker = KafkaAdmin(settings.kafka_bootstrap, ANSWER_SECONDS)
        self._publisher = Publisher(settings.kafka_bootstrap)
        self._metrics = StageMetrics()
        self._brake_metrics = BrakeMetrics(self._metrics.registry)
        CellMetrics(settings.rules.cell_limit, self._metrics.registry)
        # For the process as a whole; partitions have connections of their own.
        self._client = connect(settings)
        self._worker_registry = WorkerRegistry(self._client, settings.kafka_topic, self._rules.version)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM, SIGINT or `stop`; then flush and leave."""
        # A batch creates and frees a hundred thousand tuples without cycles: collect less often than by default.
        gc.set_threshold(100_000, 50, 100)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        stopping = asyncio.create_task(self._stop.wait())
        prepared = await self._unless(stopping, self._prepare())
        if prepared is None:
            await self._report_stopped()
            logger.info("stopped before the stages started")
            return
        stages = self._new_stages(prepared)
        server = self._serve(stages)
        work = (stages.interactions.run(), stages.customers.stage.run(), self._report_and_check(stages, prepared))
        tasks = [asyncio.create_task(coroutine) for coroutine in work]
        if await self._unless(stopping, self._join(stages)):
            logger.info("folding %s from %s", self._settings.kafka_topic, self._settings.kafka_bootstrap)
            await stopping
        for task in tasks:
            task.cancel()
        is_complete = all(await asyncio.gather(*(stage.finish() for stage in stages.stateful.values())))
        await self._leave(stages)
        if server:
            server.stop()
        what = "everything folded is in ClickHouse" if is_complete else "what could not be flushed will be folded again"
        logger.info("stopped; %s", what)

    def _new_stages(self, prepared: Prepared) -> Stages:
        settings, registry = self._settings, self._metrics.registry
        interactions = InteractionsStage(
            settings, self._rules, self._codec, self._broker, self._publisher, prepared, self._metrics, self.failed
        )
        customers = CustomersStage(
            settings,
            self._rules,
            self._broker,
            prepared,
            StageMetrics("customers", registry),
            interactions.is_behind,
            self.failed,
        )
        rolling = RollingStage(settings, self._broker, self._publisher, RollingMetrics(registry), self.failed)
        return Stages(interactions, customers, rolling)

    def stop(self) -> None:
        """Request a stop, after a last flush."""
        self._stop.set()

    def failed(self, error: BaseException) -> None:
        """Print the error and end the process at once, because continuing would skip events."""
        if isinstance(error, PartitionFailedError):
            traceback.print_exception(error.__cause__)
        if isinstance(error, SichtflugError | PartitionFailedError):
            sys.stderr.write(f"sichtflug worker: {error}\n")
        else:
            traceback.print_exception(error)
        sys.stderr.flush()
        self._record_failure(error)
        os._exit(EXIT_REFUSED if isinstance(error, SichtflugError) else EXIT_BUG)

    def _record_failure(self, error: BaseException) -> None:
        """Record the failure for other workers, if ClickHouse answers in time.

        Blocks the event loop, so that nothing is folded meanwhile.
        """

        def record() -> None:
            with suppress(ClickHouseUnavailableError, ClickHouseRejectedError):
                client = connect(self._settings)
                if isinstance(error, PartitionFailedError):
                    record_failure(client, error)
                self._worker_registry.report_failed(
                    client, "braked" if isinstance(error, DeadLetterLimitError) else "stopped"
                )

        thread = threading.Thread(target=record, daemon=True)
        thread.start()
        thread.join(RECORD_FAILURE_SECONDS)

    async def _unless(self, stopping: asyncio.Task[Any], work: Coroutine[Any, Any, Result]) -> Result | None:
        """Return the result of a coroutine; None if a stop is requested before it is done."""
        task = asyncio.create_task(work)
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            return None
        return task.result()

    async def _leave(self, stages: Stages) -> None:
        """Report the stop and leave the groups within `LEAVE_SECONDS`; otherwise both are left to expire."""
        leaving = asyncio.create_task(self._disconnect(stages))
        # During a rebalance, Faust and its client may wait for each other, or for members that do not come.
        await asyncio.wait([leaving], timeout=LEAVE_SECONDS)
        if leaving.done():
            leaving.result()
        else:
            logger.warning("could not leave the groups in %.0f s", LEAVE_SECONDS)

    async def _disconnect(self, stages: Stages) -> None:
        # What is folded is flushed: others need not wait for the groups, which may take long during a rebalance.
        await asyncio.gather(self._report_stopped(), *(member.leave() for member in stages.members))
        await self._publisher.stop()

    async def _report_stopped(self) -> None:
        with suppress(ClickHouseUnavailableError, ClickHouseRejectedError):
            await asyncio.to_thread(self._worker_registry.report, "stopped")

    async def _prepare(self) -> Prepared:
        try:
            prepared = await prepare(self._settings, self._rules, self._broker, self._client, self._worker_registry)
        except SichtflugError:
            await self._report_stopped()
            raise
        self._brake_metrics.stopped_at.set(await retry_in_thread("start", self._worker_registry.last_brake))
        return prepared

    async def _join(self, stages: Stages) -> bool:
        await retry("start", self._publisher.start)
        await asyncio.gather(*(member.join() for member in stages.members))
        return True

    def _serve(self, stages: Stages) -> Server | None:
        host, port = self._settings.metrics_host, self._settings.metrics_port
        if port < 0:
            return None
        server = Server(self._metrics, partial(_unready, stages), host, port)
        server.start()
        logger.info("metrics on http://%s:%d/metrics", host, server.port)
        return server

    # ---- the worker registry

    async def _report_and_check(self, stages: Stages, prepared: Prepared) -> None:
        """Report to the registry for ever; fail if a stage has crashed or workers run with a newer configuration."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            for member in stages.members:
                if reason := member.crash_reason():
                    self.failed(reason)
            try:
                await asyncio.to_thread(self._report_working, prepared)
            except ClickHouseUnavailableError as error:
                logger.debug("could not report to the worker registry: %s", error)
            except Exception as error:
                self.failed(error)

    def _report_working(self, prepared: Prepared) -> None:
        self._worker_registry.report("working")
        self._brake_metrics.stopped_at.set(self._worker_registry.last_brake())
        newest = configuration.newest(self._client, self._settings.kafka_topic)
        if newest:
            configuration.verify(self._settings.kafka_topic, newest[0], prepared.configuration)


def _unready(stages: Stages) -> str:
    """Return why a stage is not ready; '' if all are. Called by the server's thread."""
    missing = {name: stage.unready() for name, stage in stages.stateful.items()}
    return "; ".join(f"{name}: {what}" for name, what in missing.items() if what)


def run(settings: Settings) -> int:
    """Run a worker, and end this process with it. Returns an exit status only if the worker cannot start."""
    try:
        asyncio.run(_run(settings))
    except SichtflugError as error:
        sys.stderr.write(f"sichtflug worker: {error}\n")
    return EXIT_REFUSED


async def _run(settings: Settings) -> None:
    await Worker(settings).run()
    # Do not wait for threads and tasks of the clients: they may still be waiting for ClickHouse or for a group.
    sys.stderr.flush()
    os._exit(0)
