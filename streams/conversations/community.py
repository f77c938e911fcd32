"""Customers who help customers: the first answer of a peer, and the contacts that peers saved.

`pane` is always that of the event's own minute and of the cell in force.
"""

from streams.conversations.conversation import Conversation
from streams.panes.counters import Counter
from streams.panes.deltas import Pane, pack_field
from streams.panes.histograms import bucket


def answer_as_peer(conversation: Conversation, at: int, pane: Pane) -> None:
    """A peer spoke at `at` in an open conversation: the first time while somebody waits is the first peer answer.

    Its duration starts with the waiting episode, as that of a first response does; it ends no episode. Only where none
    was counted before.
    """
    since = conversation.episode_since
    if not since:
        return
    conversation.has_peer_answered = True
    pane[pack_field(Counter.FIRST_PEER_ANSWER, bucket(at - since))] += 1
    if not conversation.has_agent_spoken:
        pane[Counter.PEER_BEFORE_STAFF] += 1


def speak_as_agent(conversation: Conversation, pane: Pane) -> None:
    """The first message of an agent to the customer: what peers had saved so far is saved no more."""
    conversation.has_agent_spoken = True
    if conversation.peer_solution_count:
        pane[Counter.SAVED_BY_PEER] -= 1


def accept_solution(conversation: Conversation, pane: Pane, sign: int) -> None:
    """A peer's solution was accepted (+1), or no longer is (-1). One that stands, and no agent spoke, saves a contact.

    Taken back is counted where that happens, as it is for accepted solutions. Below zero none is left to take back.
    """
    before = conversation.peer_solution_count
    after = conversation.peer_solution_count = max(0, before + sign)
    if not conversation.has_agent_spoken:
        pane[Counter.SAVED_BY_PEER] += (after > 0) - (before > 0)
