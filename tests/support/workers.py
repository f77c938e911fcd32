"""Workers of single partitions in this process, on a real database."""

import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from pipeline.clickhouse.client import ClickHouse
from pipeline.contract.codec import Codec
from pipeline.contract.dead_letter import DeadLetter
from pipeline.ledger.conversations import ConversationReader
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.partition import PartitionProcessor
from pipeline.stages.customers.partition import CustomersJob, customers_processor
from pipeline.stages.facts import FactBatch, records
from pipeline.stages.interactions.partition import InteractionsJob, interactions_processor
from streams.checkpoint import Checkpoint
from streams.panes.cells import CellIndex
from streams.rules import Rules, RulesConfig


async def ignore(letters: Sequence[DeadLetter]) -> None:
    """Drop the dead letters, which are not under test."""


def connect(client: ClickHouse) -> Callable[[], ClickHouse]:
    """Return a factory of a worker's own clients."""
    return lambda: ClickHouse(client.url, client.database)


def new_worker(client: ClickHouse, log: str, rules: RulesConfig) -> PartitionProcessor[InteractionsJob]:
    """Return an interactions worker that has read its partition's checkpoint."""
    worker = interactions_processor(log, 0, Rules(rules), Codec(b"k"), connect(client), ignore)
    worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
    return worker


def open_keys(client: ClickHouse) -> list[str]:
    """Return the keys of the open conversations in the ledger for partition 0 of `log`, as a restore reads them."""
    reader = ConversationReader(PartitionLedger(client, "log", 0, "conversation", CellIndex()))
    return [key for rows in reader.open_conversations() for key, _ in rows]


async def fold(
    client: ClickHouse, log: str, records: Sequence[Any], rules: RulesConfig, chance: random.Random | None
) -> None:
    """Fold and flush; with a `chance`, in random pieces, restored by another worker between some of them."""
    worker = new_worker(client, log, rules)
    position = 0
    while position < len(records):
        size = chance.randint(1, 900) if chance else len(records)
        await worker.fold(records[position : position + size])
        position += size
        if chance is None or chance.random() < 0.7 or position >= len(records):
            await worker.flush()
        if chance and chance.random() < 0.4:
            worker.close()  # what was folded and not flushed is lost
            worker = new_worker(client, log, rules)
            position = worker.next_offset
    if worker.is_dirty:
        await worker.flush()
    ((open_count,),) = client.rows(f"SELECT countIf(state = 'open') FROM conversations WHERE log = '{log}'")
    assert worker.job.fold.open_count == open_count
    worker.close()


async def fold_interactions(client: ClickHouse, interactions: list[Any]) -> list[Any]:
    """Fold and flush interactions; return the records of the customer facts topic, in one partition."""
    received: list[Any] = []

    async def publish_facts(told: FactBatch) -> None:
        for _, value in records(told, 1):
            received.append(SimpleNamespace(offset=len(received), timestamp=1, key=None, value=value, headers=()))

    worker = interactions_processor("log", 0, Rules(RulesConfig()), Codec(b"k"), connect(client), ignore, publish_facts)
    worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
    for start in range(0, len(interactions), 100):
        await worker.fold(interactions[start : start + 100])
        await worker.flush()
    worker.close()
    return received


async def fold_facts(client: ClickHouse, log: str, facts: list[Any], chance: random.Random | None) -> None:
    """Fold customer facts; with a `chance`, in random pieces, restored between some of them."""

    def begin() -> PartitionProcessor[CustomersJob]:
        worker = customers_processor(log, 0, Rules(RulesConfig()), connect(client))
        worker.restore(lambda: Checkpoint(epoch=1, partition_count=1))
        return worker

    worker = begin()
    while worker.next_offset < len(facts):
        size = chance.randint(1, 9) if chance else len(facts)
        await worker.fold(facts[worker.next_offset : worker.next_offset + size])
        if chance is None or chance.random() < 0.7 or worker.next_offset == len(facts):
            await worker.flush()
        if chance and chance.random() < 0.4:
            worker.close()
            worker = begin()
    worker.close()
