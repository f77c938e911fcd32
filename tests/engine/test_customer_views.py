"""From interactions to the views of customers on the real engine: planted histories, and partitions cut anywhere."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.processing import state as ledger_state
from pipeline.processing.partition import PartitionProcessor
from pipeline.stages.customers import partition as customers_worker
from pipeline.stages.customers.partition import CustomersJob, customers_processor
from pipeline.stages.facts import FACTS_PER_RECORD, SlimFact, Told, records
from pipeline.stages.interactions.partition import interactions_processor
from streams.checkpoint import Checkpoint
from streams.rules import RuleBook, Rules
from tests.engine.test_ledger import door, rows, traffic
from tests.support.events import does, handed_off, opened, record, reply, tick
from tests.unit.streams.customers.test_customer import by_anna

__all__ = ["door"]


async def tell(door: ClickHouse, interactions: list[Any]) -> list[Any]:
    """Fold and flush interactions; the records of the topic of contacts, of one partition, come back."""
    heard: list[Any] = []

    async def publish_facts(told: Told) -> None:
        for _, value in records(told, 1):
            heard.append(SimpleNamespace(offset=len(heard), timestamp=1, key=None, value=value, headers=()))

    async def ignore(letters: Any) -> None:
        """The dead letters are not what is tested here."""

    worker = interactions_processor("log", 0, RuleBook(Rules()), Codec(b"k"), connect(door), ignore, publish_facts)
    worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
    for start in range(0, len(interactions), 100):
        await worker.fold(interactions[start : start + 100])
        await worker.flush()
    worker.close()
    return heard


def connect(door: ClickHouse) -> Any:
    return lambda: ClickHouse(door.url, door.database)


async def hear(door: ClickHouse, log: str, contacts: list[Any], chance: random.Random | None) -> None:
    """Fold records of contacts; with a `chance`, in random pieces, restored between some of them."""

    def begin() -> PartitionProcessor[CustomersJob]:
        worker = customers_processor(log, 0, RuleBook(Rules()), connect(door))
        worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
        return worker

    worker = begin()
    while worker.next_offset < len(contacts):
        size = chance.randint(1, 9) if chance else len(contacts)
        await worker.fold(contacts[worker.next_offset : worker.next_offset + size])
        if chance is None or chance.random() < 0.7 or worker.next_offset == len(contacts):
            await worker.flush()
        if chance and chance.random() < 0.4:
            worker.close()
            worker = begin()
    worker.close()


def as_records(events: list[Any]) -> list[Any]:
    now_ms = time.time_ns() // 1_000_000
    return [
        SimpleNamespace(
            offset=offset, timestamp=now_ms, key=None, value=msgspec.json.encode(record(one).value), headers=()
        )
        for offset, one in enumerate(events)
    ]


def fold_both(door: ClickHouse, events: list[Any]) -> None:
    async def fold() -> None:
        await hear(door, "log.contacts", await tell(door, as_records(events)), None)

    asyncio.run(fold())


def test_a_planted_history_of_two_customers_in_the_views(door: ClickHouse) -> None:
    # The 4th: anna, self-service 10:00-10:05, contained; email 11:00 (repeat, hop) into a queue (wait), resolved 12:00.
    #          bert, self-service 10:00, handed off 10:10. Nobody known: self-service 10:00-10:20, email 13:00.
    # The 5th: anna posts in public at 10:00, 22 h after the resolve: repeat, hop, exposure. No agent has spoken to her.
    # The 6th: time goes by.
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
    fold_both(door, events)
    contacts = "sum(contact_count), sum(known_count), sum(repeat_within_day_count), sum(hop_within_day_count)"
    for interval in ("minute", "hour", "day"):
        # Three sessions, two letters and a post; four of them of known customers.
        assert door.rows(f"SELECT {contacts} FROM repeat_contacts_by_{interval}") == [(6, 4, 2, 2)]
        sessions = door.rows(
            "SELECT sum(ended_count), sum(contained_count), sum(known_ended_count), sum(verifiable_count), "
            f"sum(verified_count) FROM self_service_by_{interval}"
        )
        # Anna's and the unknown one's are contained; of anna's and bert's, a day later, anna's is verified.
        assert sessions == [(3, 2, 2, 2, 1)]
    assert door.rows("SELECT toString(day), channel, kind, escalated_count FROM escalations_by_day ORDER BY ALL") == [
        ("2024-03-04", "self_service", "handoff", 1),
        (day, "social_public", "exposure", 1),
    ]
    # Cases: anna's session and bert's without a case id, and case 7. Burden: a wait, two repeats, two hops.
    assert door.rows(
        "SELECT sum(case_count), sum(burden_count), sum(queue_wait_count), sum(transfer_count), sum(repeat_count), "
        "sum(hop_count) FROM repetition_burden_by_day"
    ) == [(3, 5, 1, 0, 2, 2)]
    assert door.rows("SELECT toString(latest) FROM customer_watermarks") == [(f"{day} 10:00:00.000",)]
    # The interactions keep their own books and watermark.
    assert door.rows("SELECT log, sum(consumed_count) FROM checkpoints GROUP BY log") == [("log", len(events))]
    assert door.rows("SELECT toString(latest) FROM watermarks") == [("2024-03-06 00:00:00.000",)]


@pytest.mark.parametrize(
    ("until", "verified"), [("2024-03-05 10:04", 0), ("2024-03-05 10:05:59", 0), ("2024-03-05 10:06", 1)]
)
def test_a_session_is_verified_once_the_minute_a_day_after_its_end_has_passed(
    door: ClickHouse, until: str, verified: int
) -> None:
    session = [by_anna("s", at="10:00", channel="self_service"), does("resolved", "s", at="10:05"), tick(until)]
    fold_both(door, session)
    for interval in ("minute", "hour", "day"):
        found = door.rows(f"SELECT sum(verifiable_count), sum(verified_count) FROM self_service_by_{interval}")
        assert found == [(verified, verified)], interval


def test_a_word_of_an_agent_within_the_day_takes_the_verification_back(door: ClickHouse) -> None:
    session = [by_anna("s", at="10:00", channel="self_service"), does("resolved", "s", at="10:05")]
    human = [by_anna("e", at="18:00"), reply("e", at="18:30"), tick("2024-03-06 00:00")]
    fold_both(door, session + human)
    found = door.rows("SELECT sum(verifiable_count), sum(verified_count) FROM self_service_by_minute")
    assert found == [(1, 0)]


def test_wherever_the_customers_are_cut_restored_and_evicted_the_rows_are_the_same(
    door: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fold() -> None:
        contacts = await tell(door, traffic(seed=21))
        assert len(contacts) > 20
        await hear(door, "whole", contacts, None)
        monkeypatch.setattr(ledger_state, "CACHED_PANES_PER_TIER", 40)
        monkeypatch.setattr(customers_worker, "CACHED_CUSTOMERS", 5)
        await hear(door, "cut", contacts, random.Random(3))

    asyncio.run(fold())
    for view in ("customer_checkpoints", "panes"):
        assert rows(door, view, "cut") == rows(door, view, "whole"), view
    customers = "SELECT * EXCEPT (log, revision) FROM ledger FINAL WHERE kind = 'customer'"
    query = f"{customers} AND log = '{{}}' ORDER BY conversation_id"
    whole = door.rows(query.format("whole"))
    assert len(whole) > 100
    assert door.rows(query.format("cut")) == whole


# ---- records ------------------------------------------------------------------------------------------


def test_the_facts_about_a_customer_go_to_one_partition_in_order_and_in_records_of_bounded_size() -> None:
    chance = random.Random(5)
    customers = [f"{chance.getrandbits(88):022x}" for _ in range(50)]
    facts = [
        SlimFact(offset, 0, offset, 0, chance.choice(customers), 1, 0, "") for offset in range(4 * FACTS_PER_RECORD)
    ]
    partition_of: dict[str, int] = {}
    offsets: dict[str, list[int]] = {}
    sizes: Counter[int] = Counter()
    for partition, value in records(Told(0, 1, [("", "", "", "")], facts), 3):
        some = msgspec.msgpack.decode(value, type=Told).facts
        sizes[len(some)] += 1
        for fact in some:
            assert partition_of.setdefault(fact.customer, partition) == partition
            offsets.setdefault(fact.customer, []).append(fact.offset)
    assert max(sizes) <= FACTS_PER_RECORD
    assert set(partition_of.values()) == {0, 1, 2}
    assert sum(map(len, offsets.values())) == len(facts)
    assert all(found == sorted(found) for found in offsets.values())
