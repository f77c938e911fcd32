"""What one customer's contacts add to the panes: a function of the set of facts about them.

Facts come from several partitions of the log, so those of different conversations interleave by chance. Nothing here
depends on that: whoever adds a fact counts what the new set adds less what the old one did.

Spans are half-open: a contact at the very instant 24 h after a resolve is no repeat within the day.
"""

from bisect import bisect_left, insort
from collections import Counter as Multiset
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from streams.contacts import Kind
from streams.counters import Counter
from streams.panes import DAY_MS, HOUR_MS, Cells

WEEK_MS = 7 * DAY_MS
EXPOSURE_MS = 72 * HOUR_MS
#: Of one customer. With more, those go first that no other fact can have to do with any more, then the older half.
REMEMBERED_FACTS = 256
REMEMBERED_MS = 8 * DAY_MS

#: Facts that count by themselves.
ALONE: dict[int, int] = {
    Kind.WAITED: Counter.QUEUE_WAIT,
    Kind.TRANSFERRED: Counter.CASE_TRANSFER,
    Kind.HANDED_ON: Counter.KNOWN_SESSION_ENDED,
    Kind.CONTAINED: Counter.KNOWN_SESSION_ENDED,
}


BEGINNINGS = frozenset((Kind.BEGAN, Kind.BEGAN_OTHERWISE))
SESSION_ENDS = frozenset((Kind.HANDED_ON, Kind.CONTAINED))


class Fact(NamedTuple):
    """One fact about a conversation (a 64-bit hash of its key): when (UTC epoch ms), what, in which cell and case."""

    at: int
    kind: int
    conversation: int
    cell: int
    case: str


class Contribution(NamedTuple):
    """One count that a set of facts adds to a pane."""

    at: int
    cell: int
    counter: int


class Customer(msgspec.Struct, gc=False):
    """The facts known of one customer, in the order of their instants, then by conversation."""

    key: str
    facts: list[Fact] = []

    def learn(self, fact: Fact, cells: Cells) -> Iterable[tuple[Contribution, int]]:
        """Take in a fact; what changes in the panes comes back: counts that may be negative, or zero."""
        has_begun = fact.kind in BEGINNINGS and self._has_begun(fact.conversation)
        if fact.kind == Kind.BEGAN_OTHERWISE and not has_begun:
            return ()
        if has_begun:
            old = self.facts.copy()
            new = [one for one in old if one.kind != Kind.BEGAN or one.conversation != fact.conversation]
            self.facts = new.copy()
        elif not self._is_looked_back_on(fact):
            # The usual case: it takes nothing back.
            self._insert(fact)
            added = [(one, 1) for one in _of(fact, self.facts, cells)]
            self._forget()
            return added
        else:
            old = self._around(fact)
            new = old.copy()
        if fact.kind != Kind.BEGAN_OTHERWISE:
            self._insert(fact)
            insort(new, fact, key=_order)
        change = contributions(new, cells)
        change.subtract(contributions(old, cells))
        self._forget()
        return change.items()

    def _has_begun(self, conversation: int) -> bool:
        return any(one.kind == Kind.BEGAN and one.conversation == conversation for one in self.facts)

    def _is_looked_back_on(self, fact: Fact) -> bool:
        """Whether a fact that is new may change what others contribute."""
        kind = fact.kind
        if kind in (Kind.BEGAN, Kind.RESOLVED):
            # Contacts look back on both, those of the same instant too.
            return any(one.kind == Kind.BEGAN and one.at >= fact.at for one in self.facts)
        if kind == Kind.HUMAN:
            return any(one.kind == Kind.CONTAINED for one in self.facts)
        return False

    def _insert(self, fact: Fact) -> None:
        facts = self.facts
        if not facts or _order(fact) >= _order(facts[-1]):
            facts.append(fact)
        else:
            insort(facts, fact, key=_order)

    def _around(self, fact: Fact) -> list[Fact]:
        """All facts that this one may have to do with, and all that these look back on."""
        start = bisect_left(self.facts, fact.at - REMEMBERED_MS, key=_instant)
        return self.facts[start : bisect_left(self.facts, fact.at + REMEMBERED_MS, key=_instant)]

    def _forget(self) -> None:
        if len(self.facts) > REMEMBERED_FACTS:
            recent = bisect_left(self.facts, self.facts[-1].at - REMEMBERED_MS, key=_instant)
            del self.facts[: recent or REMEMBERED_FACTS // 2]


def _instant(fact: Fact) -> int:
    return fact.at


def _order(fact: Fact) -> tuple[int, int]:
    """Of one conversation the facts come in order, so what is remembered is in the same order whatever came between."""
    return fact.at, fact.conversation


def contributions(facts: Sequence[Fact], cells: Cells) -> Multiset[Contribution]:
    """What a set of facts in the order of their instants adds to the panes."""
    found: Multiset[Contribution] = Multiset()
    for fact in facts:
        found.update(_of(fact, facts, cells))
    return found


def _of(fact: Fact, facts: Sequence[Fact], cells: Cells) -> list[Contribution]:
    """What one of the facts adds, seen with the others."""
    at, kind, cell = fact.at, fact.kind, fact.cell
    if kind == Kind.BEGAN:
        return [Contribution(at, cell, counter) for counter in _of_contact(fact, facts, cells)]
    if kind not in ALONE:
        return []
    found = [Contribution(at, cell, ALONE[kind])]
    if kind in SESSION_ENDS:
        verified_at = at + DAY_MS
        found.append(Contribution(verified_at, cell, Counter.SESSION_VERIFIABLE))
        if kind == Kind.CONTAINED and not any(one.kind == Kind.HUMAN and at <= one.at < verified_at for one in facts):
            found.append(Contribution(verified_at, cell, Counter.SESSION_VERIFIED))
    return found


def _of_contact(contact: Fact, facts: Sequence[Fact], cells: Cells) -> list[int]:
    at, cell = contact.at, cells.by_number[contact.cell]
    before = [one for one in facts if at - WEEK_MS < one.at <= at and one.conversation != contact.conversation]
    counters = [Counter.KNOWN_CONTACT]
    resolves = [one for one in before if one.kind == Kind.RESOLVED]
    if resolves:
        last_at = max(one.at for one in resolves)
        channels = {cells.by_number[one.cell].channel for one in resolves if one.at == last_at}
        is_hop = not channels & {"", cell.channel} and cell.channel != ""
        counters.append(Counter.REPEAT_WITHIN_WEEK)
        counters += [Counter.HOP_WITHIN_WEEK] * is_hop
        if at - last_at < DAY_MS:
            counters.append(Counter.REPEAT_WITHIN_DAY)
            counters += [Counter.HOP_WITHIN_DAY] * is_hop
    others = [one for one in before if one.kind == Kind.BEGAN]
    if cell.visibility == "public" and any(
        cells.by_number[one.cell].visibility == "private" and at - one.at < EXPOSURE_MS for one in others
    ):
        counters.append(Counter.ESCALATED_EXPOSURE)
    if not any(one.case == contact.case and one.at < at for one in others):
        counters.append(Counter.CASE_BEGAN)
    return counters
