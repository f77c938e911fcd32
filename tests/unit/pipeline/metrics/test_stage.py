"""Metrics stay correct while nothing happens, which is when alerts are needed."""

import asyncio
import time

import pytest

from pipeline.errors import ClickHouseUnavailableError
from pipeline.metrics.stage import StageMetrics
from pipeline.retry import retry_in_thread
from streams.books import Books


def value(metrics: StageMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_lag_grows_while_nothing_is_folded_and_is_zero_at_the_end() -> None:
    metrics = StageMetrics()
    metrics.restored(3, Books(), 0, 0)
    assert value(metrics, "sichtflug_lag_seconds", partition="3") == 0
    metrics.folded(3, 10, 5, round(time.time() * 1000) - 60_000, 0, 0)
    first = value(metrics, "sichtflug_lag_seconds", partition="3")
    time.sleep(0.05)
    second = value(metrics, "sichtflug_lag_seconds", partition="3")
    assert first is not None
    assert second is not None
    assert 59.9 < first < second < 120
    metrics.folded(3, 5, 0, round(time.time() * 1000), 0, 0)
    assert value(metrics, "sichtflug_lag_seconds", partition="3") == 0
    assert value(metrics, "sichtflug_processed_records_total") == 15


def test_a_partition_lost_to_another_worker_is_hidden_and_returns_without_its_old_lag() -> None:
    metrics = StageMetrics()
    metrics.restored(3, Books(), 0, 0)
    metrics.folded(3, 10, 5, 1, 0, 0)
    metrics.remove(3)
    assert value(metrics, "sichtflug_lag_seconds", partition="3") is None
    metrics.restored(3, Books(), 0, 0)
    assert value(metrics, "sichtflug_lag_seconds", partition="3") == 0


def test_events_that_have_not_happened_yet_are_counted_as_zero() -> None:
    metrics = StageMetrics()
    assert value(metrics, "sichtflug_rejections_total", reason="not_json") == 0
    assert value(metrics, "sichtflug_insert_failures_total") == 0
    assert value(metrics, "sichtflug_processed_records_total") == 0


def test_each_failed_insert_is_counted_and_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.retry.FIRST_PAUSE_SECONDS", 0.001)
    metrics = StageMetrics()
    answers = iter((False, False, True))

    def insert() -> str:
        if not next(answers):
            raise ClickHouseUnavailableError("away")
        return "written"

    assert asyncio.run(retry_in_thread("test", insert, on_failure=metrics.insert_failures.inc)) == "written"
    assert value(metrics, "sichtflug_insert_failures_total") == 2
