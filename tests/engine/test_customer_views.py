"""The customer views on the real engine equal planted histories, wherever partitions are restored."""

import asyncio
import random
from typing import Any

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.processing import state as ledger_state
from pipeline.stages.customers import partition as customers_worker
from tests.support.records import consumed_now
from tests.support.rows import log_rows
from tests.support.streams.events import by_anna, does, handed_off, opened, reply, tick
from tests.support.traffic import traffic
from tests.support.workers import fold_facts, fold_interactions


def fold_both(client: ClickHouse, events: list[Any]) -> None:
    async def fold() -> None:
        await fold_facts(client, "log.customer-facts", await fold_interactions(client, consumed_now(events)), None)

    asyncio.run(fold())


def test_the_views_show_a_planted_history_of_two_customers(client: ClickHouse) -> None:
    # The 4th: anna, self-service 10:00-10:05, contained; email 11:00 (repeat, hop) into a queue (wait), resolved 12:00.
    #          bert, self-service 10:00, handed off 10:10. Unknown: self-service 10:00-10:20, email 13:00.
    # The 5th: anna posts in public at 10:00, 22 h after the resolve: repeat, hop, exposure. No agent has answered her.
    # The 6th: time passes.
    day = "2024-03-05"
    events = [
        by_anna("s", at="10:00", channel="self_service"),
        opened("t", at="10:00", channel="self_service", customer_id="bert"),
        opened("u", at="10:00", channel="self_service"),
        does("resolved", "s", at="10:05"),
        handed_off("t", at="10:10"),
        does("abandoned", "u", at="10:20"),
        by_anna("e", at="11:00", queue="billing", case_id="7"),
        does("resolved", "e", at="12:00"),
        opened("n", at="13:00"),
        by_anna("p", at=f"{day} 10:00", channel="social_public", case_id="7"),
        tick("2024-03-06 00:00"),
    ]
    fold_both(client, events)
    counts = "sum(contact_count), sum(known_count), sum(repeat_within_day_count), sum(hop_within_day_count)"
    for interval in ("minute", "hour", "day"):
        # Three sessions, two emails and a post; four of them of known customers.
        assert client.rows(f"SELECT {counts} FROM repeat_contacts_by_{interval}") == [(6, 4, 2, 2)]
        sessions = client.rows(
            "SELECT sum(ended_count), sum(contained_count), sum(known_ended_count), sum(verifiable_count), "
            f"sum(verified_count) FROM self_service_by_{interval}"
        )
        # Anna's and the unknown customer's are contained; of anna's and bert's, anna's is verified a day later.
        assert sessions == [(3, 2, 2, 2, 1)]
    assert client.rows("SELECT toString(day), channel, kind, escalated_count FROM escalations_by_day ORDER BY ALL") == [
        ("2024-03-04", "self_service", "handoff", 1),
        (day, "social_public", "exposure", 1),
    ]
    # Cases: anna's session and bert's without a case id, and case 7. Burden: a wait, two repeats, two hops.
    assert client.rows(
        "SELECT sum(case_count), sum(burden_count), sum(queue_wait_count), sum(transfer_count), sum(repeat_count), "
        "sum(hop_count) FROM repetition_burden_by_day"
    ) == [(3, 5, 1, 0, 2, 2)]
    assert client.rows("SELECT toString(latest) FROM customer_watermarks") == [(f"{day} 10:00:00.000",)]
    # The interactions have their own books and watermark.
    assert client.rows("SELECT log, sum(consumed_count) FROM checkpoints GROUP BY log") == [("log", len(events))]
    assert client.rows("SELECT toString(latest) FROM watermarks") == [("2024-03-06 00:00:00.000",)]


@pytest.mark.parametrize(
    ("until", "verified"), [("2024-03-05 10:04", 0), ("2024-03-05 10:05:59", 0), ("2024-03-05 10:06", 1)]
)
def test_a_session_is_verified_once_the_minute_a_day_after_its_end_is_over(
    client: ClickHouse, until: str, verified: int
) -> None:
    session = [by_anna("s", at="10:00", channel="self_service"), does("resolved", "s", at="10:05"), tick(until)]
    fold_both(client, session)
    for interval in ("minute", "hour", "day"):
        found = client.rows(f"SELECT sum(verifiable_count), sum(verified_count) FROM self_service_by_{interval}")
        assert found == [(verified, verified)], interval


def test_an_agent_message_within_the_day_revokes_the_verification(client: ClickHouse) -> None:
    session = [by_anna("s", at="10:00", channel="self_service"), does("resolved", "s", at="10:05")]
    human = [by_anna("e", at="18:00"), reply("e", at="18:30"), tick("2024-03-06 00:00")]
    fold_both(client, session + human)
    found = client.rows("SELECT sum(verifiable_count), sum(verified_count) FROM self_service_by_minute")
    assert found == [(1, 0)]


def test_customer_rows_are_the_same_wherever_a_partition_is_restored_and_evicted(
    client: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fold() -> None:
        facts = await fold_interactions(client, traffic(seed=21))
        assert len(facts) > 20
        await fold_facts(client, "whole", facts, None)
        monkeypatch.setattr(ledger_state, "CACHED_PANES_PER_TIER", 40)
        monkeypatch.setattr(customers_worker, "CACHED_CUSTOMERS", 5)
        await fold_facts(client, "cut", facts, random.Random(3))

    asyncio.run(fold())
    for view in ("customer_checkpoints", "panes"):
        assert log_rows(client, view, "cut") == log_rows(client, view, "whole"), view
    customers = "SELECT * EXCEPT (log, revision) FROM ledger FINAL WHERE kind = 'customer'"
    query = f"{customers} AND log = '{{}}' ORDER BY conversation_id"
    whole = client.rows(query.format("whole"))
    assert len(whole) > 100
    assert client.rows(query.format("cut")) == whole
