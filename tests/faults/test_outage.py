"""Without ClickHouse, memory is bounded, the group keeps its members, a stop is quick, and nothing is lost."""

import signal
import time

import pytest

from pipeline.embedded.servers import EmbeddedClickHouse
from tests.faults.outage import begin_with_two_workers, outage
from tests.support.system import SESSION_SECONDS, System
from tests.support.traffic import live_records

OUTAGE_SECONDS = 30.0


def test_workers_at_full_load_wait_for_clickhouse_to_return(system: System, clickhouse: EmbeddedClickHouse) -> None:
    workers = begin_with_two_workers(system)
    found = outage(system, clickhouse, OUTAGE_SECONDS, record_count=100_000)
    assert [worker.poll() for worker in workers] == [None, None]
    assert found.failures() == []
    system.assert_equals(system.oracle())


@pytest.mark.both_brokers("rebalance")
def test_a_stop_while_clickhouse_is_away_is_quick_and_hands_over(
    system: System, clickhouse: EmbeddedClickHouse
) -> None:
    stopped, other = begin_with_two_workers(system)
    clickhouse.kill()
    system.publish(live_records(seed=13, number=6_000))
    time.sleep(3)
    began_at = time.monotonic()
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(30) == 0
    # A third of the session for a last flush that cannot succeed; leaving the group takes the rest.
    assert time.monotonic() - began_at < 3 * float(SESSION_SECONDS)
    # The other worker takes over partitions it cannot restore yet, and stays in the group.
    time.sleep(2 * float(SESSION_SECONDS))
    clickhouse.start()
    system.wait_until_folded()
    assert other.poll() is None
    system.assert_equals(system.oracle())
