"""What happens to a conversation, for the batch oracle, as plain values.

Instants are UTC epoch milliseconds.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tests.oracle.clocks import Cell, Clock


class Change(NamedTuple):
    """`amount` (+1 or -1) on `counter` at an instant in a cell; `kind` of an escalation, else ''."""

    counter: str
    at_ms: int
    cell: Cell
    amount: int
    kind: str = ""


class ResponseTime(NamedTuple):
    """One measured duration, at the instant of its end."""

    kind: str
    at_ms: int
    cell: Cell
    duration_ms: int


class Fact(NamedTuple):
    """What the customer's other conversations have to know of this one; `case` of a beginning."""

    kind: str
    at_ms: int
    cell: Cell
    case: str = ""


class FirstTurn(NamedTuple):
    """How the time from an opening of which nobody told ended: `how` is answered, handed off or departed."""

    how: str
    at_ms: int
    start_ms: int | None
    asked_at_ms: int | None
    cell: Cell
    clock: Clock | None


class Settings(NamedTuple):
    """`channels` maps a channel to its mode and default visibility."""

    channels: Mapping[str, tuple[str, str]]
    target_seconds: Mapping[str, int]
    idle_limit_seconds: int | None
