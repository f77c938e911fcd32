"""What a customer's other conversations have to know of one: slim facts, told in log order, of known customers only.

A few per conversation. `customers` makes numbers of them, whatever partitions of the log they came from.
"""

import msgspec

from streams.conversations.conversation import Conversation
from streams.events import Event


class Kind:
    """What a fact says. The numbers are written into the topic of contacts and never change."""

    #: An inbound contact began, a transfer chain once.
    BEGAN = 0
    #: What was said to have begun then, did not: it began at another instant, or is no contact.
    BEGAN_OTHERWISE = 1
    RESOLVED = 2
    #: A handoff, or the first word of an agent to the customer.
    HUMAN = 3
    #: The customer came to wait in a queue.
    WAITED = 4
    TRANSFERRED = 5
    #: A self-service session ended with a human.
    HANDED_ON = 6
    #: A self-service session ended without one.
    CONTAINED = 7


class ConversationFact(msgspec.Struct, gc=False):
    """A fact about a conversation (`key`), in the cell that counts for it, and the offset of the event that tells it.

    `at` is UTC epoch ms; `case` is a pseudonym.
    """

    offset: int
    kind: int
    at: int
    customer: str
    key: str
    cell: int
    case: str


def tell(facts: list[ConversationFact], conversation: Conversation, event: Event, kind: int, at: int) -> None:
    """Tell a fact in the conversation's present cell. The customer must be known."""
    facts.append(
        ConversationFact(event.offset, kind, at, conversation.customer, conversation.key, conversation.cell, "")
    )


def tell_beginning(facts: list[ConversationFact], conversation: Conversation, event: Event, cell: int) -> None:
    """Tell when and in which cell the contact began. The case is the one that `event` names."""
    at, customer = conversation.opened_at, conversation.customer
    facts.append(ConversationFact(event.offset, Kind.BEGAN, at, customer, conversation.key, cell, event.case))


def withdraw_beginning(facts: list[ConversationFact], conversation: Conversation, event: Event) -> None:
    """Take back what was told of the beginning, before the conversation takes another."""
    at, cell = conversation.opened_at, conversation.opening_cell
    facts.append(
        ConversationFact(event.offset, Kind.BEGAN_OTHERWISE, at, conversation.customer, conversation.key, cell, "")
    )
