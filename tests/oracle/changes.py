"""The changes of a conversation, for the batch oracle, as plain values.

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
    """What the customer's other conversations need to know of this one; `case` is set for a beginning."""

    kind: str
    at_ms: int
    cell: Cell
    case: str = ""


class FirstTurn(NamedTuple):
    """The end of the first turn of an implicit opening: `how` is answered, handed off or departed."""

    how: str
    at_ms: int
    start_ms: int | None
    asked_at_ms: int | None
    cell: Cell
    clock: Clock | None


class Settings(NamedTuple):
    """The rules of the oracle. `channels` maps a channel to its mode and default visibility."""

    channels: Mapping[str, tuple[str, str]]
    target_seconds: Mapping[str, int]
    idle_limit_seconds: int | None
