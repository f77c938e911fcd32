"""Reading conversations from the ledger, in slices or by key."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from pipeline.clickhouse.sql import quoted
from pipeline.clickhouse.whole_answers import counted, decoded_lines, one_value, whole
from pipeline.ledger.columns import (
    CONVERSATION_COLUMNS,
    CONVERSATION_KEY,
    JSON_SETTINGS,
    LARGE_QUERY,
    SINGLE_ROWS,
    STORED,
    ConversationKeyRow,
    ConversationRow,
)
from pipeline.ledger.first_turns import read_first_turn
from pipeline.ledger.store import IDS_PER_QUERY, PartitionLedger
from pipeline.retry import retry_read
from streams.conversations.conversation import Clock, Conversation
from streams.events import conversation_key
from streams.panes.cells import Cell

CONVERSATIONS_PER_QUERY = 50_000
CHUNK_BYTES = 1 << 20
_conversation_decoder: msgspec.json.Decoder[ConversationKeyRow] = msgspec.json.Decoder(ConversationRow)
_cells_decoder = msgspec.json.Decoder(tuple[list[Cell]])


class ConversationReader:
    """A reader of the conversations in a ledger. Not thread-safe."""

    def __init__(self, ledger: PartitionLedger) -> None:
        self._ledger = ledger

    def open_conversations(self) -> Iterator[list[tuple[str, Conversation]]]:
        """Yield all open conversations with their keys, in slices. ClickHouse reads the next slice during decoding.

        Consistent only if no process writes meanwhile: compare the checkpoints before and after.
        """
        with ThreadPoolExecutor(1, "restore") as executor:
            next_slice = executor.submit(self._open_after, None)
            while body := next_slice.result():
                # A truncated slice is continued after its last row, like any other.
                [last] = decoded_lines(_conversation_decoder, body[body.rfind(b"\n", 0, -1) + 1 :], self._ledger.where)
                next_slice = executor.submit(self._open_after, last)
                for chunk in _chunks(body):
                    yield self._keyed(decoded_lines(_conversation_decoder, chunk, self._ledger.where))

    def _open_after(self, last: ConversationKeyRow | None) -> bytes:
        """Return rows of the open conversations after `last` in table order; empty if there are none."""
        after = _after(last.source, last.conversation_id) if last else "1"
        query = (
            f"SELECT {CONVERSATION_COLUMNS} FROM ledger FINAL WHERE {self._ledger.where} AND {CONVERSATION_KEY} "
            f"AND state = 'open' AND {after} ORDER BY source, conversation_id LIMIT {CONVERSATIONS_PER_QUERY} "
            f"SETTINGS {JSON_SETTINGS}, {LARGE_QUERY}"
        )
        return retry_read(lambda: self._ledger.client.raw(query, "JSONCompactEachRow"))

    def admitted_cells(self) -> list[Cell]:
        """Return the admitted cells of the log; empty in a ledger written by an earlier version."""
        return self._cells_where("kind = 'cell'")

    def counted_cells(self) -> list[Cell]:
        """Return the cells that have panes."""
        return self._cells_where("kind = 'pane' AND tier = 'day'")

    def _cells_where(self, condition: str) -> list[Cell]:
        names = ", ".join(Cell._fields)
        query = f"SELECT groupUniqArray(({names})) FROM ledger WHERE {self._ledger.where} AND {condition}"
        return sorted(
            retry_read(
                lambda: one_value(
                    _cells_decoder, self._ledger.client.raw(query, "JSONCompactEachRow"), self._ledger.where
                )
            )
        )

    def read_back(self, keys: Sequence[str], newest_revision: int) -> list[tuple[str, Conversation]]:
        """Return the conversations that exist, by key. Raises FencedError if one is newer than `newest_revision`."""
        conversations: list[tuple[str, Conversation]] = []
        for start in range(0, len(keys), IDS_PER_QUERY):
            condition = _by_keys(keys[start : start + IDS_PER_QUERY])
            query = counted(
                f"SELECT {CONVERSATION_COLUMNS} FROM ledger FINAL PREWHERE {condition} "
                f"WHERE {self._ledger.where} AND {CONVERSATION_KEY}"
            )
            body = self._ledger.client.raw(f"{query} SETTINGS {SINGLE_ROWS}", "JSONCompactEachRow")
            rows = whole(decoded_lines(_conversation_decoder, body, self._ledger.where), self._ledger.where)
            self._ledger.check_not_fenced((row.revision for row in rows), newest_revision)
            conversations += self._keyed(rows)
        return conversations

    def _keyed(self, rows: Iterable[ConversationKeyRow]) -> list[tuple[str, Conversation]]:
        return [(conversation.key, conversation) for conversation in map(self._conversation, rows)]

    def _conversation(self, row: ConversationKeyRow) -> Conversation:
        number = self._ledger.cells.number
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
        first_turn = read_first_turn(row.first_turn, self._ledger.cells) if row.first_turn else None
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


def _chunks(lines: bytes) -> Iterator[bytes]:
    """Yield pieces cut at line ends, short enough that decoding one does not block the event loop."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + CHUNK_BYTES) + 1 or len(lines)
        yield lines[start:end]
        start = end


def _after(source: str, conversation_id: str) -> str:
    """Return the SQL condition for conversations after one in table order.

    Not a comparison of pairs: the primary index cannot use it, so each query would read all rows before.
    """
    return f"source >= {quoted(source)} AND (source > {quoted(source)} OR conversation_id > {quoted(conversation_id)})"


def _by_keys(keys: Sequence[str]) -> str:
    """Return the SQL condition for the rows of these conversations.

    As pairs: otherwise the primary index would look up every id under every source.
    """
    pairs = (f"({quoted(source)}, {quoted(name)})" for source, _, name in (key.partition("\n") for key in keys))
    return f"(source, conversation_id) IN ({', '.join(pairs)})"
