"""The interactions stage is exact under simulated schedules of crashes, late inserts, lost replies and rivals."""

import time
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.mutants import MUTANTS, mutated
from tests.faults.schedule_runs import RULES, assert_equal, check, log_of, straight_through
from tests.support.ledger import Store
from tests.support.schedules import Process, Schedule, Sent, interactions_worker, stepwise


@pytest.mark.parametrize("block", range(10))
def test_rows_after_any_schedule_of_faults_equal_those_without_faults(block: int) -> None:
    faults = check(range(5 * block, 5 * block + 5), range(40))
    # A schedule without faults proves nothing.
    assert min(faults.values()) >= 5
    assert len(faults) == 9


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(log=st.integers(0, 10_000), chance=st.randoms(use_true_random=False))
def test_no_schedule_that_hypothesis_finds_changes_a_row(log: int, chance: Random) -> None:
    records = log_of(log)[:12]
    with stepwise():
        expected = straight_through(records)
        schedule = Schedule(chance, RULES, records)
        schedule.run(60)
    assert_equal(schedule.store, expected.store, f"log {log}")


def test_the_age_of_unflushed_records_counts_from_their_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from the last flush, which may be hours ago; and also during its own flush, however long."""
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    records = log_of(1)
    with stepwise():
        process = Process(interactions_worker(RULES, Store(), Sent()))
        worker = process.worker

        def fold(begin: int, end: int) -> None:
            process.begin("fold", worker.fold(records[begin:end]))
            while "fold" in process.doing:
                process.advance("fold")

        assert worker.unflushed_since == 0
        now = 1_400.0
        fold(0, 8)
        assert worker.unflushed_since == 1_400
        process.begin("flush", worker.flush())
        process.advance("flush")
        now = 1_500.0
        fold(8, 12)
        assert worker.unflushed_since == 1_400
        while "flush" in process.doing:
            process.advance("flush")
        assert worker.unflushed_since == 1_500
        process.begin("flush", worker.flush())
        while "flush" in process.doing:
            process.advance("flush")
        assert worker.unflushed_since == 0


@pytest.mark.parametrize("name", MUTANTS)
def test_a_worker_that_breaks_a_rule_is_found_out(name: str) -> None:
    with mutated(MUTANTS[name]), pytest.raises(AssertionError):
        # Some mutants are detected by only one schedule in several hundred.
        check(range(40), range(30))
