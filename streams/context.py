"""What every step of the fold works with: the rules, the cells, the panes and the facts of one partition."""

from typing import NamedTuple

from streams.contacts import ToldFact
from streams.panes import Cells, PaneDeltas
from streams.rules import RuleBook


class Context(NamedTuple):
    """The rules, the numbered cells, the panes to add to, and the facts to tell of known customers."""

    book: RuleBook
    cells: Cells
    panes: PaneDeltas
    facts: list[ToldFact]
