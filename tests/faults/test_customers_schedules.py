"""The customers stage is exact under the same simulated schedules of faults as the interactions stage."""

from collections import Counter
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.stages.facts import FactBatch
from tests.faults.mutants import MUTANTS, mutated
from tests.faults.schedule_runs import RULES, assert_equal, log_of
from tests.support.schedules import Schedule, customers_of, stepwise


def facts_under_faults(seed: int) -> list[FactBatch]:
    """Return the facts the interactions stage publishes for a log under constant kills, with repeated stretches."""
    schedule = Schedule(Random(seed), RULES, log_of(seed))
    schedule.run(150)
    return schedule.sent.batches


def contacts_of(seed: int) -> list[Any]:
    """Return a customer facts log: two partitions of the interactions alternate about the same customers."""
    chance = Random(seed)
    batches_of = [facts_under_faults(seed), facts_under_faults(seed + 1_000)]
    names = ["01", "02", "03", "04", "05"]
    records: list[Any] = []
    while any(batches_of):
        number = chance.choice([index for index, rest in enumerate(batches_of) if rest])
        batch = batches_of[number].pop(0)
        facts = [msgspec.structs.replace(fact, customer=names[int(fact.customer, 16) % 5]) for fact in batch.facts]
        value = (
            msgspec.msgpack.encode(FactBatch(number, batch.epoch, batch.cells, facts))
            if chance.random() > 0.05
            else b"no facts"
        )
        records.append(SimpleNamespace(offset=len(records), timestamp=1, key=None, value=value, headers=()))
    return records


def check(logs: range, seeds: range) -> Counter[str]:
    """Run schedules of faults over some logs; return counts by fault. Raises AssertionError if rows differ."""
    faults: Counter[str] = Counter()
    with stepwise():
        for log in logs:
            records = contacts_of(log)
            expected = Schedule(Random(0), RULES, records, customers_of)
            expected.run(0)
            for seed in seeds:
                schedule = Schedule(Random(seed), RULES, records, customers_of)
                schedule.run(150)
                assert_equal(schedule.store, expected.store, f"log {log}, seed {seed}")
                faults += schedule.faults
    return faults


@pytest.mark.parametrize("block", range(4))
def test_customers_after_any_schedule_of_faults_equal_those_without_faults(block: int) -> None:
    faults = check(range(3 * block, 3 * block + 3), range(20))
    # A schedule without faults proves nothing.
    assert min(faults.values()) >= 5
    assert len(faults) == 9


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(log=st.integers(0, 10_000), chance=st.randoms(use_true_random=False))
def test_facts_are_the_same_under_faults_once_repeated_ones_are_dropped(log: int, chance: Any) -> None:
    def received(schedule: Schedule) -> list[Any]:
        facts: list[Any] = []
        highest = (-1, 0)
        for batch in schedule.sent.batches:
            for fact in batch.facts:
                if (fact.offset, fact.number) > highest:
                    highest = (fact.offset, fact.number)
                    # Each flush numbers its cells independently.
                    facts.append((tuple(batch.cells[fact.cell]), msgspec.structs.replace(fact, cell=0)))
        return facts

    records = log_of(log)
    with stepwise():
        straight, schedule = Schedule(Random(0), RULES, records), Schedule(chance, RULES, records)
        straight.run(0)
        schedule.run(60)
    assert received(schedule) == received(straight)


SHARED = [
    "a flush is split into two inserts",
    "the checkpoint goes before the data",
    "rows of an unacknowledged flush are evicted",
    "an evicted conversation starts over",
    "an evicted pane starts over",
    "revisions read back are not compared",
    "a flush follows an abandoned one",
]


@pytest.mark.parametrize("name", SHARED)
def test_a_customers_stage_that_breaks_a_rule_is_detected(name: str) -> None:
    with mutated(MUTANTS[name]), pytest.raises(AssertionError):
        check(range(6), range(30))
