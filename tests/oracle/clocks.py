"""The SLA clocks of one conversation, for the batch oracle: the SLA row of the metric definitions.

One open clock per kind. A clock falls due at an instant; a reply at exactly that instant is in time. Targets run around
the clock (24x7 calendar only). Instants are UTC epoch milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

RESPONSE_KINDS = ("first_response", "next_response")


class Cell(NamedTuple):
    """The dimensions of a number. '' means unknown."""

    tenant: str
    queue: str
    channel: str
    visibility: str


@dataclass(eq=False)
class Clock:
    """An SLA clock. `remaining_ms` is set while it is paused; `due_at_ms` then has no meaning."""

    kind: str
    due_at_ms: int
    cell: Cell
    remaining_ms: int | None = None
    is_open: bool = True
    outcome: str = ""
    at_ms: int = 0

    def is_past_due(self, at_ms: int) -> bool:
        return self.remaining_ms is None and self.due_at_ms < at_ms


class Clocks:
    """All clocks a conversation ever had. `is_paused` holds while an explicit `waiting` is in force."""

    def __init__(self, target_seconds: Mapping[str, int]) -> None:
        self.target_seconds = target_seconds
        self.all: list[Clock] = []
        self.is_paused = False

    def _open(self, *kinds: str) -> list[Clock]:
        return [clock for clock in self.all if clock.is_open and (not kinds or clock.kind in kinds)]

    def start(self, kind: str, at_ms: int, cell: Cell) -> None:
        """Start or restart a clock with the configured target, if there is one. A previous one past due is missed."""
        if kind in self.target_seconds:
            self._put(kind, at_ms + self.target_seconds[kind] * 1000, at_ms, cell)

    def begin_earlier(self, kind: str, first_at_ms: int, at_ms: int) -> None:
        """Move the running clock that got its target at `first_at_ms` to `at_ms`; others stay."""
        if kind not in self.target_seconds:
            return
        target_ms = self.target_seconds[kind] * 1000
        for clock in self._open(kind):
            if clock.remaining_ms is None and clock.due_at_ms == first_at_ms + target_ms:
                clock.due_at_ms = at_ms + target_ms

    def running(self, kind: str) -> Clock | None:
        """Return the open clock of a kind."""
        return next(iter(self._open(kind)), None)

    def remove(self, *kinds: str) -> None:
        """Remove clocks that should never have started because nobody waited."""
        for clock in self._open(*kinds):
            self.all.remove(clock)

    def start_and_pause(self, kind: str, at_ms: int, cell: Cell, paused_at_ms: int) -> None:
        """Start a clock in the past, pausing it if the others are paused."""
        if kind not in self.target_seconds:
            return
        self.all.append(Clock(kind, at_ms + self.target_seconds[kind] * 1000, cell))
        if self.is_paused and not self.all[-1].is_past_due(paused_at_ms):
            self.all[-1].remaining_ms = self.all[-1].due_at_ms - paused_at_ms

    def set_target(self, kind: str, due_at_ms: int, at_ms: int, cell: Cell) -> None:
        """Set a target given by the source: it replaces a clock not past due, or starts one."""
        if not any(clock.is_past_due(at_ms) for clock in self._open(kind)):
            self._put(kind, due_at_ms, at_ms, cell)

    def _retire(self, kind: str, at_ms: int) -> None:
        for clock in self._open(kind):
            clock.is_open = False
            if not clock.is_past_due(at_ms):
                clock.outcome, clock.at_ms = "cancelled", at_ms

    def _put(self, kind: str, due_at_ms: int, at_ms: int, cell: Cell) -> None:
        self._retire(kind, at_ms)
        remaining_ms = max(0, due_at_ms - at_ms) if self.is_paused else None
        self.all.append(Clock(kind, due_at_ms, cell, remaining_ms))

    def pause(self, at_ms: int) -> None:
        if self.is_paused:
            return
        self.is_paused = True
        for clock in self._open():
            if not clock.is_past_due(at_ms):
                clock.remaining_ms = clock.due_at_ms - at_ms

    def resume(self, at_ms: int) -> None:
        """Continue with the remaining time, at an instant not before the pause."""
        self.is_paused = False
        for clock in self._open():
            if clock.remaining_ms is not None:
                clock.due_at_ms = at_ms + clock.remaining_ms
                clock.remaining_ms = None

    def reply(self, at_ms: int, cell: Cell, *kinds: str) -> None:
        """Complete clocks: met if not later than due, dated at the reply; otherwise missed, dated due."""
        for clock in self._open(*kinds):
            clock.is_open = False
            if clock.is_past_due(at_ms):
                clock.outcome, clock.at_ms = "missed", clock.due_at_ms
            else:
                clock.outcome, clock.at_ms, clock.cell = "met", at_ms, cell

    def depart(self, at_ms: int) -> None:
        """Cancel clocks not yet due at a departure; those due before or at that instant are missed."""
        for clock in self._open():
            clock.is_open = False
            if clock.remaining_ms is not None or at_ms < clock.due_at_ms:
                clock.outcome, clock.at_ms = "cancelled", at_ms
        self.is_paused = False

    def move(self, at_ms: int, cell: Cell) -> None:
        """Move open clocks not past due along with their conversation."""
        for clock in self._open():
            if not clock.is_past_due(at_ms):
                clock.cell = cell

    def rows(self, watermark_ms: int) -> list[dict[str, Any]]:
        """Return met, missed and open clocks. `at_ms` is min(reply, due); None for a paused clock."""
        rows: list[dict[str, Any]] = []
        for clock in self.all:
            outcome, at_ms = clock.outcome, clock.at_ms
            if outcome == "cancelled":
                continue
            if not outcome:
                at_ms = clock.due_at_ms
                outcome = "missed" if clock.is_past_due(watermark_ms) else "open"
            is_paused = clock.is_open and clock.remaining_ms is not None
            rows.append(
                {"clock": clock.kind, "outcome": outcome, "at_ms": None if is_paused else at_ms} | clock.cell._asdict()
            )
        return rows
