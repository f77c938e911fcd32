"""The in-memory state of one partition: a cache of the ledger.

Only entries untouched since the last acknowledged flush may be evicted; an evicted entry is read back before it is
touched, never started afresh.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import islice
from typing import Any, Protocol

from pipeline.ledger.store import PartitionLedger
from pipeline.processing.id_filter import IdFilter
from pipeline.retry import retry_in_thread
from streams.checkpoint import Checkpoint
from streams.events import conversation_hash
from streams.panes.cache import PaneCache
from streams.panes.deltas import Tiers

#: A pane of a busy cell takes 4 KB, so this dominates a worker's memory.
CACHED_PANES_PER_TIER = 20_000


class CachedState(Protocol):
    """The part of a fold's state that is in memory. Empty until `restore`."""

    @property
    def held(self) -> dict[str, Any]:
        """Conversations or customers by key."""

    def look_up(self, keys: Sequence[str], newest_revision: int) -> Sequence[tuple[str, Any]]:
        """Read the keys that exist from the ledger. Raises FencedError if a row is newer than `newest_revision`."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Read what must be in memory from the start."""

    def evict(self) -> None:
        """Evict entries untouched since the flush just acknowledged, where there are too many."""


def forget_surplus(held: dict[str, Any], touched: Collection[str], limit: int) -> None:
    """Forget the earliest of what is held beyond a limit, but nothing that was touched since the last flush."""
    surplus = len(held) - limit
    if surplus > 0:
        for key in list(islice((key for key in held if key not in touched), surplus)):
            del held[key]


class StateCache:
    """Panes, the state of a fold, and the keys that the ledger may hold."""

    def __init__(self, ledger: PartitionLedger, state: CachedState) -> None:
        self.panes = PaneCache()
        self._ledger = ledger
        self._state = state
        self._known = IdFilter()
        self._where = f"{ledger.log}[{ledger.kafka_partition}]"

    def load(self, first: Callable[[], Checkpoint]) -> Checkpoint | None:
        """Read the checkpoint, its state, the known keys and the newest panes. `first` creates a missing checkpoint.

        Returns None if another worker wrote meanwhile; this state must then be discarded for a new one. To be called
        once. Blocks; nothing else may use the state meanwhile. Raises the errors of the ClickHouse client.
        """
        ledger = self._ledger
        stored = ledger.checkpoint()
        checkpoint = stored or first()
        self._state.restore(checkpoint)
        if stored is None:
            # Every insert into the ledger has a checkpoint, so there are no other rows.
            for tier in Tiers._fields:
                self.panes.load(tier, [], is_complete=True)
        else:
            self._load_rows(checkpoint.epoch)
        return checkpoint if ledger.revision() == (stored.revision if stored else 0) else None

    def _load_rows(self, epoch: int) -> None:
        """Read the known keys and the newest panes."""
        for hashes in self._ledger.hashes():
            self._known.add(hashes)
        for tier in Tiers._fields:
            panes = self._ledger.newest_panes(epoch, tier, CACHED_PANES_PER_TIER)
            self.panes.load(tier, panes, is_complete=len(panes) < CACHED_PANES_PER_TIER)

    async def read_back(
        self, keys: set[str], newest_revision: Callable[[], int], begun: set[str] | None = None
    ) -> None:
        """Read back those of `keys` that are not in memory and that the ledger may hold.

        Only the keys in `begun` (by default all) will be written. A flush that ends during a look-up may evict, so
        this repeats until nothing is missing. Raises FencedError if a row is newer than `newest_revision`, the
        revision of this process's last flush.
        """
        held, known = self._state.held, self._known
        absent: set[str] = set()
        while True:
            missing = {key: conversation_hash(key) for key in keys.difference(held) if key not in absent}
            unsure = [key for key, value in missing.items() if value in known]
            known.add(value for key, value in missing.items() if begun is None or key in begun)
            absent.update(missing)
            if not unsure:
                return
            newest = newest_revision()
            stored = dict(await retry_in_thread(self._where, self._state.look_up, unsure, newest))
            absent -= stored.keys()
            held.update(stored)

    def evict(self) -> None:
        """Evict panes and state untouched since the flush just acknowledged. To be called between flushes."""
        self.panes.evict(CACHED_PANES_PER_TIER)
        self._state.evict()
