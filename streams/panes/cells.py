"""The cells of dimensions that panes are counted in."""

from typing import NamedTuple

CELL_BITS = 20
CELL_MASK = (1 << CELL_BITS) - 1


class Cell(NamedTuple):
    """The dimensions of a pane. '' where unknown."""

    tenant: str
    queue: str
    channel: str
    visibility: str


#: In place of a name, where there are too many.
OTHER = "(other)"
#: In place of all cells beyond those that can be numbered.
LAST_CELL = Cell(OTHER, OTHER, OTHER, "")


class CellIndex:
    """Numbers the cells in the order in which they are first seen. The numbers never leave the process.

    When nearly all are taken, the last one stands for every further cell.
    """

    def __init__(self) -> None:
        self._numbers: dict[Cell, int] = {}
        #: The cells by number; read only.
        self.by_number: list[Cell] = []

    def number(self, cell: Cell) -> int:
        """The number of `cell`, the same one for as long as the process lives."""
        found = self._numbers.get(cell)
        if found is None and len(self.by_number) >= CELL_MASK:
            cell = LAST_CELL
            found = self._numbers.get(cell)
        if found is None:
            found = self._numbers[cell] = len(self.by_number)
            self.by_number.append(cell)
        return found

    def __getitem__(self, number: int) -> Cell:
        return self.by_number[number]
