"""A ClickHouse of dictionaries, for simulations: inserts are atomic, and the highest revision of a key counts.

It also checks that a row is a pure function of its key and revision: nobody ever writes a different one.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from pipeline.clickhouse.blocks import Block
from pipeline.errors import ClickHouseUnavailableError
from pipeline.ledger.columns import PLAIN, SPREADS, ConversationKeyRow, ConversationRow
from pipeline.ledger.conversations import ConversationReader
from pipeline.ledger.customers import CustomerReader, CustomerRow, customer_of
from pipeline.ledger.store import PartitionLedger
from streams.books import Books
from streams.checkpoint import OFFSET_BITS, Checkpoint
from streams.conversations.conversation import Conversation
from streams.customers.customer import Customer
from streams.panes.cells import Cell
from streams.panes.counters import COLUMNS
from streams.panes.deltas import pack_field, pane_key, unpack_pane_key
from tests.support.native import Reader

Row = dict[str, Any]
Key = tuple[Any, ...]

PANE_KEY = ("kind", "tier", "start", "tenant", "queue", "channel", "visibility", "epoch")
CONVERSATION_KEY = ("kind", "source", "conversation_id")
CUSTOMER_KEY = ("kind", "conversation_id")
CELL_KEY = ("kind", "tenant", "queue", "channel", "visibility")
PLAIN_FIELDS = {COLUMNS[counter]: pack_field(counter) for counter in PLAIN}
SPREAD_COUNTERS = {COLUMNS[counter]: counter for counter in SPREADS}

EMPTY = {int: 0, str: b"", bool: False}


class ImpureRowError(AssertionError):
    """Two writers disagree about a row."""


class Store:
    """The tables, with hooks to inject faults.

    `disturb` is called before each read, so that others may write meanwhile. `is_lost` decides whether an insert is
    lost, once before it is done and once before its reply is sent.
    """

    def __init__(self) -> None:
        self.ledger: dict[Key, Row] = {}
        self.others: dict[str, dict[Key, Row]] = {"interactions": {}, "rejections": {}}
        self.disturb: Callable[[], None] = lambda: None
        self.is_lost: Callable[[], bool] = lambda: False
        self._seen: dict[tuple[Key, int], Row] = {}

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def insert(self, table: str, block: Block) -> None:
        """Insert all rows of a block at once."""
        if self.is_lost():
            raise ClickHouseUnavailableError("the request was lost")
        self._insert(table, block)
        if self.is_lost():
            raise ClickHouseUnavailableError("the reply was lost")

    def _insert(self, table: str, block: Block) -> None:
        rows = _rows(block.body)
        assert len(rows) == block.row_count
        if table != "ledger":
            self.others[table].update({(row["epoch"], row.get("kafka_offset", 0)): row for row in rows})
            return
        for row in rows:
            key, revision = _key(row), row["revision"]
            before = self._seen.setdefault((key, revision), row)
            if before != row:
                raise ImpureRowError(f"{key} at revision {revision}: {_difference(before, row)}")
            if key not in self.ledger or self.ledger[key]["revision"] <= revision:
                self.ledger[key] = row

    def rows(self, kind: bytes) -> list[Row]:
        self.disturb()
        return [row for row in self.ledger.values() if row["kind"] == kind]

    def contents(self) -> dict[Key, Row]:
        """Return everything that counts, for comparison; which flush wrote a row does not."""
        return {
            key: {name: value for name, value in row.items() if name != "revision"} for key, row in self.ledger.items()
        }


def _store(ledger: PartitionLedger) -> Store:
    found: Any = ledger.client
    assert isinstance(found, Store)
    return found


class SimulatedLedger(PartitionLedger):
    """The ledger on a `Store`. The meaning of the rows is the real ledger's."""

    @property
    def _store(self) -> Store:
        return _store(self)

    def insert(self, table: str, block: Block, first_offset: int, revision: int) -> None:
        self._store.insert(table, block)

    def checkpoint(self) -> Checkpoint | None:
        rows = self._store.rows(b"checkpoint")
        if not rows:
            return None
        row = max(rows, key=lambda found: found["revision"])
        numbers = ("next_offset", "watermark", "broker_at", "configuration_number", "partition_count", "last_offset")
        texts = ("configuration", "reporting_zone", "reason")
        return Checkpoint(
            epoch=row["revision"] >> OFFSET_BITS,
            last_record_hash=row.get("last_record_hash", 0),
            stage=row.get("stage", b"").decode(),
            positions=dict(row.get("source_positions", ())),
            books=Books(*(row.get(f"{name}_count", 0) for name in Books.__struct_fields__)),
            **{name: row.get(name, 0) for name in numbers},
            **{name: row.get(name, b"").decode() for name in texts},
        )

    def revision(self) -> int:
        newest = self.checkpoint()
        return newest.revision if newest else 0

    def hashes(self) -> Iterator["array[int]"]:
        yield array("Q", [row["conversation_hash"] for row in self._store.rows(self.kind.encode())])

    def newest_panes(self, epoch: int, tier: str, count: int) -> list[tuple[int, dict[int, int]]]:
        rows = [row for row in self._store.rows(b"pane") if (row["epoch"], row["tier"].decode()) == (epoch, tier)]
        rows.sort(key=lambda row: row["start"], reverse=True)
        return [self._pane(row) for row in rows[:count]]

    def panes(
        self, epoch: int, wanted: Sequence[tuple[str, int]], newest_revision: int
    ) -> list[tuple[str, int, dict[int, int]]]:
        keys = {
            (b"pane", tier.encode(), unpack_pane_key(key)[0] // 1000, *self._texts(unpack_pane_key(key)[1]), epoch)
            for tier, key in wanted
        }
        rows = [row for row in self._store.rows(b"pane") if _key(row) in keys]
        self.check_not_fenced((row["revision"] for row in rows), newest_revision)
        return [(row["tier"].decode(), *self._pane(row)) for row in rows]

    def expire_minutes(self, before_ms: int) -> None:
        raise AssertionError("no simulation is that long")

    def _texts(self, number: int) -> tuple[bytes, ...]:
        return tuple(text.encode() for text in self.cells[number])

    def _pane(self, row: Row) -> tuple[int, dict[int, int]]:
        values = {}
        for name, value in row.items():
            if name in PLAIN_FIELDS:
                values[PLAIN_FIELDS[name]] = value
            elif name in SPREAD_COUNTERS:
                values |= {pack_field(SPREAD_COUNTERS[name], key): count for key, count in value}
        cell = _cell(row)
        return pane_key(row["start"] * 1000, self.cells.number(cell)), values


class SimulatedConversationReader(ConversationReader):
    """The conversations of a `Store`."""

    @property
    def _store(self) -> Store:
        return _store(self._ledger)

    def admitted_cells(self) -> list[Cell]:
        return [_cell(row) for row in self._store.rows(b"cell")]

    def counted_cells(self) -> list[Cell]:
        return [_cell(row) for row in self._store.rows(b"pane") if row["tier"] == b"day"]

    def open_conversations(self) -> Iterator[list[tuple[str, Conversation]]]:
        for row in self._store.rows(b"conversation"):
            if row.get("state") == b"open":
                found = self._conversation(_conversation_row(row))
                yield [(found.key, found)]
                self._store.disturb()

    def read_back(self, keys: Sequence[str], newest_revision: int) -> list[tuple[str, Conversation]]:
        rows = [_conversation_row(row) for row in self._store.rows(b"conversation")]
        wanted = [row for row in rows if f"{row.source}\n{row.conversation_id}" in keys]
        self._ledger.check_not_fenced((row.revision for row in wanted), newest_revision)
        return [(found.key, found) for found in map(self._conversation, wanted)]


class SimulatedCustomerReader(CustomerReader):
    """The customers of a `Store`."""

    def read_back(self, keys: Sequence[str], newest_revision: int) -> list[tuple[str, Customer]]:
        rows = [_row(row, CustomerRow) for row in _store(self._ledger).rows(b"customer")]
        wanted = [row for row in rows if row.conversation_id in keys]
        self._ledger.check_not_fenced((row.revision for row in wanted), newest_revision)
        return [(row.conversation_id, customer_of(row, self._ledger.cells)) for row in wanted]


def _cell(row: Row) -> Cell:
    return Cell(*(row.get(name, b"").decode() for name in Cell._fields))


def _key(row: Row) -> Key:
    names = {
        b"pane": PANE_KEY,
        b"conversation": CONVERSATION_KEY,
        b"customer": CUSTOMER_KEY,
        b"cell": CELL_KEY,
        b"checkpoint": ("kind", "epoch", "revision"),
    }
    return tuple(row.get(name, b"") for name in names[row["kind"]])


@lru_cache(4096)
def _rows(body: bytes) -> Sequence[Row]:
    """Return the rows of a block, read once, not to be changed.

    Table defaults are missing: a block leaves out a column that no row needs.
    """
    return [{name: value for name, value in row.items() if value} for row in Reader(body).rows()]


def _difference(first: Row, second: Row) -> dict[str, tuple[Any, Any]]:
    names = first.keys() | second.keys()
    return {name: (first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)}


def _conversation_row(row: Row) -> ConversationKeyRow:
    found: ConversationKeyRow = _row(row, ConversationRow)
    return found


def _row(row: Row, row_type: type[msgspec.Struct]) -> Any:
    values = []
    for field in msgspec.structs.fields(row_type):
        name, kind = field.name, field.type
        value = row.get(name)
        if value is None:
            value = EMPTY.get(kind, ())
        if name == "event_digests":
            value = value.hex() if isinstance(value, bytes) else ""
        elif isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, tuple):
            value = tuple(item.decode() if isinstance(item, bytes) else item for item in value)
        values.append(value)
    return msgspec.convert(values, row_type)
