"""Which cells a partition's log may count in: as many as the rules allow, and what comes later in `(other)`.

Whoever sends an order number as a queue would else make a row per order, per minute, in every table, and on every
dashboard. Which cells are admitted is a function of the log: the first ones, in log order.
"""

from collections.abc import Iterable, Iterator

from streams.panes.cells import OTHER, Cell, CellIndex


class Admission:
    """The cells admitted so far. Conversations lie, and are counted, in these alone.

    Beyond `limit` cells the queue becomes `(other)`; beyond twice as many, tenant and channel do, too.
    """

    def __init__(self, cells: CellIndex, limit: int) -> None:
        self._cells = cells
        self._limit = limit
        self._numbers: dict[Cell, int] = {}
        self._fresh: list[Cell] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._numbers)

    def restore(self, admitted: Iterable[Cell], *, is_stored: bool = True) -> None:
        """Begin with cells that were admitted before; `is_stored` is false where the ledger does not list them yet."""
        for cell in admitted:
            self._admit(cell)
        if is_stored:
            self._fresh.clear()

    def number(self, cell: Cell) -> int:
        """The number of a cell, or of the one in which it is counted beyond the limit."""
        found = self._numbers.get(cell)
        if found is not None:
            return found
        if len(self._numbers) >= self._limit:
            cell = cell._replace(queue=OTHER)
            if cell not in self._numbers and len(self._numbers) >= 2 * self._limit:
                cell = Cell(OTHER, OTHER, OTHER, cell.visibility)
        return self._admit(cell)

    def take_fresh(self) -> list[Cell]:
        """The cells admitted since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _admit(self, cell: Cell) -> int:
        found = self._numbers.get(cell)
        if found is None:
            found = self._numbers[cell] = self._cells.number(cell)
            self._fresh.append(cell)
        return found
