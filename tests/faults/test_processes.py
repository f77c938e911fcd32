"""The rows equal the batch computation under faults of processes and of ClickHouse's answers, on real systems."""

import signal
import time

import pytest

from tests.faults.mutants import HANGING, wrong_worker
from tests.support.proxy import KINDS, FaultyProxy
from tests.support.system import SESSION_SECONDS, System
from tests.support.traffic import live_records


def test_refused_lost_and_slow_answers_of_clickhouse_change_no_row(system: System) -> None:
    with FaultyProxy(system.url, seed=3, share=0.25, slow_seconds=1.0) as proxy:
        worker = system.start_worker(clickhouse_url=proxy.url, flush_seconds="0.05")
        records = live_records(seed=31, number=6_000)
        while set(proxy.faults) != set(KINDS) or records:
            batch, records = records[:300], records[300:]
            system.publish(batch or live_records(seed=32, number=100))
            time.sleep(0.5)
        system.wait_until_folded(150)
        assert worker.poll() is None
        assert min(proxy.faults.values()) >= 1
    system.assert_equals(system.oracle())


@pytest.mark.both_brokers("rebalance")
def test_a_worker_that_wakes_up_after_two_sessions_changes_no_row(system: System) -> None:
    workers = [system.start_worker(flush_seconds="0.05") for _ in range(2)]
    system.publish(live_records(seed=33, number=2_000))
    system.wait_until_folded()
    for number, sleeper in enumerate(workers):
        system.publish(live_records(seed=34 + number, number=2_000))
        sleeper.send_signal(signal.SIGSTOP)
        system.publish(live_records(seed=44 + number, number=2_000))
        time.sleep(2 * float(SESSION_SECONDS))
        # Meanwhile the other worker owns everything.
        system.wait_until_folded()
        sleeper.send_signal(signal.SIGCONT)
        system.publish(live_records(seed=54 + number, number=2_000))
        system.wait_until_folded()
    assert [worker.poll() for worker in workers] == [None, None]
    system.assert_equals(system.oracle())


def test_a_stop_does_not_wait_for_a_hanging_commit_and_loses_nothing(system: System) -> None:
    with FaultyProxy(system.url, seed=1, share=0.0) as proxy:
        worker = system.start_worker(clickhouse_url=proxy.url, flush_seconds="0.05")
        system.publish(live_records(seed=76, number=1_000))
        system.wait_until_folded()
        hold = proxy.hold("before the commit")
        system.publish(live_records(seed=77, number=1_000))
        assert hold.wait(30)
        # Folded after the flush has taken its rows.
        system.publish(live_records(seed=78, number=1_000))
        time.sleep(1)
        began_at = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        # A third of the session for the last flush; the hanging thread is not waited for.
        assert time.monotonic() - began_at < 2 * float(SESSION_SECONDS)
        assert "stopped; what could not be flushed will be folded again" in system.log()
        hold.drop()
    system.start_worker()
    system.wait_until_folded()
    system.assert_equals(system.oracle())


@pytest.mark.apache_kafka
@pytest.mark.parametrize("hanging", HANGING)
def test_a_stop_does_not_wait_for_a_group_that_does_not_answer(system: System, hanging: str) -> None:
    """Observed during a rebalance: a process that had shut down never ended."""
    worker = system.start(wrong_worker(hanging))
    system.publish(live_records(seed=79, number=500))
    system.wait_until_folded()
    system.publish(live_records(seed=80, number=500))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    # Everything is flushed, or will be folded again.
    assert "INFO stopped; " in system.log()
    system.start_worker()
    system.wait_until_folded()
    system.assert_equals(system.oracle())
