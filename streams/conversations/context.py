"""The context of every step of the fold: the rules, cells, panes and facts of one partition."""

from typing import NamedTuple

from streams.conversations.facts import ConversationFact
from streams.panes.admission import Admission
from streams.panes.cells import CellIndex
from streams.panes.deltas import PaneDeltas
from streams.rules import Rules


class Context(NamedTuple):
    """The rules, the numbered cells, the admitted cells, the panes to add to, and the facts to publish."""

    rules: Rules
    cells: CellIndex
    admission: Admission
    panes: PaneDeltas
    facts: list[ConversationFact]
