"""The worker process: prepares, runs the stages until it is told to stop, shows that it lives."""

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
from pipeline.ledger.failures import PartitionFailedError, leave_word
from pipeline.ledger.workers import BEAT_SECONDS, WorkerRegistry
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
#: One try to reach Kafka; it is tried again, and a stop waits for the end of a try.
ANSWER_SECONDS = 5.0
LEAVE_SECONDS = 10.0
LAST_WORD_SECONDS = 5.0

Result = TypeVar("Result")


class Stages(NamedTuple):
    """The three stages of a worker, constructed once everything they need is there."""

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
    """One process. `run` works until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules = Rules(settings.rules)
        self._codec = Codec(settings.key)
        self._broker = KafkaAdmin(settings.kafka_bootstrap, ANSWER_SECONDS)
        self._publisher = Publisher(settings.kafka_bootstrap)
        self._metrics = StageMetrics()
        self._brake_metrics = BrakeMetrics(self._metrics.registry)
        CellMetrics(settings.rules.cell_limit, self._metrics.registry)
        # For what concerns the whole process; partitions have connections of their own.
        self._client = connect(settings)
        self._worker_registry = WorkerRegistry(self._client, settings.kafka_topic, self._rules.version)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM, SIGINT or `stop`; then flush and leave."""
        # A batch makes a hundred thousand tuples and frees them without a cycle: no need to look for one so often.
        gc.set_threshold(100_000, 50, 100)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        stopping = asyncio.create_task(self._stop.wait())
        prepared = await self._unless(stopping, self._prepare())
        if prepared is None:
            logger.info("stopped before it began")
            return
        stages = self._new_stages(prepared)
        server = self._serve(stages)
        work = (stages.interactions.run(), stages.customers.stage.run(), self._show_presence(stages, prepared))
        tasks = [asyncio.create_task(one) for one in work]
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
        """Stop soon, after a last flush."""
        self._stop.set()

    def failed(self, error: BaseException) -> None:
        """Say why and end the process at once: going on would skip events."""
        if isinstance(error, PartitionFailedError):
            traceback.print_exception(error.__cause__)
        if isinstance(error, SichtflugError | PartitionFailedError):
            sys.stderr.write(f"sichtflug worker: {error}\n")
        else:
            traceback.print_exception(error)
        sys.stderr.flush()
        self._say_goodbye(error)
        os._exit(EXIT_REFUSED if isinstance(error, SichtflugError) else EXIT_BUG)

    def _say_goodbye(self, error: BaseException) -> None:
        """For the others, if ClickHouse answers; nothing is folded meanwhile, since the event loop waits here."""

        def tell() -> None:
            with suppress(ClickHouseUnavailableError, ClickHouseRejectedError):
                client = connect(self._settings)
                if isinstance(error, PartitionFailedError):
                    leave_word(client, error)
                self._worker_registry.say_goodbye(
                    client, "braked" if isinstance(error, DeadLetterLimitError) else "stopped"
                )

        telling = threading.Thread(target=tell, daemon=True)
        telling.start()
        telling.join(LAST_WORD_SECONDS)

    async def _unless(self, stopping: asyncio.Task[Any], work: Coroutine[Any, Any, Result]) -> Result | None:
        """Do some work; None when the process is told to stop before it is done."""
        task = asyncio.create_task(work)
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            return None
        return task.result()

    async def _leave(self, stages: Stages) -> None:
        """Leave the groups and say goodbye, in bounded time; if it is not done, others notice by the silence."""
        leaving = asyncio.create_task(self._disconnect(stages))
        # In the middle of a rebalance Faust and its client may wait for each other, or for members that do not come.
        await asyncio.wait([leaving], timeout=LEAVE_SECONDS)
        if leaving.done():
            leaving.result()
        else:
            logger.warning("could not leave the group and say goodbye in %.0f s", LEAVE_SECONDS)

    async def _disconnect(self, stages: Stages) -> None:
        await asyncio.gather(*(member.leave() for member in stages.members))
        await self._publisher.stop()
        with suppress(ClickHouseUnavailableError):
            await asyncio.to_thread(self._worker_registry.tell, "stopped")

    async def _prepare(self) -> Prepared:
        prepared = await prepare(self._settings, self._rules, self._broker, self._client, self._worker_registry)
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

    # ---- signs of life

    async def _show_presence(self, stages: Stages, prepared: Prepared) -> None:
        """Give signs of life; stop when workers with a newer configuration have begun, or there is no life left."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for member in stages.members:
                if reason := member.crash_reason():
                    self.failed(reason)
            try:
                await asyncio.to_thread(self._look_around, prepared)
            except ClickHouseUnavailableError as error:
                logger.debug("no sign of life this time: %s", error)
            except Exception as error:
                self.failed(error)

    def _look_around(self, prepared: Prepared) -> None:
        self._worker_registry.tell("working")
        self._brake_metrics.stopped_at.set(self._worker_registry.last_brake())
        found = configuration.newest(self._client, self._settings.kafka_topic)
        if found:
            configuration.verify(self._settings.kafka_topic, found[0], prepared.configuration)


def _unready(stages: Stages) -> str:
    """What is missing in one of the stages that fold, '' where nothing is. Called by the thread that serves it."""
    missing = {name: stage.unready() for name, stage in stages.stateful.items()}
    return "; ".join(f"{name}: {what}" for name, what in missing.items() if what)


def run(settings: Settings) -> int:
    """Run a worker in this process, which ends with it; the exit status comes back when it cannot begin."""
    try:
        asyncio.run(_run(settings))
    except SichtflugError as error:
        sys.stderr.write(f"sichtflug worker: {error}\n")
    return EXIT_REFUSED


async def _run(settings: Settings) -> None:
    await Worker(settings).run()
    # Threads and tasks of the clients may still wait, for ClickHouse or for a group: nobody waits for what they get.
    sys.stderr.flush()
    os._exit(0)
