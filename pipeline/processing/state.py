"""What memory holds of one partition: a cache of the ledger.

Only what was not touched since the last acknowledged flush may leave it, and what left is read back before it is
touched, never begun afresh.
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

#: One of a busy cell takes 4 KB, so this is what most of a worker's memory goes to.
CACHED_PANES_PER_TIER = 20_000


class CachedState(Protocol):
    """The state of a fold, as far as memory holds it. Empty until `restore`."""

    @property
    def held(self) -> dict[str, Any]:
        """Conversations or customers by key."""

    def look_up(self, keys: Sequence[str], newest_revision: int) -> Sequence[tuple[str, Any]]:
        """Read keys back from the ledger, those that exist. Raises FencedError where a row is newer than it may be."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Read what has to be in memory from the start."""

    def evict(self) -> None:
        """Forget what was not touched since the flush just acknowledged, where there is too much."""


def forget_surplus(held: dict[str, Any], touched: Collection[str], limit: int) -> None:
    """Forget the earliest of what is held beyond a limit, but nothing that was touched since the last flush."""
    surplus = len(held) - limit
    if surplus > 0:
        for key in list(islice((key for key in held if key not in touched), surplus)):
            del held[key]


class StateCache:
    """Panes, the state of a fold, and which keys the ledger may hold."""

    def __init__(self, ledger: PartitionLedger, state: CachedState) -> None:
        self.panes = PaneCache()
        self._ledger = ledger
        self._state = state
        self._known = IdFilter()
        self._where = f"{ledger.log}[{ledger.kafka_partition}]"

    def load(self, first: Callable[[], Checkpoint]) -> Checkpoint | None:
        """Read the checkpoint and its state, known keys and newest panes; `first` makes a checkpoint where none is.

        Once, and in a thread of its own: nothing else touches the state meanwhile. None comes back when another worker
        wrote while we read: throw this state away and begin with a new one. Raises what ClickHouse raises.
        """
        ledger = self._ledger
        found = ledger.checkpoint()
        checkpoint = found or first()
        self._state.restore(checkpoint)
        for hashes in ledger.hashes():
            self._known.add(hashes)
        for tier in Tiers._fields:
            panes = ledger.newest_panes(checkpoint.epoch, tier, CACHED_PANES_PER_TIER)
            self.panes.load(tier, panes, is_complete=len(panes) < CACHED_PANES_PER_TIER)
        again = ledger.checkpoint()
        return checkpoint if (again and again.revision) == (found and found.revision) else None

    async def read_back(
        self, keys: set[str], newest_revision: Callable[[], int], begun: set[str] | None = None
    ) -> None:
        """Bring back what memory does not hold and the ledger may. Of `keys`, those in `begun` will be written.

        While a look-up waits, a flush may end and evict; so look again until nothing is missing. Raises FencedError
        when one is newer than `newest_revision`, that of our own last flush.
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
            found = dict(await retry_in_thread(self._where, self._state.look_up, unsure, newest))
            absent -= found.keys()
            held.update(found)

    def evict(self) -> None:
        """Forget panes and what else was not touched since the flush just acknowledged. Between flushes."""
        self.panes.evict(CACHED_PANES_PER_TIER)
        self._state.evict()
