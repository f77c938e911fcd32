"""A ledger with very many open conversations, written without a worker."""

import msgspec

from benchmarks.support.conversations import EVENTS, batches
from benchmarks.support.processes import answer, arguments_of
from pipeline.clickhouse.client import ClickHouse
from pipeline.ledger.rows import RowEncoder, checkpoint_section, ledger_block
from pipeline.ledger.store import PartitionLedger
from streams.books import Books
from streams.checkpoint import Checkpoint
from streams.events import conversation_key
from streams.fold import ConversationFold
from streams.panes.cache import PaneCache
from streams.panes.cells import CellIndex
from streams.rules import Rules, RulesConfig

CHUNK = 50_000
LOG = "restored"
PARTITION = 0


class Run(msgspec.Struct, frozen=True):
    """The database, and the number of conversations it holds or is to hold."""

    url: str
    database: str
    count: int


class Filled(msgspec.Struct):
    """The contents of the ledger's one partition."""

    conversation_count: int
    pane_count: int


def fill(run: Run) -> Filled:
    """Write `count` open conversations, the panes of one chunk and a checkpoint.

    One chunk of conversations is folded from events; further chunks are the same ones under other ids.
    """
    rules, cells = Rules(RulesConfig()), CellIndex()
    partition, rows = ConversationFold(rules, cells), RowEncoder(rules, cells)
    size = min(CHUNK, run.count)
    for events in batches(size):
        partition.fold(events)
    models = list(partition.conversations.values())
    checkpoint = Checkpoint(
        epoch=1,
        next_offset=run.count * EVENTS,
        watermark=partition.watermark,
        configuration=rules.version,
        books=Books(consumed=run.count * EVENTS, applied=run.count * EVENTS),
    )
    client = ClickHouse(run.url, run.database)
    ledger = PartitionLedger(client, LOG, PARTITION, "conversation", cells)
    for first in range(0, run.count, size):
        some = models[: run.count - first]
        copies = [
            msgspec.structs.replace(model, key=conversation_key(model.source, f"conversation-{first + index:08d}"))
            for index, model in enumerate(some)
        ]
        keys = [copy.key for copy in copies]
        block = ledger_block(LOG, PARTITION, checkpoint.revision, [rows.conversations(keys, copies)])
        ledger.insert("ledger", block, first, checkpoint.revision)
    panes = PaneCache().add(partition.deltas.take().rolled_up())
    block = ledger_block(LOG, PARTITION, checkpoint.revision, [checkpoint_section(checkpoint), rows.panes(1, panes)])
    ledger.insert("ledger", block, run.count, checkpoint.revision)
    client.close()
    return Filled(run.count, len(panes))


if __name__ == "__main__":
    answer(fill(arguments_of(Run)))
