"""What every step of the fold works with: the rules, the cells, the panes and the facts of one partition."""

from typing import NamedTuple

from streams.conversations.facts import ConversationFact
from streams.panes.admission import Admission
from streams.panes.cells import CellIndex
from streams.panes.deltas import PaneDeltas
from streams.rules import Rules


class Context(NamedTuple):
    """The rules, the numbered cells, those that may be counted in, the panes to add to, and the facts to tell."""

    rules: Rules
    cells: CellIndex
    admission: Admission
    panes: PaneDeltas
    facts: list[ConversationFact]
