"""The absolute values of one partition's panes, as far as they are in memory.

Memory is a cache of the ledger. Per tier it holds every pane that starts at `complete_from` or later, and some older
ones. So a missing pane that starts later does not exist yet; one that starts earlier must be read back before a delta
is added to it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from streams.panes.deltas import PaneValues, Tiers, unpack_pane_key

EVERYTHING = 0


class PaneRow(NamedTuple):
    """The absolute values of one pane, for the ledger."""

    tier: str
    start_ms: int
    cell: int
    values: dict[int, int]


class PaneCache:
    """Panes by tier and key, and the start (UTC epoch ms) from which each tier is complete."""

    def __init__(self) -> None:
        self.tiers = Tiers({}, {}, {})
        self.complete_from = dict.fromkeys(Tiers._fields, EVERYTHING)

    def __len__(self) -> int:
        return sum(len(panes) for panes in self.tiers)

    def missing(self, deltas: Tiers) -> list[tuple[str, int]]:
        """Return (tier, key) of the panes that must be read back before `deltas` can be added."""
        missing = []
        for tier, changed, panes in zip(Tiers._fields, deltas, self.tiers, strict=True):
            complete_from = self.complete_from[tier]
            if not complete_from:
                continue
            missing += [(tier, key) for key in changed if key not in panes and unpack_pane_key(key)[0] < complete_from]
        return missing

    def add(self, deltas: Tiers) -> list[PaneRow]:
        """Add deltas to their bases and return the new absolute values of every pane touched."""
        rows = []
        for tier, changed, panes in zip(Tiers._fields, deltas, self.tiers, strict=True):
            for key, delta in changed.items():
                values = panes.get(key)
                if values is None:
                    values = panes[key] = {field: count for field, count in delta.items() if count}
                else:
                    for field, count in delta.items():
                        total = values.get(field, 0) + count
                        if total:
                            values[field] = total
                        else:
                            values.pop(field, None)
                start_ms, cell = unpack_pane_key(key)
                rows.append(PaneRow(tier, start_ms, cell, values))
        return rows

    def evict(self, keep_count: int) -> None:
        """Evict the panes that start first until each tier holds at most about `keep_count`.

        Only between flushes: the panes of an unacknowledged flush must stay.
        """
        for tier, panes in zip(Tiers._fields, self.tiers, strict=True):
            if len(panes) <= keep_count:
                continue
            self._evict_before(tier, panes, sorted(unpack_pane_key(key)[0] for key in panes)[-keep_count // 2])

    def _evict_before(self, tier: str, panes: PaneValues, start_ms: int) -> None:
        self.complete_from[tier] = max(self.complete_from[tier], start_ms)
        for key in [key for key in panes if unpack_pane_key(key)[0] < start_ms]:
            del panes[key]

    def load(self, tier: str, rows: Iterable[tuple[int, dict[int, int]]], *, is_complete: bool = True) -> None:
        """Add (key, values) as read from the ledger.

        Rows that are not complete are the panes that start last. The reader may have cut off some with the earliest
        start among them, so the tier is complete only after that start.
        """
        panes: PaneValues = getattr(self.tiers, tier)
        panes.update(rows)
        if not is_complete and panes:
            earliest_ms = min(unpack_pane_key(key)[0] for key in panes)
            self.complete_from[tier] = max(self.complete_from[tier], earliest_ms + 1)
