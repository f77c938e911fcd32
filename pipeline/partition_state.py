"""What memory holds of one partition: a cache of the ledger.

Only what was not touched since the last acknowledged flush may leave it, and what left is read back before it is
touched, never begun afresh.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from pipeline.clickhouse import ClickHouse
from pipeline.known_ids import KnownIds
from pipeline.ledger import Ledger
from pipeline.ledger_rows import conversation_hash
from pipeline.patience import patiently
from streams.checkpoint import Checkpoint
from streams.conversation import OPEN
from streams.events import Event
from streams.pane_cache import PaneCache
from streams.panes import Cells, Tiers
from streams.partition import Partition
from streams.rules import RuleBook

CACHED_PANES_PER_TIER = 100_000
CACHED_CONVERSATIONS = 2_000_000
CACHED_DEPARTED = 50_000


class PartitionState:
    """The fold's state, its panes, and which conversations the ledger may hold. Empty until `load`."""

    def __init__(self, book: RuleBook, door: ClickHouse, log: str, kafka_partition: int) -> None:
        self.cells = Cells()
        self.partition = Partition(book, self.cells)
        self.panes = PaneCache()
        self._known = KnownIds()
        self._ledger = Ledger(door, log, kafka_partition, self.cells)
        self._where = f"{log}[{kafka_partition}]"
        self._evict_above = CACHED_DEPARTED

    def load(self, first: Callable[[], Checkpoint]) -> Checkpoint | None:
        """Read checkpoint, open conversations, known ids and newest panes; `first` makes a checkpoint where none is.

        Once, and in a thread of its own: nothing else touches the state meanwhile. None comes back when another worker
        wrote while we read: throw this state away and begin with a new one. Raises what ClickHouse raises.
        """
        ledger, partition = self._ledger, self.partition
        found = ledger.checkpoint()
        checkpoint = found or first()
        partition.restore(checkpoint.watermark, checkpoint.books)
        for rows in ledger.open_conversations():
            partition.conversations.update(rows)
        partition.open_count = len(partition.conversations)
        for hashes in ledger.conversation_hashes():
            self._known.add(hashes)
        for tier in Tiers._fields:
            panes = ledger.newest_panes(checkpoint.epoch, tier, CACHED_PANES_PER_TIER)
            self.panes.load(tier, panes, is_complete=len(panes) < CACHED_PANES_PER_TIER)
        again = ledger.checkpoint()
        return checkpoint if (again and again.revision) == (found and found.revision) else None

    async def read_back(self, events: Sequence[Event], newest_revision: Callable[[], int]) -> None:
        """Bring the conversations back that memory does not hold and the ledger may.

        While a look-up waits, a flush may end and evict; so look again until nothing is missing. Raises Overtaken when
        one is newer than `newest_revision`, that of our own last flush.
        """
        conversations, known = self.partition.conversations, self._known
        keys = {event.key for event in events}
        absent: set[str] = set()
        while True:
            missing = {key: conversation_hash(key) for key in keys if key not in conversations and key not in absent}
            unsure = [key for key, value in missing.items() if value in known]
            known.add(missing.values())
            absent.update(missing)
            if not unsure:
                return
            newest = newest_revision()
            found = dict(await patiently(self._where, lambda: self._ledger.read_back(unsure, newest)))  # noqa: B023
            absent -= found.keys()
            conversations.update(found)

    def evict(self) -> None:
        """Between flushes: forget panes and conversations that were not touched since the flush just acknowledged."""
        self.panes.evict(CACHED_PANES_PER_TIER)
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
