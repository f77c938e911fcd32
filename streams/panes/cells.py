"""Cells, the combinations of dimensions that panes are counted by."""

from typing import NamedTuple

CELL_BITS = 20
CELL_MASK = (1 << CELL_BITS) - 1


class Cell(NamedTuple):
    """The dimensions of a pane; '' for unknown."""

    tenant: str
    queue: str
    channel: str
    visibility: str


#: Replaces names beyond the limit of cells.
OTHER = "(other)"
#: Replaces all cells beyond those that can be numbered.
LAST_CELL = Cell(OTHER, OTHER, OTHER, "")


class CellIndex:
    """Numbers of cells, in the order in which they are first seen. The numbers never leave the process.

    When nearly all are taken, the last one stands for every further cell.
    """

    def __init__(self) -> None:
        self._numbers: dict[Cell, int] = {}
        #: The cells by number; read only.
        self.by_number: list[Cell] = []

    def number(self, cell: Cell) -> int:
        """Return the number of `cell`, which is stable for the life of the process."""
        assigned = self._numbers.get(cell)
        if assigned is None and len(self.by_number) >= CELL_MASK:
            cell = LAST_CELL
            assigned = self._numbers.get(cell)
        if assigned is None:
            assigned = self._numbers[cell] = len(self.by_number)
            self.by_number.append(cell)
        return assigned

    def __getitem__(self, number: int) -> Cell:
        return self.by_number[number]
