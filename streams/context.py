"""What every step of the fold works with: the rules, the cells, the panes and the facts of one partition."""

from typing import NamedTuple

from streams.admission import Admission
from streams.contacts import ToldFact
from streams.panes import Cells, PaneDeltas
from streams.rules import RuleBook


class Context(NamedTuple):
    """The rules, the numbered cells, those that may be counted in, the panes to add to, and the facts to tell."""

    book: RuleBook
    cells: Cells
    admission: Admission
    panes: PaneDeltas
    facts: list[ToldFact]
