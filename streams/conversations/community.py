"""Customers who help customers: the first answer of a peer, and the contacts that peers saved.

`pane` is always that of the event's own minute and of the current cell.
"""

from streams.conversations.conversation import Conversation
from streams.panes.counters import Counter
from streams.panes.deltas import Pane, pack_field
from streams.panes.histograms import bucket


def answer_as_peer(conversation: Conversation, at: int, pane: Pane) -> None:
    """Record a peer's message at `at` in an open conversation; it is the first peer answer if somebody waits.

    Its duration starts with the waiting episode, like that of a first response, but it does not end the episode.
    Requires that no peer answer was counted before.
    """
    since = conversation.episode_since
    if not since:
        return
    conversation.has_peer_answered = True
    pane[pack_field(Counter.FIRST_PEER_ANSWER, bucket(at - since))] += 1
    if not conversation.has_agent_spoken:
        pane[Counter.PEER_BEFORE_STAFF] += 1


def speak_as_agent(conversation: Conversation, pane: Pane) -> None:
    """Record an agent's first message to the customer, which takes back a contact saved by peers."""
    conversation.has_agent_spoken = True
    if conversation.peer_solution_count:
        pane[Counter.SAVED_BY_PEER] -= 1


def accept_solution(conversation: Conversation, pane: Pane, sign: int) -> None:
    """Record that a peer's solution was accepted (+1) or withdrawn (-1); one saves a contact if no agent spoke.

    A withdrawal is counted at its own minute, as it is for accepted solutions, and never takes the count below zero.
    """
    before = conversation.peer_solution_count
    after = conversation.peer_solution_count = max(0, before + sign)
    if not conversation.has_agent_spoken:
        pane[Counter.SAVED_BY_PEER] += (after > 0) - (before > 0)
