"""What memory holds of one partition of the interactions: the fold's state, as far as it is needed."""

from itertools import islice

from pipeline.clickhouse.client import ClickHouse
from pipeline.ledger.store import Ledger
from pipeline.processing.state import LedgerState
from streams.checkpoint import Checkpoint
from streams.conversations.conversation import OPEN
from streams.fold import Partition
from streams.panes.cells import Cells
from streams.rules import RuleBook

CACHED_CONVERSATIONS = 2_000_000
CACHED_DEPARTED = 20_000


class PartitionState(LedgerState):
    """The fold's state: all open conversations, and departed ones while there is room."""

    def __init__(self, book: RuleBook, door: ClickHouse, log: str, kafka_partition: int) -> None:
        self.cells = Cells()
        self.partition = Partition(book, self.cells)
        self._conversations = Ledger(door, log, kafka_partition, self.cells)
        where, held = f"{log}[{kafka_partition}]", self.partition.conversations
        super().__init__(self._conversations, self._conversations.read_back, where, held)
        self._evict_above = CACHED_DEPARTED

    def _restore(self, checkpoint: Checkpoint) -> None:
        partition = self.partition
        partition.restore(checkpoint.watermark, checkpoint.books, checkpoint.broker_at)
        admitted = self._conversations.admitted_cells()
        if admitted or not checkpoint.next_offset:
            partition.admission.restore(admitted)
        else:
            partition.admission.restore(self._conversations.counted_cells(), is_stored=False)
        for rows in self._conversations.open_conversations():
            partition.conversations.update(rows)
        partition.open_count = len(partition.conversations)

    def _evict(self) -> None:
        conversations, touched = self.partition.conversations, self.partition.touched
        if len(conversations) < self._evict_above:
            return
        for key in [k for k, found in conversations.items() if found.state != OPEN and k not in touched]:
            del conversations[key]
        surplus = len(conversations) - CACHED_CONVERSATIONS
        if surplus > 0:
            for key in list(islice((key for key in conversations if key not in touched), surplus)):
                del conversations[key]
        self._evict_above = len(conversations) + CACHED_DEPARTED
