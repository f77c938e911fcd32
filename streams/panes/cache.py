"""The absolute values of the panes of one partition, as far as memory holds them.

Memory is a cache of the ledger. Of each tier it holds every pane that starts at `complete_from` or later, and some
that are older. So a pane that is not here and starts later does not exist yet; one that starts earlier must be read
back before a delta is added to it.
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
    """Panes by tier and key, and from which start on they are complete (UTC epoch ms)."""

    def __init__(self) -> None:
        self.tiers = Tiers({}, {}, {})
        self.complete_from = dict.fromkeys(Tiers._fields, EVERYTHING)

    def __len__(self) -> int:
        return sum(len(panes) for panes in self.tiers)

    def missing(self, deltas: Tiers) -> list[tuple[str, int]]:
        """(tier, key) of the panes that must be read back before `deltas` can be added."""
        missing = []
        for tier, changed, panes in zip(Tiers._fields, deltas, self.tiers, strict=True):
            complete_from = self.complete_from[tier]
            if not complete_from:
                continue
            missing += [(tier, key) for key in changed if key not in panes and unpack_pane_key(key)[0] < complete_from]
        return missing

    def add(self, deltas: Tiers) -> list[PaneRow]:
        """Add deltas to their bases; the new absolute values of every pane touched come back."""
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
        """Drop the panes that start first until each tier holds about `keep_count` at most.

        Only between flushes: a pane of a flush that is not acknowledged must stay.
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
        """Take over (key, values) as read from the ledger.

        Not complete: these are the panes that start last, and there are older ones. The earliest start among them may
        have been cut in two, so only what starts later is known to be all there is.
        """
        panes: PaneValues = getattr(self.tiers, tier)
        panes.update(rows)
        if not is_complete and panes:
            earliest_ms = min(unpack_pane_key(key)[0] for key in panes)
            self.complete_from[tier] = max(self.complete_from[tier], earliest_ms + 1)
