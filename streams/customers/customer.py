"""What one customer's contacts add to the panes: a function of the set of facts about them.

Facts come from several partitions of the log, so those of different conversations interleave by chance, months apart
in a replay. Nothing here depends on that: whoever adds a fact counts what the new set adds less what the old one did.
Event time is cut into stretches, longer than anything looks back. A stretch is remembered for ever, and looking at it
and its two neighbours is enough for any fact in it.

An id that stands for many people has more facts than a stretch may hold. Such a stretch is crowded: it counts nothing
but its contacts, as left out, and remembers nothing. Whether it is does not depend on the order of facts either.

Spans are half-open: a contact at the very instant 24 h after a resolve is no repeat within the day.
"""

from bisect import bisect_left, insort
from collections import Counter as Multiset
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from streams.conversations.facts import Kind
from streams.panes.cells import Cell, CellIndex
from streams.panes.counters import Counter
from streams.panes.deltas import DAY_MS, HOUR_MS

WEEK_MS = 7 * DAY_MS
EXPOSURE_MS = 72 * HOUR_MS
#: Stretches begin at multiples of it since the epoch. A contact looks back a week, a session a day ahead.
STRETCH_MS = 8 * DAY_MS
#: With more facts than this, a stretch is crowded. Withdrawn beginnings count, since they have been told.
FACTS_PER_STRETCH = 256
#: Kind of the only fact of a crowded stretch.
CROWDED = 255

#: Facts that count by themselves.
ALONE: dict[int, int] = {
    Kind.WAITED: Counter.QUEUE_WAIT,
    Kind.TRANSFERRED: Counter.CASE_TRANSFER,
    Kind.HANDED_ON: Counter.KNOWN_SESSION_ENDED,
    Kind.CONTAINED: Counter.KNOWN_SESSION_ENDED,
}


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


Change = Iterable[tuple[Contribution, int]]


class Customer(msgspec.Struct, gc=False):
    """The facts known of one customer in one stretch, in the order of their instants, then by conversation."""

    key: str
    facts: list[Fact] = []

    @property
    def is_crowded(self) -> bool:
        """Whether the id stands for more than one person."""
        return len(self.facts) == 1 and self.facts[0].kind == CROWDED

    def learn(self, fact: Fact, before: Sequence[Fact], after: Sequence[Fact], cells: CellIndex) -> Change:
        """Take in a fact; what changes in the panes comes back: counts that may be negative, or zero.

        `before` and `after` are the facts of the stretches beside this one, none where they are crowded.
        """
        if self.is_crowded:
            return _of_crowded(fact)
        if fact.kind == Kind.BEGAN_OTHERWISE:
            place = self._place_of_beginning(fact)
            if place is None:
                return ()
            withdrawn = self.facts[place]
            return self._changed(withdrawn, withdrawn._replace(kind=Kind.BEGAN_OTHERWISE), place, before, after, cells)
        if len(self.facts) == FACTS_PER_STRETCH:
            return self._crowd(fact, before, after, cells)
        near = _Near(before, self.facts, after)
        touched = list(near.looking_at(fact, cells))
        change = Multiset[Contribution]()
        for one in touched:
            change.subtract(_of(one, near, cells))
        insort(self.facts, fact, key=_order)
        for one in (*touched, fact):
            change.update(_of(one, near, cells))
        return change.items()

    def _changed(
        self, old: Fact, new: Fact, place: int, before: Sequence[Fact], after: Sequence[Fact], cells: CellIndex
    ) -> Change:
        near = _Near(before, self.facts, after)
        touched = list(near.looking_at(old, cells))
        change = Multiset[Contribution]()
        for one in (*touched, old):
            change.subtract(_of(one, near, cells))
        self.facts[place] = new
        for one in touched:
            change.update(_of(one, near, cells))
        return change.items()

    def _place_of_beginning(self, withdrawal: Fact) -> int | None:
        """Where the beginning stands that is withdrawn: the same conversation at the same instant."""
        place = bisect_left(self.facts, _order(withdrawal), key=_order)
        for at in range(place, len(self.facts)):
            if _order(self.facts[at]) != _order(withdrawal):
                break
            if self.facts[at].kind == Kind.BEGAN:
                return at
        return None

    def _crowd(self, fact: Fact, before: Sequence[Fact], after: Sequence[Fact], cells: CellIndex) -> Change:
        """Once for each stretch: all that it added is taken back."""
        change = Multiset[Contribution]()
        change.subtract(contributions(_Near(before, self.facts, after), cells))
        change.update(contributions(_Near(before, (), after), cells))
        for one in (*self.facts, fact):
            if one.kind in (Kind.BEGAN, Kind.BEGAN_OTHERWISE):
                change[Contribution(one.at, one.cell, Counter.LEFT_OUT_CONTACT)] += 1
        nowhere = cells.number(Cell("", "", "", ""))
        self.facts = [Fact(fact.at // STRETCH_MS * STRETCH_MS, CROWDED, 0, nowhere, "")]
        return change.items()


def _order(fact: Fact) -> tuple[int, int]:
    """Of one conversation the facts come in order, so what is remembered is in the same order whatever came between."""
    return fact.at, fact.conversation


def _instant(fact: Fact) -> int:
    return fact.at


def _of_crowded(fact: Fact) -> Change:
    """What a fact adds in a crowded stretch. A beginning counts each time it is told: it is not known any more."""
    return ((Contribution(fact.at, fact.cell, Counter.LEFT_OUT_CONTACT), 1),) if fact.kind == Kind.BEGAN else ()


class _Near:
    """Three stretches, one after the other."""

    def __init__(self, *stretches: Sequence[Fact]) -> None:
        self._stretches = stretches

    def from_on(self, at: int) -> Iterator[Fact]:
        """Facts at an instant or later, forwards."""
        for facts in self._stretches:
            if facts and facts[-1].at >= at:
                for place in range(bisect_left(facts, at, key=_instant), len(facts)):
                    yield facts[place]

    def up_to(self, at: int) -> Iterator[Fact]:
        """Facts at an instant or earlier, backwards."""
        for facts in reversed(self._stretches):
            if facts and facts[0].at <= at:
                for place in range(bisect_left(facts, at + 1, key=_instant) - 1, -1, -1):
                    yield facts[place]

    def looking_at(self, fact: Fact, cells: CellIndex) -> Iterator[Fact]:
        """The facts that may add something else with this one than without it."""
        if fact.kind == Kind.RESOLVED:
            yield from self._looking_at_resolve(fact)
        elif fact.kind == Kind.BEGAN:
            yield from self._looking_at_beginning(fact, cells)
        elif fact.kind == Kind.HUMAN:
            for one in self.up_to(fact.at):
                if one.at <= fact.at - DAY_MS:
                    return
                if one.kind == Kind.CONTAINED:
                    yield one

    def _looking_at_resolve(self, fact: Fact) -> Iterator[Fact]:
        """Contacts up to the next resolves: of two other conversations, so that one is not the contact's own."""
        resolved: set[int] = set()
        for one in self.from_on(fact.at):
            if one.at >= fact.at + WEEK_MS:
                return
            if one.kind == Kind.BEGAN and one.conversation != fact.conversation:
                yield one
            elif one.kind == Kind.RESOLVED and one.at > fact.at:
                resolved.add(one.conversation)
                if len(resolved) > 1:
                    return

    def _looking_at_beginning(self, fact: Fact, cells: CellIndex) -> Iterator[Fact]:
        """Contacts of the same case up to the next two of them, and public ones after a private one likewise."""
        is_private = cells.by_number[fact.cell].visibility == "private"
        of_case: dict[int, int] = {}
        private: dict[int, int] = {}
        for one in self.from_on(fact.at):
            if one.at >= fact.at + WEEK_MS:
                return
            if one.kind != Kind.BEGAN or one.conversation == fact.conversation:
                continue
            is_decided = not is_private or one.at >= fact.at + EXPOSURE_MS or _are_before(private, one.at)
            if is_decided and _are_before(of_case, one.at):
                return
            yield one
            if one.at > fact.at:
                if one.case == fact.case:
                    of_case.setdefault(one.conversation, one.at)
                if cells.by_number[one.cell].visibility == "private":
                    private.setdefault(one.conversation, one.at)


def _are_before(instants: dict[int, int], at: int) -> bool:
    """Whether two conversations have one before an instant."""
    return len(instants) > 1 and sorted(instants.values())[1] < at


def contributions(near: _Near, cells: CellIndex) -> Multiset[Contribution]:
    """What a set of facts in the order of their instants adds to the panes."""
    found: Multiset[Contribution] = Multiset()
    for fact in near.from_on(0):
        found.update(_of(fact, near, cells))
    return found


def _of(fact: Fact, near: _Near, cells: CellIndex) -> list[Contribution]:
    """What one of the facts adds, seen with the others."""
    at, kind, cell = fact.at, fact.kind, fact.cell
    if kind == Kind.BEGAN:
        return [Contribution(at, cell, counter) for counter in _of_contact(fact, near, cells)]
    if kind not in ALONE:
        return []
    found = [Contribution(at, cell, ALONE[kind])]
    if kind in SESSION_ENDS:
        verified_at = at + DAY_MS
        found.append(Contribution(verified_at, cell, Counter.SESSION_VERIFIABLE))
        if kind == Kind.CONTAINED and not _meets_human(near, at, verified_at):
            found.append(Contribution(verified_at, cell, Counter.SESSION_VERIFIED))
    return found


def _meets_human(near: _Near, begin: int, end: int) -> bool:
    for one in near.from_on(begin):
        if one.at >= end:
            return False
        if one.kind == Kind.HUMAN:
            return True
    return False


def _of_contact(contact: Fact, near: _Near, cells: CellIndex) -> list[int]:
    """Looks back as far as it must: for at most a week."""
    at, cell = contact.at, cells.by_number[contact.cell]
    last_resolve_at = 0
    channels: set[str] = set()
    is_new_case, is_exposed, may_be_exposed = True, False, cell.visibility == "public"
    for one in near.up_to(at):
        if one.at <= at - WEEK_MS:
            break
        if one.conversation == contact.conversation:
            continue
        if one.kind == Kind.RESOLVED and one.at >= last_resolve_at:
            last_resolve_at = one.at
            channels.add(cells.by_number[one.cell].channel)
        elif one.kind == Kind.BEGAN:
            is_exposed = is_exposed or (
                may_be_exposed and at - one.at < EXPOSURE_MS and cells.by_number[one.cell].visibility == "private"
            )
            is_new_case = is_new_case and not (one.case == contact.case and one.at < at)
        is_done = not is_new_case and (is_exposed or not may_be_exposed or at - one.at >= EXPOSURE_MS)
        if last_resolve_at and one.at < last_resolve_at and is_done:
            break
    counters = [Counter.KNOWN_CONTACT]
    if last_resolve_at:
        is_hop = not channels & {"", cell.channel} and cell.channel != ""
        counters.append(Counter.REPEAT_WITHIN_WEEK)
        counters += [Counter.HOP_WITHIN_WEEK] * is_hop
        if at - last_resolve_at < DAY_MS:
            counters.append(Counter.REPEAT_WITHIN_DAY)
            counters += [Counter.HOP_WITHIN_DAY] * is_hop
    counters += [Counter.ESCALATED_EXPOSURE] * is_exposed
    counters += [Counter.CASE_BEGAN] * is_new_case
    return counters
