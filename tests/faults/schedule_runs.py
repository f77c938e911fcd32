"""Schedules of faults over simulated logs, whose rows must be the same as without faults."""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

from pipeline.simulation.traffic import simulate
from streams.rules import Rules, RulesConfig, Targets
from tests.support.ledger import Store
from tests.support.schedules import Schedule, stepwise

START_MS = 1_700_000_000_000
RULES = Rules(
    RulesConfig(
        targets=Targets(first_response_seconds=60, next_response_seconds=120, resolution_seconds=900),
        idle_limit_seconds={"web_chat": 1_800, "": 7_200},
        # So few that most logs have more.
        cell_limit=10,
    )
)


def log_of(seed: int) -> list[Any]:
    """Return a log of some hours with duplicates, disorder, late records and more bad records than in practice."""
    chance = Random(seed)
    items = simulate(seed, 0.02, START_MS, follows_the_day=False, speedup=60.0)
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
    """Run the same log without faults: one fold, one flush."""
    schedule = Schedule(Random(0), RULES, records)
    schedule.run(0)
    return schedule


#: Records per schedule, which takes about four steps for each. Short schedules find immediate faults by their number,
#: long ones find faults that need several conditions at once.
LENGTHS = (10, 16, 24, 40)


def check(logs: Iterable[int], seeds: Iterable[int]) -> Counter[str]:
    """Run schedules of faults over some logs; return counts by fault. Raises AssertionError if rows differ."""
    faults: Counter[str] = Counter()
    with stepwise():
        for log in logs:
            records = log_of(log)
            expected = {length: straight_through(records[:length]) for length in LENGTHS}
            for seed in seeds:
                length = LENGTHS[seed % len(LENGTHS)]
                schedule = Schedule(Random(seed), RULES, records[:length])
                schedule.run(4 * length)
                assert_equal(schedule.store, expected[length].store, f"log {log}, seed {seed}")
                assert schedule.sent.letters == expected[length].sent.letters, f"log {log}, seed {seed}"
                faults += schedule.faults
    return faults


def assert_equal(found: Store, expected: Store, where: str) -> None:
    wanted, got = newest(expected), newest(found)
    assert got.keys() == wanted.keys(), where
    for key in wanted:
        assert got[key] == wanted[key], f"{where}: {key}"
    assert found.others == expected.others, where


def newest(store: Store) -> dict[Any, Any]:
    """Return what counts in the end: only the last of the checkpoints."""
    contents = store.contents()
    last = max((key for key in contents if key[0] == b"checkpoint"), key=lambda key: key[2])
    return {key: row for key, row in contents.items() if key[0] != b"checkpoint" or key == last}
