"""The registry of workers shows who folds a log, and nobody who has stopped."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.ledger.workers import WorkerRegistry, at_work


def test_a_worker_is_at_work_until_it_stops(client: ClickHouse) -> None:
    first, second = (WorkerRegistry(client, "log", "rules") for _ in range(2))
    first.report("starting")
    second.report("working")
    assert len(at_work(client, "log")) == 2
    assert at_work(client, "another") == []
    first.report("stopped")
    assert len(at_work(client, "log")) == 1


@pytest.mark.parametrize("state", ["stopped", "braked"])
def test_a_report_that_comes_after_the_end_does_not_bring_a_worker_back(client: ClickHouse, state: str) -> None:
    registry = WorkerRegistry(client, "log", "rules")
    registry.report("working")
    registry.report_failed(client, "braked" if state == "braked" else "stopped")
    with ThreadPoolExecutor() as threads:
        threads.submit(registry.report, "working").result()
    assert at_work(client, "log") == []
    assert client.rows("SELECT state FROM workers FINAL") == [(state,)]
