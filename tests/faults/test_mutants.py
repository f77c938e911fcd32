"""The comparisons with the oracle detect workers that break a rule: a check that cannot fail proves nothing."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.faults.mutants import wrong_worker
from tests.support.proxy import FaultyProxy
from tests.support.system import System, wait_for
from tests.support.traffic import live_records

pytestmark = pytest.mark.apache_kafka

Staging = Callable[[System, str, ExitStack], None]


def cut_inserts(system: System, mutant: str, stack: ExitStack) -> None:
    """Truncate inserts: ClickHouse takes an insert without its block for one of no rows."""
    proxy = stack.enter_context(FaultyProxy(system.url, seed=1, share=0.3, kinds=("body cut",)))
    worker = system.start(wrong_worker(mutant), clickhouse_url=proxy.url, flush_seconds="0.05")
    for seed in count(1_000):
        system.publish(live_records(seed, number=200))
        time.sleep(0.3)
        assert worker.poll() is None
        if proxy.faults["body cut"] >= 30:
            break
    proxy.share = 0.0


def move_committed_offsets(system: System, mutant: str, stack: ExitStack) -> None:
    """Commit offsets for the group as if it had read everything, while there is no worker."""
    system.publish(live_records(seed=71, number=1_000))
    first = system.start_worker()
    system.wait_until_folded()
    first.terminate()
    assert first.wait(30) == 0
    system.publish(live_records(seed=72, number=1_000))
    admin = KafkaAdminClient(bootstrap_servers=system.bootstrap)
    moved = {
        TopicPartition(system.topic, partition): OffsetAndMetadata(end, "", -1)
        for partition, end in system.log_ends().items()
    }
    admin.alter_group_offsets(f"sichtflug-{system.topic}", moved)
    admin.close()
    system.start(wrong_worker(mutant))
    # So that there is something left to read.
    system.publish(live_records(seed=73, number=1_000))


def raise_in_the_fold(system: System, mutant: str, stack: ExitStack) -> None:
    """Raise once; a worker that survives continues after the batch, and one that ends is restarted."""
    system.publish(live_records(seed=74, number=2_000))
    worker = system.start(wrong_worker(mutant, bug_after=500))
    if not mutant:
        assert worker.wait(60) == 70
        system.start_worker()
    system.publish(live_records(seed=75, number=2_000))


def lose_fetches(system: System, mutant: str, stack: ExitStack) -> None:
    """Lose a third of the fetches, as happens occasionally around a rebalance."""
    worker = system.start(wrong_worker(mutant, lost_fetch=3))
    wait_for(lambda: "INFO folding" in system.log(), 60, system.log)
    for seed in range(80, 90):
        system.publish(live_records(seed, number=200))
        time.sleep(0.2)
    assert worker.poll() is None
    # The last fetch may be lost as well; then only another record reveals it.
    for seed in range(90, 93):
        system.publish(live_records(seed, number=40))
        time.sleep(0.2)


STAGED: dict[str, Staging] = {
    "an incomplete insert is accepted": cut_inserts,
    "a worker starts from Kafka's committed offsets": move_committed_offsets,
    "a lost fetch is not noticed": lose_fetches,
    "an exception in the fold is survived": raise_in_the_fold,
}


@pytest.mark.parametrize("mutant", STAGED)
def test_a_worker_that_breaks_a_rule_is_found_out(system: System, mutant: str) -> None:
    with ExitStack() as stack:
        STAGED[mutant](system, mutant, stack)
        with pytest.raises(AssertionError):
            fold_and_compare(system, 15)


@pytest.mark.parametrize("mutant", STAGED)
def test_the_real_worker_passes_where_the_mutant_is_detected(system: System, mutant: str) -> None:
    with ExitStack() as stack:
        STAGED[mutant](system, "", stack)
        fold_and_compare(system, 90)


def fold_and_compare(system: System, seconds: float) -> None:
    system.wait_until_folded(seconds)
    system.assert_equals(system.oracle())
