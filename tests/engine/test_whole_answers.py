"""Answers that break off after a status of success are detected by every read, and repeated."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from pipeline.clickhouse.client import ClickHouse
from pipeline.errors import ClickHouseUnavailableError
from pipeline.ledger.checkpoints import read_checkpoint
from pipeline.ledger.conversations import ConversationReader
from pipeline.ledger.customers import CustomerReader
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.state import StateCache
from pipeline.stages.interactions.state import InteractionsState
from streams.checkpoint import Checkpoint
from streams.events import conversation_key
from streams.panes.cells import CellIndex
from streams.rules import Rules, RulesConfig
from tests.support.database import Databases
from tests.support.traffic import traffic
from tests.support.workers import fold_facts, fold_interactions, new_worker, open_keys

ERROR = b"Code: 241. DB::Exception: (total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)\n"


class TruncatingClickHouse(ClickHouse):
    """A real database whose answers are truncated: at the end of a line, within one, or by an error."""

    how = ""

    def _cut(self, body: bytes) -> bytes:
        half = body[: body.find(b"\n", len(body) // 2) + 1] if b"\n" in body else body[: len(body) // 2]
        return {"": body, "at a line": half, "within a line": body[: len(body) * 2 // 3], "error": half + ERROR}[
            self.how
        ]

    def rows(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Refuse: nothing in such an answer shows whether it is complete, so no read of the ledger may use it."""
        raise AssertionError(query)

    def raw(self, query: str, output_format: str, settings: Mapping[str, Any] | None = None) -> bytes:
        return self._cut(super().raw(query, output_format, settings))

    def stream(self, query: str, output_format: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        yield self._cut(b"".join(super().stream(query, output_format, chunk_bytes)))


@pytest.fixture
def client(database_pool: Databases) -> Iterator[TruncatingClickHouse]:
    with database_pool.lent() as name, TruncatingClickHouse(database_pool.url, name) as found:
        yield found


@pytest.mark.parametrize("how", ["at a line", "within a line", "error"])
def test_no_read_of_the_ledger_accepts_a_truncated_answer(client: TruncatingClickHouse, how: str) -> None:
    async def fold() -> None:
        await fold_facts(client, "log.customer-facts", await fold_interactions(client, traffic(seed=3)[:1_500]), None)

    asyncio.run(fold())
    ledger = PartitionLedger(client, "log", 0, "conversation", CellIndex())
    conversations = ConversationReader(ledger)
    customers = CustomerReader(PartitionLedger(client, "log.customer-facts", 0, "customer", CellIndex()))
    whole = ClickHouse(client.url, client.database)
    query = "SELECT DISTINCT source, conversation_id FROM ledger WHERE kind = {kind:String}"
    keys = [conversation_key(*row) for row in whole.rows(query, {"kind": "conversation"})]
    customer_keys = [str(key) for _, key in whole.rows(query, {"kind": "customer"})]
    whole.close()
    assert min(len(keys), len(customer_keys)) > 100
    reads: Sequence[Any] = (
        # A conversation has one row per flush until ClickHouse merges them.
        lambda: {number for hashes in ledger.hashes() for number in hashes},
        lambda: sorted(key for key, _ in conversations.read_back(keys, 1 << 62)),
        lambda: sorted(ledger.newest_panes(1, "hour", 100_000)),
        lambda: read_checkpoint(client, "log = 'log' AND kafka_partition = 0"),
        conversations.counted_cells,
        conversations.admitted_cells,
        lambda: sorted((key, customer.facts) for key, customer in customers.read_back(customer_keys, 1 << 62)),
    )
    #: A single value on a single line cannot be truncated at the end of a line.
    one_line = (0, 3, 4, 5)
    wanted = [read() for read in reads]
    assert all(wanted)
    assert len(wanted[0]) == len(wanted[1]) == len(keys)
    assert len(wanted[6]) == len(customer_keys)
    for number, read in enumerate(reads):
        client.how = how
        if not (how == "at a line" and number in one_line):
            with pytest.raises(ClickHouseUnavailableError, match=r"broke off|was empty"):
                read()
        client.how = ""
        assert read() == wanted[number]


async def folded_open_count(client: ClickHouse, records: Sequence[Any]) -> int:
    """Fold and flush records; return the number of conversations then open."""
    worker = new_worker(client, "log", RulesConfig())
    await worker.fold(records)
    await worker.flush()
    worker.close()
    return worker.job.fold.open_count


def test_a_restore_resumes_after_half_a_slice_of_open_conversations(client: TruncatingClickHouse) -> None:
    open_count = asyncio.run(folded_open_count(client, traffic(seed=3)))
    assert open_count > 20
    client.how = "at a line"
    found = open_keys(client)
    assert len(found) == len(set(found)) == open_count


class FlakyClickHouse(ClickHouse):
    """A real database that answers every third request."""

    def __init__(self, url: str, database: str) -> None:
        super().__init__(url, database)
        self.request_count = 0

    def _fail_two_of_three(self) -> None:
        self.request_count += 1
        if self.request_count % 3:
            raise ClickHouseUnavailableError("not now")

    def raw(self, query: str, output_format: str, settings: Mapping[str, Any] | None = None) -> bytes:
        self._fail_two_of_three()
        return super().raw(query, output_format, settings)

    def stream(self, query: str, output_format: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        self._fail_two_of_three()
        yield from super().stream(query, output_format, chunk_bytes)


def test_a_restore_does_not_start_over_with_each_failing_request(client: TruncatingClickHouse) -> None:
    open_count = asyncio.run(folded_open_count(client, traffic(seed=3)[:500]))
    flaky = FlakyClickHouse(client.url, client.database)
    state = InteractionsState(Rules(RulesConfig()), flaky, "log", 0)
    checkpoint = StateCache(state.ledger, state).load(lambda: Checkpoint(epoch=1, partition_count=1))
    assert checkpoint
    assert checkpoint.next_offset == 500
    assert state.fold.open_count == open_count > 20
    # Two checkpoints, cells admitted, open conversations and their end, hash count and hashes, panes of each tier.
    assert flaky.request_count <= 3 * 10
    flaky.close()
