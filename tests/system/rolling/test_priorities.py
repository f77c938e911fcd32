"""While the interactions stage lags, minutes are evaluated at once and their windows wait, but not for ever."""

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from pipeline.errors import ClickHouseUnavailableError
from pipeline.kafka.admin import KafkaAdmin
from pipeline.kafka.producer import Publisher
from pipeline.metrics.rolling import RollingMetrics
from pipeline.settings import Settings
from pipeline.stages.progress import BEHIND_EVENTS, Progress
from pipeline.stages.rolling import stage as rolling
from pipeline.stages.rolling.stage import RollingStage
from pipeline.stages.rolling.store import RollingStore
from streams.panes.deltas import MINUTE_MS
from tests.support.system import System
from tests.support.traffic import START

pytestmark = pytest.mark.embedded_broker


class InProcessStage:
    """The rolling stage in this process, receiving progress from the test. No worker runs."""

    def __init__(self, system: System) -> None:
        settings = Settings(
            kafka_bootstrap=system.bootstrap,
            kafka_topic=system.topic,
            kafka_panes_topic=f"{system.topic}.panes",
            clickhouse_url=system.url,
            clickhouse_database=system.database,
        )
        broker = KafkaAdmin(system.bootstrap)
        broker.ensure_topic(settings.kafka_panes_topic, 1, 1)
        registry = CollectorRegistry()
        self.failures: list[BaseException] = []
        self._registry = registry
        self._log = system.topic
        self._offset = 0
        publisher = Publisher(system.bootstrap)
        self.rolling = RollingStage(settings, broker, publisher, RollingMetrics(registry), self.failures.append)
        self._store = RollingStore(system.client, system.topic)
        self._store.commit(START)

    async def report_progress(self, minute: int, lag_count: int) -> None:
        """Report for the log's only partition that `minute` has passed, and how many records follow."""
        self._offset += 1
        progress = Progress(
            log=self._log,
            partition=0,
            partition_count=1,
            epoch=1,
            next_offset=self._offset,
            log_end=self._offset + lag_count,
            watermark_ms=(minute + 1) * MINUTE_MS,
            is_at_end=False,
            idle_ms=0,
        )
        record = SimpleNamespace(offset=self._offset, value=msgspec.json.encode(progress))
        await self.rolling.batch(0, [record], self._offset + 1)

    def evaluated(self) -> int:
        """Return the last minute evaluated, by the metrics; 0 before the first."""
        settled_at = self._registry.get_sample_value("sichtflug_settled_timestamp_seconds") or 0.0
        return int(settled_at) // 60 - 1

    def insert_failures(self) -> float | None:
        """Return the number of writes that ClickHouse refused, by the metrics."""
        return self._registry.get_sample_value("sichtflug_rolling_insert_failures_total")

    def written(self) -> int:
        """Return the last minute whose windows are written."""
        return self._store.evaluated_minute() or 0

    async def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 150
        while not await asyncio.to_thread(holds):
            assert not self.failures
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


def run(system: System, course: Callable[[InProcessStage], Any]) -> None:
    async def drive() -> None:
        stage = InProcessStage(system)
        await stage.rolling.assigned({0}, 1)
        try:
            await course(stage)
        finally:
            await stage.rolling.revoked({0})

    asyncio.run(drive())


def test_windows_wait_for_the_backlog_and_minutes_do_not(system: System) -> None:
    async def course(stage: InProcessStage) -> None:
        for minute in (START + 3, START + 5):
            await stage.report_progress(minute, BEHIND_EVENTS + 1)
            await stage.until(lambda: stage.evaluated() == minute)  # noqa: B023
        # Evaluated twice, with enough time to write what must not be written.
        await asyncio.sleep(1)
        assert stage.written() == START
        await stage.report_progress(START + 5, BEHIND_EVENTS)
        await stage.until(lambda: stage.written() == START + 5)

    run(system, course)


def test_windows_do_not_wait_for_ever(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "GIVE_WAY_SECONDS", 1.0)

    async def course(stage: InProcessStage) -> None:
        await stage.report_progress(START + 3, BEHIND_EVENTS + 1)
        await stage.until(lambda: stage.evaluated() == START + 3)
        await asyncio.sleep(1)
        await stage.report_progress(START + 3, BEHIND_EVENTS + 1)
        await stage.until(lambda: stage.written() == START + 3)
        # Those of later minutes have waiting times of their own.
        await stage.report_progress(START + 4, BEHIND_EVENTS + 1)
        await stage.until(lambda: stage.evaluated() == START + 4)
        await asyncio.sleep(1)
        assert stage.written() == START + 3

    run(system, course)


def test_a_minute_does_not_wait_for_the_windows_of_earlier_ones(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write_windows = RollingStore.write_windows

    def write(store: RollingStore, minute: int) -> None:
        write_windows(store, minute)
        written.append(minute)

    monkeypatch.setattr(RollingStore, "write_windows", write)

    async def course(stage: InProcessStage) -> None:
        await stage.report_progress(START + 40, 0)
        await stage.until(lambda: stage.evaluated() == START + 40)
        await stage.report_progress(START + 41, 0)
        await stage.until(lambda: stage.evaluated() == START + 41)
        assert len(written) < 40
        await stage.report_progress(START + 41, 0)
        await stage.until(lambda: stage.written() == START + 41)

    run(system, course)
    assert written == [*range(START + 1, START + 42)]


def test_windows_that_clickhouse_refuses_are_counted(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    write_windows = RollingStore.write_windows
    answers = iter((False, False, True))

    def write(store: RollingStore, minute: int) -> None:
        if not next(answers):
            raise ClickHouseUnavailableError("too many parts")
        write_windows(store, minute)

    monkeypatch.setattr(RollingStore, "write_windows", write)

    async def course(stage: InProcessStage) -> None:
        assert stage.insert_failures() == 0
        await stage.report_progress(START + 1, 0)
        await stage.until(lambda: stage.written() == START + 1)
        assert stage.insert_failures() == 2

    run(system, course)
