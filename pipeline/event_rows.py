"""Rows of `interactions` and `rejections` as Native blocks, encoded by column."""

from collections.abc import Sequence
from itertools import repeat

import msgspec

from pipeline import native
from pipeline.ledger_rows import INSTANT, LedgerBlock
from streams.events import Data, Event, Rejection
from streams.panes import Cell, Cells
from streams.partition import Accepted
from streams.rules import RuleBook

_as_tuple = msgspec.structs.astuple
NO_CELL = Cell("", "", "", "")
#: Optional texts of `data` with few distinct values, as the table names them.
FEW_VALUES = (
    "direction",
    "actor_kind",
    "kind",
    "waiting_on",
    "tier",
    "topic",
    "priority",
    "language",
    "cohort",
    "clock",
)
#: Identifiers in `data`, mostly empty.
IDENTIFIERS = ("root_id", "thread_id", "into_id")


class EventRowEncoder:
    """Encodes accepted events and rejections of one process."""

    def __init__(self, book: RuleBook, cells: Cells, log: str) -> None:
        self._book = book
        self._cells = cells
        self._log = native.text(log)
        self._texts = native.TextCache()

    def interactions(self, kafka_partition: int, epoch: int, accepted: Accepted, cases: Sequence[str]) -> LedgerBlock:
        """One row per accepted event. `cases` are the pseudonyms of their case ids."""
        rows = len(accepted)
        numbers = accepted.cells
        event = dict(zip(Event.__struct_fields__, zip(*map(_as_tuple, accepted.events), strict=True), strict=True))
        data = dict(zip(Data.__struct_fields__, zip(*map(_as_tuple, event["data"]), strict=True), strict=True))
        cached = self._texts.__getitem__
        columns: list[tuple[str, str, bytes]] = [
            ("log", "String", self._log * rows),
            ("kafka_partition", "UInt16", native.integers("H", repeat(kafka_partition, rows))),
            ("kafka_offset", "UInt64", native.integers("Q", event["offset"])),
            ("epoch", "UInt32", native.integers("I", repeat(epoch, rows))),
            ("ingested_at", INSTANT, native.integers("q", event["ingested_at"])),
            ("occurred_at", INSTANT, native.integers("q", event["occurred_at"])),
            ("event_id", "String", native.texts(event["id"])),
            ("source", "String", b"".join(map(cached, event["source"]))),
            ("type", "String", b"".join(map(cached, event["type"]))),
            ("conversation_id", "String", native.texts(event["conversation_id"])),
            ("customer", "String", native.texts(event["customer"], self._texts)),
            ("actor", "String", native.texts(event["actor"], self._texts)),
            ("customer_case", "String", native.texts(cases, self._texts)),
            ("is_clamped", "Bool", native.integers("B", event["is_clamped"])),
            ("is_late", "Bool", native.integers("B", accepted.is_late)),
            ("due_at", INSTANT, native.integers("q", event["due_at"])),
            ("level", "UInt8", native.integers("B", [level or 0 for level in data["level"]])),
            ("reach", "UInt64", native.integers("Q", [reach or 0 for reach in data["reach"]])),
        ]
        cells = {number: self._cells[number] if number >= 0 else NO_CELL for number in set(numbers)}
        for index, name in enumerate(Cell._fields):
            encoded = {number: cached(cell[index]) for number, cell in cells.items()}
            columns.append((name, "String", b"".join(map(encoded.__getitem__, numbers))))
        modes = {number: cached(self._book.mode(cell.channel)) for number, cell in cells.items()}
        columns.append(("mode", "String", b"".join(map(modes.__getitem__, numbers))))
        columns += [(name, "String", b"".join(map(cached, data[name]))) for name in (*FEW_VALUES, *IDENTIFIERS)]
        return LedgerBlock(tuple(name for name, _, _ in columns), native.block(rows, columns), rows)

    def rejections(self, kafka_partition: int, epoch: int, rejections: Sequence[Rejection]) -> LedgerBlock:
        """One row per rejected record, without its payload."""
        rows = len(rejections)
        columns = [
            ("log", "String", self._log * rows),
            ("epoch", "UInt32", native.integers("I", repeat(epoch, rows))),
            ("kafka_partition", "UInt16", native.integers("H", repeat(kafka_partition, rows))),
            ("kafka_offset", "UInt64", native.integers("Q", [rejection.offset for rejection in rejections])),
            ("rejected_at", INSTANT, native.integers("q", [rejection.ingested_at for rejection in rejections])),
            ("reason", "String", native.texts([rejection.reason for rejection in rejections], self._texts)),
            ("field", "String", native.texts([rejection.field for rejection in rejections], self._texts)),
        ]
        return LedgerBlock(tuple(name for name, _, _ in columns), native.block(rows, columns), rows)
