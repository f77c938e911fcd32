"""The customer across channels, for the batch oracle: every count by the definitions of docs/decisions/0007.

Compares each contact with all others of the customer, whatever their order in the log. Instants are UTC epoch ms.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tests.oracle.changes import Fact
from tests.oracle.clocks import Cell
from tests.oracle.fold import Conversation

HOUR_MS = 3_600_000
#: With more facts than this of one customer in one stretch of 8 days since the epoch, the id stands for many people.
STRETCH_MS, FACTS_PER_STRETCH = 8 * 24 * HOUR_MS, 256


class Count(NamedTuple):
    """An increment of `counter` at an instant in a cell."""

    counter: str
    at_ms: int
    cell: Cell


class Contact(NamedTuple):
    """One contact of a known customer: its conversation (source and id), and how it began."""

    conversation: tuple[str, str]
    began: Fact


def count_customers(
    conversations: Iterable[Conversation], facts_per_stretch: int = FACTS_PER_STRETCH
) -> Counter[Count]:
    """Count the contacts of the known customers, over all of time."""
    found: Counter[Count] = Counter()
    of_customer: dict[str, list[Conversation]] = defaultdict(list)
    for conversation in conversations:
        if conversation.customer:
            of_customer[conversation.customer].append(conversation)
    for theirs in of_customer.values():
        counts = Counter(
            fact.at_ms // STRETCH_MS
            for conversation in theirs
            for fact in (*conversation.beginnings, *conversation.facts)
        )
        found.update(
            _of_one_customer(theirs, {number for number, count in counts.items() if count > facts_per_stretch})
        )
    return found


def _of_one_customer(conversations: list[Conversation], crowded: set[int]) -> list[Count]:
    """Count everything outside crowded stretches; in those, only the contacts, as left out."""
    found: list[Count] = []
    contacts = [
        Contact((conversation.source, conversation.conversation_id), conversation.began)
        for conversation in conversations
        if conversation.began
    ]
    found += [
        Count("left_out_contact", fact.at_ms, fact.cell)
        for conversation in conversations
        for fact in conversation.beginnings
        if fact.at_ms // STRETCH_MS in crowded
    ]
    contacts = [contact for contact in contacts if contact.began.at_ms // STRETCH_MS not in crowded]
    facts_of = {
        id(conversation): [fact for fact in conversation.facts if fact.at_ms // STRETCH_MS not in crowded]
        for conversation in conversations
    }
    humans_ms = [
        fact.at_ms for conversation in conversations for fact in facts_of[id(conversation)] if fact.kind == "human"
    ]
    for contact in contacts:
        at_ms, cell = contact.began.at_ms, contact.began.cell
        names = ["known_contact"]
        resolves = [
            (at_ms - fact.at_ms, fact.cell.channel)
            for other in conversations
            if (other.source, other.conversation_id) != contact.conversation
            for fact in facts_of[id(other)]
            if fact.kind == "resolved" and at_ms >= fact.at_ms
        ]
        if resolves:
            ago_ms = min(ago for ago, _ in resolves)
            last = [channel for ago, channel in resolves if ago == ago_ms]
            is_hop = all(channel and cell.channel and channel != cell.channel for channel in last)
            for name, span_ms in (("within_day", 24 * HOUR_MS), ("within_week", 7 * 24 * HOUR_MS)):
                if ago_ms < span_ms:
                    names += [f"repeat_{name}"] + [f"hop_{name}"] * is_hop
        before = [
            other for other in contacts if other.conversation != contact.conversation and other.began.at_ms <= at_ms
        ]
        if cell.visibility == "public" and any(
            other.began.cell.visibility == "private" and at_ms - other.began.at_ms < 72 * HOUR_MS for other in before
        ):
            names.append("exposure")
        same_case_ms = [
            at_ms - other.began.at_ms
            for other in before
            if other.began.case == contact.began.case and other.began.at_ms < at_ms
        ]
        if not same_case_ms or min(same_case_ms) >= 7 * 24 * HOUR_MS:
            names.append("case_began")
        found += [Count(name, at_ms, cell) for name in names]
    for fact in (fact for conversation in conversations for fact in facts_of[id(conversation)]):
        if fact.kind in ("waited", "transferred"):
            found.append(Count(fact.kind, fact.at_ms, fact.cell))
        if fact.kind in ("contained", "handed on"):
            until_ms = fact.at_ms + 24 * HOUR_MS
            found.append(Count("known_session_ended", fact.at_ms, fact.cell))
            found.append(Count("session_verifiable", until_ms, fact.cell))
            if fact.kind == "contained" and not any(fact.at_ms <= human < until_ms for human in humans_ms):
                found.append(Count("session_verified", until_ms, fact.cell))
    return found
