"""Reading and writing the ledger: the state of partitions, one insert per flush, read-backs in batches."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import msgspec

from pipeline.clickhouse.blocks import Block
from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.clickhouse.whole_answers import all_of, counted, decoded_lines, numbers, one_value, whole
from pipeline.errors import FencedError
from pipeline.ledger.columns import (
    CHECKPOINT_COLUMNS,
    CONVERSATION_COLUMNS,
    CONVERSATION_KEY,
    JSON_SETTINGS,
    LARGE_QUERY,
    PANE_COLUMNS,
    PLAIN,
    SINGLE_ROWS,
    SPREADS,
    STORED,
    CheckpointRow,
    ConversationKeyRow,
    ConversationRow,
    PaneRowRead,
)
from pipeline.ledger.first_turns import read_first_turn
from pipeline.retry import retry_read
from streams.books import Books
from streams.checkpoint import OFFSET_BITS, Checkpoint
from streams.conversations.conversation import Clock, Conversation
from streams.events import conversation_key
from streams.panes.cells import Cell, Cells
from streams.panes.deltas import pack_field, pane_key, unpack_pane_key

CONVERSATIONS_PER_QUERY = 50_000
CHUNK_BYTES = 1 << 20
#: 16 MB of them.
HASHES_PER_QUERY = 2_000_000
IDS_PER_QUERY = 2_000
PANES_PER_QUERY = 2_000
_conversation_decoder: msgspec.json.Decoder[ConversationKeyRow] = msgspec.json.Decoder(ConversationRow)
_pane_decoder = msgspec.json.Decoder(PaneRowRead)
_cells_decoder = msgspec.json.Decoder(tuple[list[Cell]])
_checkpoint_decoder = msgspec.json.Decoder(tuple[list[CheckpointRow]])


class Ledger:
    """The ledger of one log and one of its partitions. Not for several threads at once.

    Raises what `ClickHouse` raises.
    """

    #: The kind of the rows that are neither panes nor checkpoints.
    kind = "conversation"

    def __init__(self, door: ClickHouse, log: str, kafka_partition: int, cells: Cells) -> None:
        self._door = door
        self._cells = cells
        self.log = log
        self.kafka_partition = kafka_partition
        self._where = of_partition(log, kafka_partition)

    def insert(self, table: str, block: Block, first_offset: int, revision: int) -> None:
        """Write the rows of one flush to a table; `ledger` is the commit point. The same ones again do nothing."""
        token = f"{self.log}/{self.kafka_partition}/{first_offset}-{revision}"
        self._door.insert(table, block.columns, block.body, block.row_count, token)

    def checkpoint(self) -> Checkpoint | None:
        """How far the partition is, None before its first flush."""
        return retry_read(lambda: read_checkpoint(self._door, self._where))

    def open_conversations(self) -> Iterator[list[tuple[str, Conversation]]]:
        """All open conversations with their keys, in slices; ClickHouse looks up the next ones while some are decoded.

        Consistent only when nobody writes meanwhile: compare the checkpoints before and after.
        """
        with ThreadPoolExecutor(1, "restore") as ahead:
            asked = ahead.submit(self._open_after, None)
            while body := asked.result():
                # A slice that broke off is gone on with where it ended, like any other.
                [last] = decoded_lines(_conversation_decoder, body[body.rfind(b"\n", 0, -1) + 1 :], self._where)
                asked = ahead.submit(self._open_after, last)
                for chunk in _chunks(body):
                    yield self._keyed(decoded_lines(_conversation_decoder, chunk, self._where))

    def _open_after(self, last: ConversationKeyRow | None) -> bytes:
        """Rows of the open conversations that follow one in the order of the table, nothing when there are none."""
        after = _after(last.source, last.conversation_id) if last else "1"
        query = (
            f"SELECT {CONVERSATION_COLUMNS} FROM ledger FINAL WHERE {self._where} AND {CONVERSATION_KEY} "
            f"AND state = 'open' AND {after} ORDER BY source, conversation_id LIMIT {CONVERSATIONS_PER_QUERY} "
            f"SETTINGS {JSON_SETTINGS}, {LARGE_QUERY}"
        )
        return retry_read(lambda: self._door.raw(query, "JSONCompactEachRow"))

    def admitted_cells(self) -> list[Cell]:
        """The cells that the log is counted in; empty in a ledger that an earlier version wrote."""
        return self._cells_where("kind = 'cell'")

    def counted_cells(self) -> list[Cell]:
        """The cells of which there is any pane."""
        return self._cells_where("kind = 'pane' AND tier = 'day'")

    def _cells_where(self, condition: str) -> list[Cell]:
        names = ", ".join(Cell._fields)
        query = f"SELECT groupUniqArray(({names})) FROM ledger WHERE {self._where} AND {condition}"
        return sorted(
            retry_read(lambda: one_value(_cells_decoder, self._door.raw(query, "JSONCompactEachRow"), self._where))
        )

    def hashes(self) -> Iterator["array[int]"]:
        """Hashes of all conversations, open or not, in slices; of customers where these are kept."""
        rows = f"ledger WHERE {self._where} AND kind = {quoted(self.kind)}"
        [count] = self._numbers(f"SELECT [count()] FROM {rows}")
        slice_count = -(-count // HASHES_PER_QUERY)
        for number in range(slice_count):
            condition = f"conversation_hash % {slice_count} = {number}"
            yield self._numbers(f"SELECT groupArray(conversation_hash) FROM {rows} AND {condition}")

    def _numbers(self, query: str) -> "array[int]":
        return retry_read(lambda: numbers(self._door.raw(query, "RowBinary"), self._where))

    def read_back(self, keys: Sequence[str], newest_revision: int) -> list[tuple[str, Conversation]]:
        """Conversations by key, those of them that exist.

        Raises FencedError when one is newer than `newest_revision`.
        """
        found: list[tuple[str, Conversation]] = []
        for start in range(0, len(keys), IDS_PER_QUERY):
            some = _by_keys(keys[start : start + IDS_PER_QUERY])
            query = counted(
                f"SELECT {CONVERSATION_COLUMNS} FROM ledger FINAL PREWHERE {some} "
                f"WHERE {self._where} AND {CONVERSATION_KEY}"
            )
            body = self._door.raw(f"{query} SETTINGS {SINGLE_ROWS}", "JSONCompactEachRow")
            rows = whole(decoded_lines(_conversation_decoder, body, self._where), self._where)
            self._compare((row.revision for row in rows), newest_revision)
            found += self._keyed(rows)
        return found

    def _keyed(self, rows: Iterable[ConversationKeyRow]) -> list[tuple[str, Conversation]]:
        return [(found.key, found) for found in map(self._conversation, rows)]

    def _conversation(self, row: ConversationKeyRow) -> Conversation:
        number = self._cells.number
        clocks: tuple[Clock, ...] = ()
        if row.clock_kinds:
            cells = zip(row.clock_tenants, row.clock_queues, row.clock_channels, row.clock_visibilities, strict=True)
            clocks = tuple(
                Clock(kind, due_at, remaining_ms, calendar, number(Cell(*cell)))
                for kind, due_at, remaining_ms, calendar, cell in zip(
                    row.clock_kinds,
                    row.clock_due_at,
                    row.clock_remaining_ms,
                    row.clock_calendars,
                    cells,
                    strict=True,
                )
            )
        cell = number(Cell(row.current_tenant, row.current_queue, row.current_channel, row.current_visibility))
        first_turn = read_first_turn(row.first_turn, self._cells) if row.first_turn else None
        stored = msgspec.structs.astuple(row)[STORED]
        key, digests = conversation_key(row.source, row.conversation_id), bytes.fromhex(row.event_digests)
        conversation = Conversation(*(key, cell, cell, *stored, cell, clocks, first_turn, digests))
        if not conversation.has_opened:
            conversation.opening_cell = number(
                Cell(row.opening_tenant, row.opening_queue, row.opening_channel, row.opening_visibility)
            )
        if conversation.resolved_at:
            conversation.resolution_cell = number(
                Cell(row.resolution_tenant, row.resolution_queue, row.resolution_channel, row.resolution_visibility)
            )
        return conversation

    def newest_panes(self, epoch: int, tier: str, count: int) -> list[tuple[int, dict[int, int]]]:
        """The `count` panes of a tier that start last, as (key, values); fewer when there are no more."""
        condition = f"epoch = {epoch} AND tier = {quoted(tier)}"
        rows = retry_read(lambda: list(self._panes(f"{condition} ORDER BY start DESC LIMIT {count}")))
        return [(key, values) for _, _, key, values in rows]

    def panes(
        self, epoch: int, wanted: Sequence[tuple[str, int]], newest_revision: int
    ) -> list[tuple[str, int, dict[int, int]]]:
        """Panes by (tier, key), those that exist. Raises FencedError when one is newer than `newest_revision`."""
        found = []
        for start in range(0, len(wanted), PANES_PER_QUERY):
            some = wanted[start : start + PANES_PER_QUERY]
            rows = list(self._panes(f"epoch = {epoch}", self._pane_keys(some)))
            self._compare((revision for revision, _, _, _ in rows), newest_revision)
            found += [(tier, key, values) for _, tier, key, values in rows]
        return found

    def _pane_keys(self, wanted: Iterable[tuple[str, int]]) -> str:
        tuples = []
        for tier, key in wanted:
            start_ms, number = unpack_pane_key(key)
            texts = ", ".join(map(quoted, self._cells[number]))
            tuples.append(f"({quoted(tier)}, {start_ms // 1000}, {texts})")
        return f"(tier, start, tenant, queue, channel, visibility) IN ({', '.join(tuples)})"

    def _panes(self, condition: str, keys: str = "1") -> Iterator[tuple[int, str, int, dict[int, int]]]:
        query = counted(
            f"SELECT {PANE_COLUMNS} FROM ledger FINAL PREWHERE {keys} "
            f"WHERE {self._where} AND kind = 'pane' AND {condition}"
        )
        chunks = self._door.stream(f"{query} SETTINGS {SINGLE_ROWS}", "JSONCompactEachRow")
        rows = chain.from_iterable(decoded_lines(_pane_decoder, chunk, self._where) for chunk in chunks)
        for row in all_of(rows, self._where):
            values = {pack_field(counter): count for counter, count in zip(PLAIN, row.counts, strict=True) if count}
            for counter, spread in zip(SPREADS, row.spreads, strict=True):
                for key, count in spread:
                    values[pack_field(counter, key)] = count
            cell = self._cells.number(Cell(row.tenant, row.queue, row.channel, row.visibility))
            yield row.revision, row.tier, pane_key(row.start * 1000, cell), values

    def _compare(self, revisions: Iterable[int], newest_revision: int) -> None:
        newest = max(revisions, default=0)
        if newest > newest_revision:
            raise FencedError(
                f"{self.log}[{self.kafka_partition}]: read back a row of revision {newest}, "
                f"our own last flush was {newest_revision}: another worker has this partition"
            )

    def expire_minutes(self, before_ms: int) -> None:
        """Delete panes of the minute tier that start before an instant; hours and days stand for them."""
        self._door.execute(
            f"DELETE FROM ledger WHERE {self._where} AND kind = 'pane' AND tier = 'minute' "
            f"AND start < toDateTime({before_ms // 1000}, 'UTC')"
        )


def _chunks(lines: bytes) -> Iterator[bytes]:
    """Pieces cut at line ends, none so long that its decoding would hold up the event loop."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + CHUNK_BYTES) + 1 or len(lines)
        yield lines[start:end]
        start = end


def _after(source: str, conversation_id: str) -> str:
    """The condition for conversations that follow one in the order of the table.

    Compared as a pair, the primary index would not find the place, and each query read all rows before it.
    """
    return f"source >= {quoted(source)} AND (source > {quoted(source)} OR conversation_id > {quoted(conversation_id)})"


def _by_keys(keys: Sequence[str]) -> str:
    """The condition under which a row is one of these conversations.

    As pairs: the primary index would look for every id under every source.
    """
    pairs = (f"({quoted(source)}, {quoted(name)})" for source, _, name in (key.partition("\n") for key in keys))
    return f"(source, conversation_id) IN ({', '.join(pairs)})"


def read_checkpoint(door: ClickHouse, where: str) -> Checkpoint | None:
    """The newest checkpoint under a condition, None when there is none."""
    # As one value, so that an empty answer is none: a partition without a checkpoint would begin at its log's start.
    answer = door.raw(
        f"SELECT groupArray(row) FROM (SELECT tuple({CHECKPOINT_COLUMNS}) AS row FROM ledger "
        f"WHERE {where} AND kind = 'checkpoint' ORDER BY revision DESC LIMIT 1) SETTINGS {JSON_SETTINGS}",
        "JSONCompactEachRow",
    )
    rows: list[CheckpointRow] = one_value(_checkpoint_decoder, answer, where)
    if not rows:
        return None
    row = rows[0]
    return Checkpoint(
        epoch=row.revision >> OFFSET_BITS,
        next_offset=row.next_offset,
        watermark=row.watermark,
        broker_at=row.broker_at,
        configuration=row.configuration,
        configuration_number=row.configuration_number,
        reporting_zone=row.reporting_zone,
        partition_count=row.partition_count,
        last_offset=row.last_offset,
        last_record_hash=row.last_record_hash,
        reason=row.reason,
        stage=row.stage,
        positions=dict(row.positions),
        books=Books(*row.books),
    )


def of_partition(log: str, kafka_partition: int) -> str:
    """The condition for the rows of one partition of a log."""
    return f"log = {quoted(log)} AND kafka_partition = {kafka_partition}"
