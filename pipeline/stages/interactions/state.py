"""The in-memory state of one partition of the interactions."""

from collections.abc import Sequence

from pipeline.clickhouse.client import ClickHouse
from pipeline.ledger.conversations import ConversationReader
from pipeline.ledger.store import PartitionLedger
from pipeline.processing.state import forget_surplus
from streams.checkpoint import Checkpoint
from streams.conversations.conversation import OPEN, Conversation
from streams.fold import ConversationFold
from streams.panes.cells import CellIndex
from streams.rules import Rules

CACHED_CONVERSATIONS = 2_000_000
CACHED_DEPARTED = 20_000


class InteractionsState:
    """The state of the fold: open conversations, and departed ones while there is room."""

    def __init__(self, rules: Rules, client: ClickHouse, log: str, kafka_partition: int) -> None:
        self.cells = CellIndex()
        self.fold = ConversationFold(rules, self.cells)
        self.ledger = PartitionLedger(client, log, kafka_partition, "conversation", self.cells)
        self._reader = ConversationReader(self.ledger)
        self._evict_above = CACHED_DEPARTED

    @property
    def held(self) -> dict[str, Conversation]:
        """Conversations by key."""
        return self.fold.conversations

    def look_up(self, keys: Sequence[str], newest_revision: int) -> Sequence[tuple[str, Conversation]]:
        """Read conversations from the ledger by key. Raises FencedError if one is newer than `newest_revision`."""
        return self._reader.read_back(keys, newest_revision)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Read admitted cells and open conversations."""
        fold = self.fold
        fold.restore(checkpoint.watermark, checkpoint.books, checkpoint.broker_at)
        admitted = self._reader.admitted_cells()
        if admitted or not checkpoint.next_offset:
            fold.admission.restore(admitted)
        else:
            fold.admission.restore(self._reader.counted_cells(), is_stored=False)
        for rows in self._reader.open_conversations():
            fold.conversations.update(rows)
        fold.open_count = len(fold.conversations)

    def evict(self) -> None:
        """Evict departed conversations, and open ones beyond the bound, if untouched since the last flush."""
        conversations, touched = self.fold.conversations, self.fold.touched
        if len(conversations) < self._evict_above:
            return
        departed = [key for key, conversation in conversations.items() if conversation.state != OPEN]
        for key in departed:
            if key not in touched:
                del conversations[key]
        forget_surplus(conversations, touched, CACHED_CONVERSATIONS)
        self._evict_above = len(conversations) + CACHED_DEPARTED
