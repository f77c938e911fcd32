"""What every step of the fold works with: the rules, the cells and the panes of one partition."""

from typing import NamedTuple

from streams.panes import Cells, PaneDeltas
from streams.rules import RuleBook


class Context(NamedTuple):
    """The rules, the numbered cells, and the panes to add to."""

    book: RuleBook
    cells: Cells
    panes: PaneDeltas
