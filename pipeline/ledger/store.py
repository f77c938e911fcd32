"""Reading and writing the ledger: one insert per flush, look-ups in batches."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from pipeline.clickhouse.blocks import Block
from pipeline.clickhouse.client import ClickHouse
from pipeline.clickhouse.sql import quoted
from pipeline.clickhouse.whole_answers import all_of, counted, decoded_lines, numbers
from pipeline.errors import FencedError
from pipeline.ledger.checkpoints import of_partition, read_checkpoint
from pipeline.ledger.columns import (
    PANE_COLUMNS,
    PLAIN,
    SINGLE_ROWS,
    SPREADS,
    PaneRowRead,
)
from pipeline.retry import retry_read
from streams.checkpoint import Checkpoint
from streams.panes.cells import Cell, CellIndex
from streams.panes.deltas import pack_field, pane_key, unpack_pane_key

#: 16 MB.
HASHES_PER_QUERY = 2_000_000
IDS_PER_QUERY = 2_000
PANES_PER_QUERY = 2_000
_pane_decoder = msgspec.json.Decoder(PaneRowRead)


class PartitionLedger:
    """The ledger of one partition of a log. Not thread-safe.

    `kind` is that of the rows other than panes, cells and checkpoints. Raises the errors of the ClickHouse client.
    """

    def __init__(self, client: ClickHouse, log: str, kafka_partition: int, kind: str, cells: CellIndex) -> None:
        self.client = client
        self.cells = cells
        self.log = log
        self.kafka_partition = kafka_partition
        self.kind = kind
        #: The SQL condition for the rows of this partition.
        self.where = of_partition(log, kafka_partition)

    def insert(self, table: str, block: Block, first_offset: int, revision: int) -> None:
        """Write the rows of one flush to a table. For `ledger`, this is the commit point. Idempotent."""
        token = f"{self.log}/{self.kafka_partition}/{first_offset}-{revision}"
        self.client.insert(table, block.columns, block.body, block.row_count, token)

    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of the partition; None before its first flush."""
        return retry_read(lambda: read_checkpoint(self.client, self.where))

    def revision(self) -> int:
        """Return the revision of the newest checkpoint, 0 before the first flush. Cheaper than reading it."""
        [revision] = self._numbers(f"SELECT [max(revision)] FROM ledger WHERE {self.where} AND kind = 'checkpoint'")
        return revision

    def hashes(self) -> Iterator["array[int]"]:
        """Yield the hashes of all conversations, open or not (or of all customers, by `kind`), in slices."""
        rows = f"ledger WHERE {self.where} AND kind = {quoted(self.kind)}"
        [count] = self._numbers(f"SELECT [count()] FROM {rows}")
        slice_count = -(-count // HASHES_PER_QUERY)
        for number in range(slice_count):
            condition = f"conversation_hash % {slice_count} = {number}"
            yield self._numbers(f"SELECT groupArray(conversation_hash) FROM {rows} AND {condition}")

    def _numbers(self, query: str) -> "array[int]":
        return retry_read(lambda: numbers(self.client.raw(query, "RowBinary"), self.where))

    def newest_panes(self, epoch: int, tier: str, count: int) -> list[tuple[int, dict[int, int]]]:
        """Return the `count` latest panes of a tier as (key, values), fewer if there are no more."""
        condition = f"epoch = {epoch} AND tier = {quoted(tier)}"
        rows = retry_read(lambda: list(self._panes(f"{condition} ORDER BY start DESC LIMIT {count}")))
        return [(key, values) for _, _, key, values in rows]

    def panes(
        self, epoch: int, wanted: Sequence[tuple[str, int]], newest_revision: int
    ) -> list[tuple[str, int, dict[int, int]]]:
        """Return the panes that exist, by (tier, key). Raises FencedError if one is newer than `newest_revision`."""
        panes = []
        for start in range(0, len(wanted), PANES_PER_QUERY):
            keys = self._pane_keys(wanted[start : start + PANES_PER_QUERY])
            rows = list(self._panes(f"epoch = {epoch}", keys))
            self.check_not_fenced((revision for revision, _, _, _ in rows), newest_revision)
            panes += [(tier, key, values) for _, tier, key, values in rows]
        return panes

    def _pane_keys(self, wanted: Iterable[tuple[str, int]]) -> str:
        tuples = []
        for tier, key in wanted:
            start_ms, number = unpack_pane_key(key)
            texts = ", ".join(map(quoted, self.cells[number]))
            tuples.append(f"({quoted(tier)}, {start_ms // 1000}, {texts})")
        return f"(tier, start, tenant, queue, channel, visibility) IN ({', '.join(tuples)})"

    def _panes(self, condition: str, keys: str = "1") -> Iterator[tuple[int, str, int, dict[int, int]]]:
        query = counted(
            f"SELECT {PANE_COLUMNS} FROM ledger FINAL PREWHERE {keys} "
            f"WHERE {self.where} AND kind = 'pane' AND {condition}"
        )
        chunks = self.client.stream(f"{query} SETTINGS {SINGLE_ROWS}", "JSONCompactEachRow")
        rows = chain.from_iterable(decoded_lines(_pane_decoder, chunk, self.where) for chunk in chunks)
        for row in all_of(rows, self.where):
            values = {pack_field(counter): count for counter, count in zip(PLAIN, row.counts, strict=True) if count}
            for counter, spread in zip(SPREADS, row.spreads, strict=True):
                for key, count in spread:
                    values[pack_field(counter, key)] = count
            cell = self.cells.number(Cell(row.tenant, row.queue, row.channel, row.visibility))
            yield row.revision, row.tier, pane_key(row.start * 1000, cell), values

    def check_not_fenced(self, revisions: Iterable[int], newest_revision: int) -> None:
        """Raise FencedError if a row read back is newer than this process's last flush."""
        newest = max(revisions, default=0)
        if newest > newest_revision:
            raise FencedError(
                f"{self.log}[{self.kafka_partition}]: read back a row of revision {newest}, "
                f"this worker's last flush was {newest_revision}: another worker has this partition"
            )

    def expire_minutes(self, before_ms: int) -> None:
        """Delete minute panes that start before an instant, UTC epoch ms. Hour and day panes remain."""
        self.client.execute(
            f"DELETE FROM ledger WHERE {self.where} AND kind = 'pane' AND tier = 'minute' "
            f"AND start < toDateTime({before_ms // 1000}, 'UTC')"
        )
