"""The first turn of a conversation whose opening has not arrived, as a JSON array in one column of the ledger.

Few conversations have one and only the fold reads it, so it does not get columns of its own.
"""

import msgspec

from streams.conversations.conversation import Clock, FirstTurn
from streams.panes.cells import Cell, CellIndex


class _Clock(msgspec.Struct, array_like=True):
    kind: int
    due_at: int
    remaining_ms: int
    calendar: str
    cell: Cell


class _Turn(msgspec.Struct, array_like=True):
    outcome: str
    at: int
    since: int
    asked_at: int
    cell: Cell
    clock: _Clock | None


_decoder = msgspec.json.Decoder(_Turn)


def first_turn_text(turn: FirstTurn, cells: CellIndex) -> str:
    """Return a turn as JSON, with the dimensions of cells instead of their numbers."""
    clock = turn.clock
    stored = clock and _Clock(clock.kind, clock.due_at, clock.remaining_ms, clock.calendar, cells[clock.cell])
    return msgspec.json.encode(
        _Turn(turn.outcome, turn.at, turn.since, turn.asked_at, cells[turn.cell], stored)
    ).decode()


def read_first_turn(text: str, cells: CellIndex) -> FirstTurn:
    """Return the turn encoded in a text. Raises msgspec.DecodeError if it is invalid."""
    turn = _decoder.decode(text)
    clock = None
    if turn.clock is not None:
        kind, due_at, remaining_ms, calendar, cell = msgspec.structs.astuple(turn.clock)
        clock = Clock(kind, due_at, remaining_ms, calendar, cells.number(cell))
    return FirstTurn(turn.outcome, turn.at, turn.since, turn.asked_at, cells.number(turn.cell), clock)
