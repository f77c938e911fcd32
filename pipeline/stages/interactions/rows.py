"""Rows of `interactions` and `rejections`, encoded by column.

They are encoded right after the fold and by the same thread. At the flush, by another thread, the same work takes more
than twice as long, because the events have left the CPU cache by then.
"""

from collections.abc import Iterable, Sequence

import msgspec

from pipeline.clickhouse import native
from pipeline.clickhouse.blocks import INSTANT, Block, Column, Section, encoded, integers, joined, texts
from streams.events import Data, Event, Rejection
from streams.fold import AcceptedEvents
from streams.panes.cells import Cell, CellIndex
from streams.rules import Rules

_as_tuple = msgspec.structs.astuple
#: Optional strings of `data` with few distinct values, by column name.
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
    """Encodes accepted events and rejections of one partition."""

    def __init__(self, rules: Rules, cells: CellIndex, log: str, kafka_partition: int) -> None:
        self._rules = rules
        self._cells = cells
        self._log = texts([log])
        self._kafka_partition = integers("UInt16", [kafka_partition])
        self._texts = native.TextCache()

    def interactions(self, accepted: AcceptedEvents) -> Section:
        """Return one row per accepted event."""
        numbers = accepted.cells
        event = dict(zip(Event.__struct_fields__, zip(*map(_as_tuple, accepted.events), strict=True), strict=True))
        data = dict(zip(Data.__struct_fields__, zip(*map(_as_tuple, event["data"]), strict=True), strict=True))
        columns = {
            "kafka_offset": integers("UInt64", event["offset"]),
            "ingested_at": integers(INSTANT, event["ingested_at"]),
            "occurred_at": integers(INSTANT, event["occurred_at"]),
            "event_id": texts(event["id"]),
            "source": self._few(event["source"]),
            "type": self._few(event["type"]),
            "conversation_id": texts(event["conversation_id"]),
            "is_clamped": integers("Bool", event["is_clamped"]),
            "is_late": integers("Bool", accepted.is_late),
        }
        cells = {number: self._cells[number] for number in set(numbers)}
        for index, name in enumerate(Cell._fields):
            values = {number: self._texts[cell[index]] for number, cell in cells.items()}
            columns[name] = encoded(map(values.__getitem__, numbers))
        modes = {number: self._texts[self._rules.mode(cell.channel)] for number, cell in cells.items()}
        columns["mode"] = encoded(map(modes.__getitem__, numbers))
        # Most events carry few of these fields, and many blocks lack some entirely: omit empty columns.
        columns |= {name: self._few(data[name]) for name in (*FEW_VALUES, *IDENTIFIERS) if any(data[name])}
        pseudonyms = (("customer", event["customer"]), ("actor", event["actor"]), ("customer_case", event["case"]))
        columns |= {name: texts(values) for name, values in pseudonyms if any(values)}
        for name, type_name in (("level", "UInt8"), ("reach", "UInt64")):
            if any(data[name]):
                columns[name] = integers(type_name, [value or 0 for value in data[name]])
        if any(event["due_at"]):
            columns["due_at"] = integers(INSTANT, event["due_at"])
        return Section(len(accepted), columns)

    def rejections(self, rejections: Sequence[Rejection]) -> Section:
        """Return one row per rejected record, without its payload."""
        columns = {
            "kafka_offset": integers("UInt64", [rejection.offset for rejection in rejections]),
            "rejected_at": integers(INSTANT, [rejection.ingested_at for rejection in rejections]),
            "reason": self._few([rejection.reason for rejection in rejections]),
            "field": self._few([rejection.field for rejection in rejections]),
        }
        return Section(len(rejections), columns)

    def block(self, epoch: int, sections: Sequence[Section]) -> Block:
        """Return the rows of one flush for one table, each with its origin."""
        origin = {"log": self._log, "epoch": integers("UInt32", [epoch]), "kafka_partition": self._kafka_partition}
        return joined(origin, sections)

    def _few(self, values: Iterable[str | None]) -> Column:
        return Column("String", (native.few_texts(values, self._texts),))
