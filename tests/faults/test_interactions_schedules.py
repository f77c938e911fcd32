"""Exact whatever happens, simulated: schedules of crashes, late inserts, lost replies and rival workers."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.simulation import simulate
from streams.rules import RuleBook, Rules, Targets
from tests.faults.mutants import MUTANTS, mutated
from tests.support.ledger import Store
from tests.support.schedules import Process, Schedule, Sent, interactions_worker, stepwise

START_MS = 1_700_000_000_000
BOOK = RuleBook(
    Rules(
        targets=Targets(first_response_seconds=60, next_response_seconds=120, resolution_seconds=900),
        idle_limit_seconds={"web_chat": 1_800, "": 7_200},
        # So few that most logs have more.
        cell_limit=10,
    )
)


def log_of(seed: int) -> list[Any]:
    """A log of some hours with everything in it: duplicates, disorder, late and, more than in life, bad records."""
    chance = Random(seed)
    items = simulate(seed, 0.02, START_MS, follows_the_day=False, haste=60.0)
    return [
        SimpleNamespace(
            offset=offset,
            timestamp=item.send_at_ms,
            key=item.key,
            value=b"bad" if chance.random() < 0.05 else item.value,
            headers=(),
        )
        for offset, (item, _) in enumerate(zip(items, range(40), strict=False))
    ]


def straight_through(records: Sequence[Any]) -> Schedule:
    """The same log without faults: one fold, one flush."""
    schedule = Schedule(Random(0), BOOK, records)
    schedule.run(0)
    return schedule


#: Records of a schedule; it takes about four steps for each. Short ones show by their number what goes wrong at once,
#: long ones what has to come together.
LENGTHS = (10, 16, 24, 40)


def check(logs: Iterable[int], seeds: Iterable[int]) -> Counter[str]:
    """Run schedules of faults over some logs; how often what happened. Raises AssertionError for rows that differ."""
    faults: Counter[str] = Counter()
    with stepwise():
        for log in logs:
            records = log_of(log)
            expected = {length: straight_through(records[:length]) for length in LENGTHS}
            for seed in seeds:
                length = LENGTHS[seed % len(LENGTHS)]
                schedule = Schedule(Random(seed), BOOK, records[:length])
                schedule.run(4 * length)
                assert_equal(schedule.store, expected[length].store, f"log {log}, seed {seed}")
                assert schedule.sent.letters == expected[length].sent.letters, f"log {log}, seed {seed}"
                faults += schedule.faults
    return faults


@pytest.mark.parametrize("block", range(10))
def test_rows_after_any_schedule_of_faults_equal_those_without_faults(block: int) -> None:
    faults = check(range(5 * block, 5 * block + 5), range(40))
    # A schedule in which nothing happens proves nothing.
    assert min(faults.values()) >= 5
    assert len(faults) == 9


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(log=st.integers(0, 10_000), chance=st.randoms(use_true_random=False))
def test_a_schedule_that_hypothesis_may_shrink_changes_no_row(log: int, chance: Random) -> None:
    records = log_of(log)[:12]
    with stepwise():
        expected = straight_through(records)
        schedule = Schedule(chance, BOOK, records)
        schedule.run(60)
    assert_equal(schedule.store, expected.store, f"log {log}")


def test_what_waits_for_the_ledger_does_so_since_it_was_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not since the last flush, which may be hours ago; and also while its own flush is under way, however long."""
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    records = log_of(1)
    with stepwise():
        process = Process(interactions_worker(BOOK, Store(), Sent()))
        worker = process.worker

        def fold(begin: int, end: int) -> None:
            process.begin("fold", worker.fold(records[begin:end]))
            while "fold" in process.doing:
                process.go_on("fold")

        assert worker.unflushed_since == 0
        now = 1_400.0
        fold(0, 8)
        assert worker.unflushed_since == 1_400
        process.begin("flush", worker.flush())
        process.go_on("flush")
        now = 1_500.0
        fold(8, 12)
        assert worker.unflushed_since == 1_400
        while "flush" in process.doing:
            process.go_on("flush")
        assert worker.unflushed_since == 1_500
        process.begin("flush", worker.flush())
        while "flush" in process.doing:
            process.go_on("flush")
        assert worker.unflushed_since == 0


@pytest.mark.parametrize("name", MUTANTS)
def test_a_worker_that_breaks_a_rule_is_found_out(name: str) -> None:
    with mutated(MUTANTS[name]), pytest.raises(AssertionError):
        # Some are seldom noticed: by one schedule in some hundreds.
        check(range(40), range(30))


def assert_equal(found: Store, expected: Store, where: str) -> None:
    wanted, got = newest(expected), newest(found)
    assert got.keys() == wanted.keys(), where
    for key in wanted:
        assert got[key] == wanted[key], f"{where}: {key}"
    assert found.others == expected.others, where


def newest(store: Store) -> dict[Any, Any]:
    """What counts in the end: of the checkpoints only the last one."""
    contents = store.contents()
    last = max((key for key in contents if key[0] == b"checkpoint"), key=lambda key: key[2])
    return {key: row for key, row in contents.items() if key[0] != b"checkpoint" or key == last}
