"""Encoding customers as rows of the ledger, and reading them back."""

from collections.abc import Sequence
from itertools import chain

import msgspec

from pipeline.clickhouse import native
from pipeline.clickhouse.blocks import Column, Section, integers, texts
from pipeline.clickhouse.sql import quoted
from pipeline.clickhouse.whole_answers import counted, decoded_lines, whole
from pipeline.ledger.columns import PANE_KEY_IS_EMPTY, SINGLE_ROWS, columns_of
from pipeline.ledger.store import IDS_PER_QUERY, PartitionLedger
from streams.customers.customer import Customer, Fact
from streams.events import conversation_hash
from streams.panes.cells import Cell, CellIndex

DIMENSIONS = ("fact_tenants", "fact_queues", "fact_channels", "fact_visibilities")


class CustomerRow(msgspec.Struct, array_like=True, gc=False):
    """A customer as read from the ledger. The names are columns, in the order of the query."""

    revision: int
    conversation_id: str
    fact_at: tuple[int, ...]
    fact_kinds: tuple[int, ...]
    fact_conversations: tuple[int, ...]
    fact_cases: tuple[str, ...]
    fact_tenants: tuple[str, ...]
    fact_queues: tuple[str, ...]
    fact_channels: tuple[str, ...]
    fact_visibilities: tuple[str, ...]
    answer_row_count: int = 0


COLUMNS = ", ".join(columns_of(CustomerRow))
_decoder = msgspec.json.Decoder(CustomerRow)


def customer_section(customers: Sequence[Customer], cells: CellIndex) -> Section:
    """Return the current state of customers as rows, independent of later changes."""
    if not customers:
        return Section(0, {})
    keys = [customer.key for customer in customers]
    lengths = [len(customer.facts) for customer in customers]
    facts = list(chain.from_iterable(customer.facts for customer in customers))
    columns = {
        "kind": texts(["customer"] * len(customers)),
        "conversation_id": texts(keys),
        "conversation_hash": integers("UInt64", map(conversation_hash, keys)),
        "fact_at": Column("Array(Int64)", (native.integers("q", [fact.at for fact in facts]),), lengths),
        "fact_kinds": Column("Array(UInt8)", (bytes(fact.kind for fact in facts),), lengths),
        "fact_conversations": Column(
            "Array(UInt64)", (native.integers("Q", [fact.conversation for fact in facts]),), lengths
        ),
        "fact_cases": Column("Array(String)", (native.texts([fact.case for fact in facts]),), lengths),
    }
    fact_cells = [cells[fact.cell] for fact in facts]
    for index, name in enumerate(DIMENSIONS):
        columns[name] = Column("Array(String)", (native.texts([cell[index] for cell in fact_cells]),), lengths)
    return Section(len(customers), columns)


def customer_of(row: CustomerRow, cells: CellIndex) -> Customer:
    """Return the customer of a row."""
    dimensions = zip(row.fact_tenants, row.fact_queues, row.fact_channels, row.fact_visibilities, strict=True)
    numbers = [cells.number(Cell(*names)) for names in dimensions]
    facts = zip(row.fact_at, row.fact_kinds, row.fact_conversations, numbers, row.fact_cases, strict=True)
    return Customer(row.conversation_id, [Fact(*fact) for fact in facts])


class CustomerReader:
    """A reader of the customers in a ledger. Not thread-safe."""

    def __init__(self, ledger: PartitionLedger) -> None:
        self._ledger = ledger

    def read_back(self, keys: Sequence[str], newest_revision: int) -> list[tuple[str, Customer]]:
        """Return the customers that exist, by key. Raises FencedError if one is newer than `newest_revision`."""
        ledger, customers = self._ledger, list[tuple[str, Customer]]()
        for start in range(0, len(keys), IDS_PER_QUERY):
            listed = ", ".join(map(quoted, keys[start : start + IDS_PER_QUERY]))
            query = counted(
                f"SELECT {COLUMNS} FROM ledger FINAL PREWHERE conversation_id IN ({listed}) "
                f"WHERE {ledger.where} AND kind = 'customer' AND {PANE_KEY_IS_EMPTY} AND source = ''"
            )
            body = ledger.client.raw(f"{query} SETTINGS {SINGLE_ROWS}", "JSONCompactEachRow")
            rows = whole(decoded_lines(_decoder, body, ledger.where), ledger.where)
            ledger.check_not_fenced((row.revision for row in rows), newest_revision)
            customers += [(row.conversation_id, customer_of(row, ledger.cells)) for row in rows]
        return customers
