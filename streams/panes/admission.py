"""The limit of cells: which ones a partition's log may count in; whatever comes later is counted as `(other)`.

Without it, a source that sends order numbers as queues would create a row per order and minute in every table and on
every dashboard. The admitted cells are a function of the log: the first ones, in log order.
"""

from collections.abc import Iterable, Iterator

from streams.panes.cells import OTHER, Cell, CellIndex


class Admission:
    """The cells admitted so far. Conversations are counted in these alone.

    Beyond `limit` cells the queue becomes `(other)`; beyond twice as many, so do tenant and channel.
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
        """Restore cells admitted before. `is_stored` is false if the ledger does not list them yet."""
        for cell in admitted:
            self._admit(cell)
        if is_stored:
            self._fresh.clear()

    def number(self, cell: Cell) -> int:
        """Return the number of a cell, or of the cell that replaces it beyond the limit."""
        number = self._numbers.get(cell)
        if number is not None:
            return number
        if len(self._numbers) >= self._limit:
            cell = cell._replace(queue=OTHER)
            if cell not in self._numbers and len(self._numbers) >= 2 * self._limit:
                cell = Cell(OTHER, OTHER, OTHER, cell.visibility)
        return self._admit(cell)

    def take_fresh(self) -> list[Cell]:
        """Return the cells admitted since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _admit(self, cell: Cell) -> int:
        number = self._numbers.get(cell)
        if number is None:
            number = self._numbers[cell] = self._cells.number(cell)
            self._fresh.append(cell)
        return number
