"""Facts about a conversation that the customer's other conversations depend on, in log order.

Only of known customers, and a few per conversation. `customers` derives numbers from them, whichever partitions of the
log they came from.
"""

import msgspec

from streams.conversations.conversation import Conversation
from streams.events import Event


class Kind:
    """Kinds of facts. The numbers are written into the topic of customer facts and never change."""

    #: An inbound contact began; a transfer chain counts once.
    BEGAN = 0
    #: Withdraws a beginning: the contact began at another instant, or is none.
    BEGAN_OTHERWISE = 1
    RESOLVED = 2
    #: A handoff, or an agent's first message to the customer.
    HUMAN = 3
    #: The customer entered a queue.
    WAITED = 4
    TRANSFERRED = 5
    #: A self-service session ended with a human.
    HANDED_ON = 6
    #: A self-service session ended without one.
    CONTAINED = 7


class ConversationFact(msgspec.Struct, gc=False):
    """A fact about a conversation (`key`), in the cell that counts for it, with the offset of the event behind it.

    `at` is UTC epoch ms; `case` is a pseudonym.
    """

    offset: int
    kind: int
    at: int
    customer: str
    key: str
    cell: int
    case: str


def add_fact(facts: list[ConversationFact], conversation: Conversation, event: Event, kind: int, at: int) -> None:
    """Add a fact in the conversation's current cell. The customer must be known."""
    facts.append(
        ConversationFact(event.offset, kind, at, conversation.customer, conversation.key, conversation.cell, "")
    )


def add_beginning(facts: list[ConversationFact], conversation: Conversation, event: Event, cell: int) -> None:
    """Add when and in which cell the contact began. The case is the one that `event` names."""
    at, customer = conversation.opened_at, conversation.customer
    facts.append(ConversationFact(event.offset, Kind.BEGAN, at, customer, conversation.key, cell, event.case))


def withdraw_beginning(facts: list[ConversationFact], conversation: Conversation, event: Event) -> None:
    """Withdraw the beginning that was added, before the conversation gets another one."""
    at, cell = conversation.opened_at, conversation.opening_cell
    facts.append(
        ConversationFact(event.offset, Kind.BEGAN_OTHERWISE, at, conversation.customer, conversation.key, cell, "")
    )
