"""Rolling windows computed from the oracle's changes, one event at a time: no panes, no tiers, no SQL."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.oracle import Oracle

Scope = tuple[str, str, str, str]
Numbers = dict[str, int]

ARRIVALS = {"arrived": 1, "moved_in": 1, "departed": -1, "moved_out": -1}
PLAIN = {
    "opened_inbound": "contact_count",
    "inbound_message": "inbound_message_count",
    "arrived": "arrived_count",
    "departed": "departed_count",
}
AGES = {
    "open_below_1h_count": 3_600,
    "open_1h_to_4h_count": 14_400,
    "open_4h_to_24h_count": 86_400,
    "open_1d_to_7d_count": 604_800,
    "open_7d_to_30d_count": 2_592_000,
    "open_30d_to_90d_count": 7_776_000,
    "open_over_90d_count": 1 << 60,
}


def scopes(cell: Any) -> Iterator[Scope]:
    """Yield the rows in which a cell counts: scope, tenant, queue, channel."""
    yield "cell", cell.tenant, cell.queue, cell.channel
    yield "queue", cell.tenant, cell.queue, ""
    yield "channel", cell.tenant, "", cell.channel
    yield "tenant", cell.tenant, "", ""
    yield "all", "", "", ""


def window(oracle: Oracle, ends_at_ms: int, seconds: int) -> dict[Scope, Numbers]:
    """Return the numbers of the window that ends at an instant, where any is not zero."""
    begins_at_ms = ends_at_ms - 1000 * seconds
    found: dict[Scope, Counter[str]] = defaultdict(Counter)
    for change in oracle.changes:
        if change.at_ms >= ends_at_ms:
            continue
        for scope in scopes(change.cell):
            numbers = found[scope]
            gained = ARRIVALS.get(change.counter, 0) * change.amount
            numbers["open_count"] += gained
            # What arrived before the window is open throughout it, until a later change says otherwise.
            numbers["open_ms"] += gained * (ends_at_ms - max(change.at_ms, begins_at_ms))
            if change.at_ms < begins_at_ms:
                continue
            if change.counter in PLAIN:
                numbers[PLAIN[change.counter]] += change.amount
            if change.counter == "escalated":
                numbers[f"escalated_{change.kind}_count"] += change.amount
    for row in oracle.sla():
        if row["at_ms"] is None or not begins_at_ms <= row["at_ms"] < ends_at_ms:
            continue
        name = {"met": "sla_met_count", "missed": "sla_missed_count"}.get(row["outcome"])
        if name:
            for scope in scopes(_Cell(row)):
                found[scope][name] += 1
    return {scope: +numbers | -numbers for scope, numbers in found.items()}


def durations(oracle: Oracle, kind: str, ends_at_ms: int, seconds: int) -> list[int]:
    """Return all durations of a kind that ended in the window, ms, in order."""
    return sorted(
        row["duration_ms"]
        for row in oracle.response_times()
        if row["kind"] == kind and ends_at_ms - 1000 * seconds <= row["minute"] < ends_at_ms
    )


def ages(oracle: Oracle, at_ms: int) -> dict[Scope, Counter[str]]:
    """Return open conversations by age at an instant after the last event."""
    found: dict[Scope, Counter[str]] = defaultdict(Counter)
    for row in oracle.open_since():
        age_seconds = (at_ms - row["open_since_ms"] // 60_000 * 60_000) // 1000
        name = next(name for name, limit in AGES.items() if age_seconds < limit)
        for scope in scopes(_Cell(row)):
            found[scope][name] += 1
    return found


class _Cell:
    """The dimensions of a row."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.tenant, self.queue, self.channel = row["tenant"], row["queue"], row["channel"]
