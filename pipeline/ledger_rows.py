"""The rows of one flush as one Native block: conversations, the checkpoint, panes.

Values are encoded by column. A column that no row of the block needs is left out; the table's default stands for it.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import chain, repeat
from operator import attrgetter
from typing import NamedTuple

import msgspec

from pipeline import native
from streams.checkpoint import Checkpoint
from streams.conversation import Clock, Conversation
from streams.counters import COLUMNS, FIRST_SPREAD, Counter
from streams.pane_cache import PaneRow
from streams.panes import SPREAD_BITS, Cell, Cells, pack_field, unpack_field
from streams.partition import Books
from streams.rules import RuleBook

INSTANT = "DateTime64(3, 'UTC')"
#: Fields below are plain counters, those from here on are spreads.
FIRST_SPREAD_FIELD = pack_field(FIRST_SPREAD)
SPREAD_MASK = (1 << SPREAD_BITS) - 1


class Column(NamedTuple):
    """Values of one column for the rows of one section; `lengths` are those of its arrays or maps."""

    type_name: str
    values: tuple[bytes, ...]
    lengths: Sequence[int] | None = None


class Section(NamedTuple):
    """Some rows of one kind, by column."""

    row_count: int
    columns: dict[str, Column]


class LedgerBlock(NamedTuple):
    """The body of one insert: its columns by name, its bytes and how many rows they are."""

    columns: tuple[str, ...]
    body: bytes
    row_count: int


#: Bytes of one default value, by type of a column without arrays.
DEFAULTS = {
    "String": b"\0",
    INSTANT: bytes(8),
    "DateTime('UTC')": bytes(4),
    "Int64": bytes(8),
    "UInt64": bytes(8),
    "UInt32": bytes(4),
    "UInt16": bytes(2),
    "UInt8": bytes(1),
    "Bool": bytes(1),
}

CODES = {INSTANT: "q", "DateTime('UTC')": "I", "Int64": "q", "UInt64": "Q", "UInt32": "I", "UInt16": "H", "Bool": "B"}

CONVERSATION_TEXTS = ("state", "waiting_on")
CONVERSATION_BOOLEANS = ("is_implicit", "is_reordered", "is_contact", "has_opened", "has_handoff", "is_paused")
CONVERSATION_INSTANTS = (
    "opened_at",
    "open_since",
    "changed_at",
    "waiting_since",
    "episode_since",
    "first_response_at",
    "resolved_at",
    "departed_at",
    "expires_at",
)
CONVERSATION_NUMBERS = (
    "customer_wait_ms",
    "resolution_ms",
    "resolution_business_ms",
    "resolution_service_ms",
    "message_count",
    "transferred_count",
    "escalated_count",
    "reopened_count",
)

_as_tuple = msgspec.structs.astuple
_FIELDS = Conversation.__struct_fields__


def conversation_hash(key: str) -> int:
    """BLAKE2b-64 of a conversation's key, the same in every process."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")


class RowEncoder:
    """Encodes flushes of one process. Keeps the encoded texts of its cells and few-valued columns."""

    def __init__(self, book: RuleBook, cells: Cells) -> None:
        self._book = book
        self._cells = cells
        self._texts = native.TextCache()

    # ---- conversations

    def conversations(self, keys: Sequence[str], conversations: Sequence[Conversation]) -> Section:
        """The current state of conversations; later changes to them do not reach the rows."""
        if not conversations:
            return Section(0, {})
        by_name = dict(zip(_FIELDS, zip(*map(_as_tuple, conversations), strict=True), strict=True))
        sources, _, ids = zip(*(key.partition("\n") for key in keys), strict=True)
        columns = {
            "source": self._text(sources),
            "conversation_id": _text(ids),
            "conversation_hash": _integers("UInt64", map(conversation_hash, keys)),
            "customer": _text(by_name["customer"]),
            "event_digests": Column("String", (native.binaries(by_name["digests"]),)),
            "kind": Column("String", (native.text("conversation") * len(conversations),)),
        }
        columns |= {name: self._text(by_name[name]) for name in CONVERSATION_TEXTS}
        columns |= {name: _integers("Bool", by_name[name]) for name in CONVERSATION_BOOLEANS}
        columns |= {name: _integers(INSTANT, by_name[name]) for name in CONVERSATION_INSTANTS}
        columns |= {name: _integers("Int64", by_name[name]) for name in CONVERSATION_NUMBERS}
        columns |= self._dimensions("current", by_name["cell"])
        implicit = [
            -1 if seen else cell for seen, cell in zip(by_name["has_opened"], by_name["opening_cell"], strict=True)
        ]
        columns |= self._dimensions("opening", implicit)
        resolved = [
            cell if at else -1 for at, cell in zip(by_name["resolved_at"], by_name["resolution_cell"], strict=True)
        ]
        columns |= self._dimensions("resolution", resolved)
        columns["earlier_queues"] = self._array_of_texts(by_name["queues"])
        columns |= self._clocks(by_name["clocks"])
        return Section(len(conversations), columns)

    def _dimensions(self, prefix: str, numbers: Sequence[int]) -> dict[str, Column]:
        """Four text columns from cell numbers; -1 stands for none."""
        distinct = {number: self._cells[number] if number >= 0 else Cell("", "", "", "") for number in set(numbers)}
        if set(distinct) == {-1}:
            return {}
        columns = {}
        for index, name in enumerate(Cell._fields):
            encoded = {number: self._texts[cell[index]] for number, cell in distinct.items()}
            columns[f"{prefix}_{name}"] = Column("String", (b"".join(map(encoded.__getitem__, numbers)),))
        return columns

    def _array_of_texts(self, values: Sequence[tuple[str, ...]]) -> Column:
        return Column(
            "Array(String)",
            (native.texts(chain.from_iterable(values), self._texts),),
            list(map(len, values)),
        )

    def _clocks(self, clocks: Sequence[tuple[Clock, ...]]) -> dict[str, Column]:
        if not any(clocks):
            return {}
        lengths = list(map(len, clocks))
        flat = list(chain.from_iterable(clocks))
        cells = [self._cells[clock.cell] for clock in flat]
        columns = {
            "clock_kinds": Column("Array(UInt8)", (bytes(clock.kind for clock in flat),), lengths),
            "clock_due_at": Column("Array(Int64)", (native.integers("q", map(attrgetter("due_at"), flat)),), lengths),
            "clock_remaining_ms": Column(
                "Array(Int64)", (native.integers("q", map(attrgetter("remaining_ms"), flat)),), lengths
            ),
            "clock_calendars": Column(
                "Array(String)", (native.texts((clock.calendar for clock in flat), self._texts),), lengths
            ),
        }
        for index, name in enumerate(("clock_tenants", "clock_queues", "clock_channels", "clock_visibilities")):
            encoded = native.texts((cell[index] for cell in cells), self._texts)
            columns[name] = Column("Array(String)", (encoded,), lengths)
        return columns

    # ---- panes

    def panes(self, epoch: int, rows: Sequence[PaneRow]) -> Section:
        """The absolute values of panes."""
        if not rows:
            return Section(0, {})
        cells = [self._cells[row.cell] for row in rows]
        columns = {
            "kind": Column("String", (native.text("pane") * len(rows),)),
            "tier": self._text([row.tier for row in rows]),
            "start": _integers("DateTime('UTC')", (row.start_ms // 1000 for row in rows)),
            "epoch": _integers("UInt32", repeat(epoch, len(rows))),
            "mode": self._text([self._book.mode(cell.channel) for cell in cells]),
        }
        for index, name in enumerate(Cell._fields):
            columns[name] = self._text([cell[index] for cell in cells])
        return Section(len(rows), columns | _counters(rows))

    def _text(self, values: Sequence[str]) -> Column:
        return Column("String", (native.texts(values, self._texts),))


def _text(values: Iterable[str]) -> Column:
    return Column("String", (native.texts(values),))


def _integers(type_name: str, values: Iterable[int]) -> Column:
    return Column(type_name, (native.integers(CODES[type_name], values),))


def _counters(rows: Sequence[PaneRow]) -> dict[str, Column]:
    plain: dict[int, list[int]] = {}
    spreads: dict[int, tuple[list[int], list[int], list[int]]] = {}
    for index, row in enumerate(rows):
        # In order, so that a row is the same to the byte whatever order its counts came in.
        for field, count in sorted(row.values.items()):
            if field < FIRST_SPREAD_FIELD:
                column = plain.get(field)
                if column is None:
                    column = plain[field] = [0] * len(rows)
                column[index] = count
            else:
                spread = spreads.get(field >> SPREAD_BITS)
                if spread is None:
                    spread = spreads[field >> SPREAD_BITS] = ([0] * len(rows), [], [])
                lengths, keys, counts = spread
                lengths[index] += 1
                keys.append(field & SPREAD_MASK)
                counts.append(count)
    columns = {COLUMNS[Counter(unpack_field(field)[0])]: _integers("Int64", counts) for field, counts in plain.items()}
    for counter, (lengths, keys, counts) in spreads.items():
        values = (native.integers("I", keys), native.integers("q", counts))
        columns[COLUMNS[Counter(counter)]] = Column("Map(UInt32, Int64)", values, lengths)
    return columns


def checkpoint_section(checkpoint: Checkpoint) -> Section:
    """The checkpoint as the one row of its section."""
    columns = {
        "kind": _text(["checkpoint"]),
        "epoch": _integers("UInt32", [checkpoint.epoch]),
        "next_offset": _integers("UInt64", [checkpoint.next_offset]),
        "watermark": _integers(INSTANT, [checkpoint.watermark]),
        "configuration": _text([checkpoint.configuration]),
        "reporting_zone": _text([checkpoint.reporting_zone]),
        "partition_count": _integers("UInt16", [checkpoint.partition_count]),
        "last_offset": _integers("Int64", [checkpoint.last_offset]),
        "last_record_hash": _integers("UInt64", [checkpoint.last_record_hash]),
        "reason": _text([checkpoint.reason]),
    }
    for name in Books.__struct_fields__:
        columns[f"{name}_count"] = _integers("Int64", [getattr(checkpoint.books, name)])
    return Section(1, columns)


def ledger_block(log: str, kafka_partition: int, revision: int, sections: Sequence[Section]) -> LedgerBlock:
    """One block of all sections' rows; every row carries the log, the partition and the revision."""
    row_count = sum(section.row_count for section in sections)
    columns = [
        ("log", "String", native.text(log) * row_count),
        ("kafka_partition", "UInt16", native.integers("H", repeat(kafka_partition, row_count))),
        ("revision", "UInt64", native.integers("Q", repeat(revision, row_count))),
    ]
    types = {name: column.type_name for section in sections for name, column in section.columns.items()}
    for name, type_name in types.items():
        columns.append((name, type_name, _joined(name, type_name, sections)))
    names = tuple(name for name, _, _ in columns)
    return LedgerBlock(names, native.block(row_count, columns), row_count)


def _joined(name: str, type_name: str, sections: Sequence[Section]) -> bytes:
    found = [(section.row_count, section.columns.get(name)) for section in sections]
    if type_name in DEFAULTS:
        default = DEFAULTS[type_name]
        return b"".join(column.values[0] if column else default * rows for rows, column in found)
    lengths = chain.from_iterable(
        column.lengths if column and column.lengths is not None else repeat(0, rows) for rows, column in found
    )
    elements = zip(*(column.values for _, column in found if column), strict=True)
    return native.array_offsets(lengths) + b"".join(map(b"".join, elements))
