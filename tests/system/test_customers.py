"""The customers stage on real systems equals the batch computation, even if processes are killed."""

import random
import signal
import time
from collections import Counter as Multiset
from typing import Any

import pytest

from tests.oracle.customers import count_customers
from tests.support.rows import as_milliseconds, assert_same_rows
from tests.support.system import System, wait_for
from tests.support.traffic import live_records

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
COLUMNS = {
    "known_contact": "known_contact_count",
    "repeat_within_day": "repeat_within_day_count",
    "repeat_within_week": "repeat_within_week_count",
    "hop_within_day": "hop_within_day_count",
    "hop_within_week": "hop_within_week_count",
    "exposure": "escalated_exposure_count",
    "case_began": "case_began_count",
    "waited": "queue_wait_count",
    "transferred": "case_transfer_count",
    "known_session_ended": "known_session_ended_count",
    "session_verifiable": "session_verifiable_count",
    "session_verified": "session_verified_count",
}


def assert_customers_equal(system: System) -> None:
    """Assert that the customers stage's panes and views equal the batch computation, and that the books balance."""
    conversations = system.oracle().conversations
    expected: Multiset[tuple[Any, ...]] = Multiset()
    for (name, at_ms, cell), count in count_customers(conversations).items():
        expected[at_ms // MINUTE_MS * MINUTE_MS, *cell, COLUMNS[name]] += count
    dimensions = "tenant, queue, channel, visibility"
    sums = ", ".join(f"('{column}', {column})" for column in COLUMNS.values())
    found = system.client.rows(
        f"SELECT start, {dimensions}, counter.1, sum(counter.2) AS count FROM panes ARRAY JOIN [{sums}] AS counter "
        f"WHERE tier = 'minute' AND log = '{system.topic}.customer-facts' GROUP BY ALL HAVING count != 0"
    )
    wanted = sorted((*key, count) for key, count in expected.items())
    assert len(wanted) > 100
    assert_same_rows("panes of customers", sorted(tuple(map(as_milliseconds, row)) for row in found), wanted)

    totals: Multiset[str] = Multiset()
    for (*_, column), count in expected.items():
        totals[column] += count
    weekly = "sum(repeat_within_week_count), sum(hop_within_week_count)"
    known, repeats, hops = system.client.rows(f"SELECT sum(known_count), {weekly} FROM repeat_contacts_by_hour")[0]
    assert known == totals["known_contact_count"]
    assert (repeats, hops) == (totals["repeat_within_week_count"], totals["hop_within_week_count"])
    assert system.client.rows("SELECT sum(escalated_count) FROM escalations_by_day WHERE kind = 'exposure'") == [
        (totals["escalated_exposure_count"],)
    ]
    cases, burden = system.client.rows("SELECT sum(case_count), sum(burden_count) FROM repetition_burden_by_day")[0]
    assert cases == totals["case_began_count"]
    assert burden == repeats + hops + totals["queue_wait_count"] + totals["case_transfer_count"]
    # Sessions that ended today are not verified before tomorrow.
    ended = "sum(ended_count), sum(known_ended_count), sum(verifiable_count)"
    for interval in ("minute", "hour", "day"):
        all_ended, known_ended, verifiable = system.client.rows(f"SELECT {ended} FROM self_service_by_{interval}")[0]
        assert all_ended >= known_ended == totals["known_session_ended_count"] > 0
        assert verifiable == 0

    consumed, applied, duplicate, rejected = system.client.rows(
        "SELECT sum(consumed_count), sum(applied_count), sum(duplicate_count), sum(rejected_count) "
        "FROM customer_checkpoints"
    )[0]
    assert consumed == applied + duplicate
    assert rejected == 0


def test_customers_equal_the_batch_computation_and_keep_separate_books(system: System) -> None:
    system.start_worker()
    system.publish(live_records(seed=81, number=10_000))
    system.wait_until_folded()
    assert_customers_equal(system)
    system.assert_equals(system.oracle())
    assert system.books()["consumed"] == 10_000
    assert system.client.rows("SELECT uniqExact(log) FROM checkpoints") == [(1,)]


@pytest.mark.both_brokers("restore")
def test_killed_workers_lose_and_double_no_fact(system: System) -> None:
    chance = random.Random(82)
    records = live_records(seed=82, number=12_000)
    for number in range(5):
        worker = system.start_worker(flush_seconds="0.05")
        before = system.positions()
        system.publish(records[number * 2_400 : (number + 1) * 2_400])
        wait_for(lambda: system.positions() != before, 60, system.log)  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.6))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    system.start_worker()
    system.wait_until_folded()
    assert_customers_equal(system)
    system.assert_equals(system.oracle())
