"""The ledger rows of one flush as sections of one block: conversations, checkpoint, panes, cells."""

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec

from pipeline.clickhouse import native
from pipeline.clickhouse.blocks import INSTANT, Block, Column, Section, encoded, integers, joined, texts
from pipeline.ledger.columns import CONVERSATION_FIELDS
from pipeline.ledger.first_turns import first_turn_text
from streams.books import Books
from streams.checkpoint import Checkpoint
from streams.conversations.conversation import Clock, Conversation
from streams.events import conversation_hash
from streams.panes.cache import PaneRow
from streams.panes.cells import Cell, CellIndex
from streams.panes.counters import COLUMNS, is_spread
from streams.panes.deltas import COUNTER_BITS, COUNTER_MASK
from streams.rules import Rules

#: Fields of plain counters, which equal the counters' numbers.
PLAIN_FIELDS = frozenset(counter for counter in COLUMNS if not is_spread(counter))

_as_tuple = msgspec.structs.astuple
_FIELDS = Conversation.__struct_fields__


class RowEncoder:
    """Encodes flushes of one partition. Caches the encoded strings of cells and of columns with few values."""

    def __init__(self, rules: Rules, cells: CellIndex) -> None:
        self._rules = rules
        self._cells = cells
        self._texts = native.TextCache()

    # ---- conversations

    def conversations(self, keys: Sequence[str], conversations: Sequence[Conversation]) -> Section:
        """Return the current state of conversations as rows, independent of later changes."""
        if not conversations:
            return Section(0, {})
        by_name = dict(zip(_FIELDS, zip(*map(_as_tuple, conversations), strict=True), strict=True))
        sources, _, ids = zip(*(key.partition("\n") for key in keys), strict=True)
        columns = {
            "source": self._few(sources),
            "conversation_id": texts(ids),
            "conversation_hash": integers("UInt64", map(conversation_hash, keys)),
            "event_digests": Column("String", (native.binaries(by_name["digests"]),)),
            "kind": Column("String", (native.text("conversation") * len(conversations),)),
        }
        columns |= {
            field.column: self._stored(field.type_name, by_name[field.attribute]) for field in CONVERSATION_FIELDS
        }
        columns |= self._dimensions("current_", by_name["cell"])
        implicit = [
            -1 if seen else cell for seen, cell in zip(by_name["has_opened"], by_name["opening_cell"], strict=True)
        ]
        columns |= self._dimensions("opening_", implicit)
        resolved = [
            cell if at else -1 for at, cell in zip(by_name["resolved_at"], by_name["resolution_cell"], strict=True)
        ]
        columns |= self._dimensions("resolution_", resolved)
        columns |= self._clocks(by_name["clocks"])
        turns = by_name["first_turn"]
        if any(turns):
            columns["first_turn"] = texts([first_turn_text(turn, self._cells) if turn else "" for turn in turns])
        return Section(len(conversations), columns)

    def _stored(self, type_name: str, values: Sequence[Any]) -> Column:
        match type_name:
            case "LowCardinality(String)":
                return self._few(values)
            case "String":
                return texts(values)
            case "Array(String)":
                return self._array_of_texts(values)
            case _:
                return integers(type_name, values)

    def _dimensions(self, prefix: str, numbers: Sequence[int]) -> dict[str, Column]:
        """Return the four dimension columns of cell numbers; -1 stands for none."""
        distinct = {number: self._cells[number] if number >= 0 else Cell("", "", "", "") for number in set(numbers)}
        if set(distinct) == {-1}:
            return {}
        columns = {}
        for index, name in enumerate(Cell._fields):
            values = {number: self._texts[cell[index]] for number, cell in distinct.items()}
            columns[f"{prefix}{name}"] = encoded(map(values.__getitem__, numbers))
        return columns

    def _array_of_texts(self, values: Sequence[tuple[str, ...]]) -> Column:
        return Column(
            "Array(String)",
            (native.few_texts(chain.from_iterable(values), self._texts),),
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
                "Array(String)", (native.few_texts((clock.calendar for clock in flat), self._texts),), lengths
            ),
        }
        for index, name in enumerate(("clock_tenants", "clock_queues", "clock_channels", "clock_visibilities")):
            values = native.few_texts((cell[index] for cell in cells), self._texts)
            columns[name] = Column("Array(String)", (values,), lengths)
        return columns

    # ---- panes

    def panes(self, epoch: int, rows: Sequence[PaneRow]) -> Section:
        """Return the absolute values of panes."""
        if not rows:
            return Section(0, {})
        numbers = [row.cell for row in rows]
        modes = {number: self._texts[self._rules.mode(self._cells[number].channel)] for number in set(numbers)}
        columns = {
            "kind": Column("String", (native.text("pane") * len(rows),)),
            "tier": self._few([row.tier for row in rows]),
            "start": integers("DateTime('UTC')", (row.start_ms // 1000 for row in rows)),
            "epoch": integers("UInt32", [epoch] * len(rows)),
            "mode": encoded(map(modes.__getitem__, numbers)),
        }
        return Section(len(rows), columns | self._dimensions("", numbers) | _counters(rows))

    # ---- cells

    def cells(self, cells: Sequence[Cell]) -> Section:
        """Return one row per admitted cell."""
        if not cells:
            return Section(0, {})
        columns = {"kind": Column("String", (native.text("cell") * len(cells),))}
        columns |= {name: self._few([cell[index] for cell in cells]) for index, name in enumerate(Cell._fields)}
        return Section(len(cells), columns)

    def _few(self, values: Sequence[str]) -> Column:
        return Column("String", (native.few_texts(values, self._texts),))


def _counters(rows: Sequence[PaneRow]) -> dict[str, Column]:
    plain: dict[int, list[int]] = {}
    spreads: dict[int, tuple[list[int], list[int], list[int]]] = {}
    for index, row in enumerate(rows):
        values, spread_fields = row.values, []
        for field, count in values.items():
            if field in PLAIN_FIELDS:
                column = plain.get(field)
                if column is None:
                    column = plain[field] = [0] * len(rows)
                column[index] = count
            else:
                spread_fields.append(field)
        # Sorted, so that a row is byte-identical in whatever order its counts were added.
        for field in sorted(spread_fields):
            spread = spreads.get(field & COUNTER_MASK)
            if spread is None:
                spread = spreads[field & COUNTER_MASK] = ([0] * len(rows), [], [])
            lengths, keys, counts = spread
            lengths[index] += 1
            keys.append(field >> COUNTER_BITS)
            counts.append(values[field])
    columns = {COLUMNS[counter]: Column("Int64", (native.sums(counts),)) for counter, counts in plain.items()}
    for counter, (lengths, keys, counts) in spreads.items():
        pairs = (native.integers("I", keys), native.sums(counts))
        columns[COLUMNS[counter]] = Column("Map(UInt32, Int64)", pairs, lengths)
    return columns


def checkpoint_section(checkpoint: Checkpoint) -> Section:
    """Return the checkpoint as a section of one row."""
    columns = {
        "kind": texts(["checkpoint"]),
        "epoch": integers("UInt32", [checkpoint.epoch]),
        "next_offset": integers("UInt64", [checkpoint.next_offset]),
        "watermark": integers(INSTANT, [checkpoint.watermark]),
        "broker_at": integers(INSTANT, [checkpoint.broker_at]),
        "configuration": texts([checkpoint.configuration]),
        "configuration_number": integers("UInt32", [checkpoint.configuration_number]),
        "reporting_zone": texts([checkpoint.reporting_zone]),
        "partition_count": integers("UInt16", [checkpoint.partition_count]),
        "last_offset": integers("Int64", [checkpoint.last_offset]),
        "last_record_hash": integers("UInt64", [checkpoint.last_record_hash]),
        "reason": texts([checkpoint.reason]),
    }
    if checkpoint.stage:
        positions = sorted(checkpoint.positions.items())
        pairs = (native.integers("H", (key for key, _ in positions)), native.integers("Q", (at for _, at in positions)))
        columns["stage"] = texts([checkpoint.stage])
        columns["source_positions"] = Column("Map(UInt16, UInt64)", pairs, [len(positions)])
    for name in Books.__struct_fields__:
        columns[f"{name}_count"] = integers("Int64", [getattr(checkpoint.books, name)])
    return Section(1, columns)


def ledger_block(log: str, kafka_partition: int, revision: int, sections: Sequence[Section]) -> Block:
    """Return one block of all sections' rows, each with log, partition and revision."""
    origin = {
        "log": texts([log]),
        "kafka_partition": integers("UInt16", [kafka_partition]),
        "revision": integers("UInt64", [revision]),
    }
    return joined(origin, sections)
