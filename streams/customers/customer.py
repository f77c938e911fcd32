"""What one customer's contacts add to the panes: a function of the set of facts about them.

Facts come from several partitions of the log, so those of different conversations interleave arbitrarily, months apart
in a replay. The result does not depend on their order: adding a fact counts what the new set adds less what the old one
did. Event time is divided into stretches that are longer than any look-back. Stretches are kept for ever, and a fact
depends only on its own stretch and the two neighbours.

An id that stands for many people has more facts than a stretch may hold. Such a stretch is crowded: it counts nothing
but its contacts, as left out, and keeps no facts. Whether it is crowded does not depend on the order of facts either.

Spans are half-open: a contact exactly 24 h after a resolve is no repeat within the day.
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
#: Stretches begin at multiples of this since the epoch. A contact depends on a week before, a session on a day after.
STRETCH_MS = 8 * DAY_MS
#: A stretch with more facts is crowded. Withdrawn beginnings count, since they have been published.
FACTS_PER_STRETCH = 256
#: Kind of the only fact of a crowded stretch.
CROWDED = 255

#: Counters of the facts that count whatever the other facts are.
STANDALONE: dict[int, int] = {
    Kind.WAITED: Counter.QUEUE_WAIT,
    Kind.TRANSFERRED: Counter.CASE_TRANSFER,
    Kind.HANDED_ON: Counter.KNOWN_SESSION_ENDED,
    Kind.CONTAINED: Counter.KNOWN_SESSION_ENDED,
}


SESSION_ENDS = frozenset((Kind.HANDED_ON, Kind.CONTAINED))


class Fact(NamedTuple):
    """One fact about a conversation (a 64-bit hash of its key): time (UTC epoch ms), kind, cell and case."""

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
    """The known facts about one customer in one stretch, ordered by time, then by conversation."""

    key: str
    facts: list[Fact] = []

    @property
    def is_crowded(self) -> bool:
        """Whether the id stands for more than one person."""
        return len(self.facts) == 1 and self.facts[0].kind == CROWDED

    def learn(self, fact: Fact, before: Sequence[Fact], after: Sequence[Fact], cells: CellIndex) -> Change:
        """Add a fact and return the changes to the panes: counts that may be negative or zero.

        `before` and `after` are the facts of the adjacent stretches, none if those are crowded.
        """
        if self.is_crowded:
            return _added_to_crowded(fact)
        if fact.kind == Kind.BEGAN_OTHERWISE:
            place = self._index_of_beginning(fact)
            if place is None:
                return ()
            withdrawn = self.facts[place]
            return self._changed(withdrawn, withdrawn._replace(kind=Kind.BEGAN_OTHERWISE), place, before, after, cells)
        if len(self.facts) == FACTS_PER_STRETCH:
            return self._crowd(fact, before, after, cells)
        near = _Near(before, self.facts, after)
        affected = list(near.affected_by(fact, cells))
        change = Multiset[Contribution]()
        for affected_fact in affected:
            change.subtract(_added_by(affected_fact, near, cells))
        insort(self.facts, fact, key=_order)
        for affected_fact in (*affected, fact):
            change.update(_added_by(affected_fact, near, cells))
        return change.items()

    def _changed(
        self, old: Fact, new: Fact, place: int, before: Sequence[Fact], after: Sequence[Fact], cells: CellIndex
    ) -> Change:
        near = _Near(before, self.facts, after)
        affected = list(near.affected_by(old, cells))
        change = Multiset[Contribution]()
        for affected_fact in (*affected, old):
            change.subtract(_added_by(affected_fact, near, cells))
        self.facts[place] = new
        for affected_fact in affected:
            change.update(_added_by(affected_fact, near, cells))
        return change.items()

    def _index_of_beginning(self, withdrawal: Fact) -> int | None:
        """Return the index of the beginning that is withdrawn: same conversation, same instant."""
        first = bisect_left(self.facts, _order(withdrawal), key=_order)
        for index in range(first, len(self.facts)):
            if _order(self.facts[index]) != _order(withdrawal):
                break
            if self.facts[index].kind == Kind.BEGAN:
                return index
        return None

    def _crowd(self, fact: Fact, before: Sequence[Fact], after: Sequence[Fact], cells: CellIndex) -> Change:
        """Mark the stretch as crowded, once, and take back everything that it added."""
        change = Multiset[Contribution]()
        change.subtract(contributions(_Near(before, self.facts, after), cells))
        change.update(contributions(_Near(before, (), after), cells))
        for known in (*self.facts, fact):
            if known.kind in (Kind.BEGAN, Kind.BEGAN_OTHERWISE):
                change[Contribution(known.at, known.cell, Counter.LEFT_OUT_CONTACT)] += 1
        nowhere = cells.number(Cell("", "", "", ""))
        self.facts = [Fact(fact.at // STRETCH_MS * STRETCH_MS, CROWDED, 0, nowhere, "")]
        return change.items()


def _order(fact: Fact) -> tuple[int, int]:
    """Return the sort key. Facts of one conversation arrive in order, so any interleaving is stored alike."""
    return fact.at, fact.conversation


def _instant(fact: Fact) -> int:
    return fact.at


def _added_to_crowded(fact: Fact) -> Change:
    """Return what a fact adds in a crowded stretch. A repeated beginning counts again: no facts are kept."""
    return ((Contribution(fact.at, fact.cell, Counter.LEFT_OUT_CONTACT), 1),) if fact.kind == Kind.BEGAN else ()


class _Near:
    """Three consecutive stretches."""

    def __init__(self, *stretches: Sequence[Fact]) -> None:
        self._stretches = stretches

    def from_on(self, at: int) -> Iterator[Fact]:
        """Yield the facts at `at` or later, forwards."""
        for facts in self._stretches:
            if facts and facts[-1].at >= at:
                for place in range(bisect_left(facts, at, key=_instant), len(facts)):
                    yield facts[place]

    def up_to(self, at: int) -> Iterator[Fact]:
        """Yield the facts at `at` or earlier, backwards."""
        for facts in reversed(self._stretches):
            if facts and facts[0].at <= at:
                for place in range(bisect_left(facts, at + 1, key=_instant) - 1, -1, -1):
                    yield facts[place]

    def affected_by(self, fact: Fact, cells: CellIndex) -> Iterator[Fact]:
        """Yield the facts whose contributions may depend on `fact`."""
        if fact.kind == Kind.RESOLVED:
            yield from self._affected_by_resolve(fact)
        elif fact.kind == Kind.BEGAN:
            yield from self._affected_by_beginning(fact, cells)
        elif fact.kind == Kind.HUMAN:
            for earlier in self.up_to(fact.at):
                if earlier.at <= fact.at - DAY_MS:
                    return
                if earlier.kind == Kind.CONTAINED:
                    yield earlier

    def _affected_by_resolve(self, fact: Fact) -> Iterator[Fact]:
        """Yield contacts up to the next resolves of two conversations, one of which may be the contact's own."""
        resolved: set[int] = set()
        for later in self.from_on(fact.at):
            if later.at >= fact.at + WEEK_MS:
                return
            if later.kind == Kind.BEGAN and later.conversation != fact.conversation:
                yield later
            elif later.kind == Kind.RESOLVED and later.at > fact.at:
                resolved.add(later.conversation)
                if len(resolved) > 1:
                    return

    def _affected_by_beginning(self, fact: Fact, cells: CellIndex) -> Iterator[Fact]:
        """Yield contacts of the same case up to the next two of them; likewise public ones after a private one."""
        is_private = cells.by_number[fact.cell].visibility == "private"
        of_case: dict[int, int] = {}
        private: dict[int, int] = {}
        for later in self.from_on(fact.at):
            if later.at >= fact.at + WEEK_MS:
                return
            if later.kind != Kind.BEGAN or later.conversation == fact.conversation:
                continue
            is_decided = not is_private or later.at >= fact.at + EXPOSURE_MS or _are_before(private, later.at)
            if is_decided and _are_before(of_case, later.at):
                return
            yield later
            if later.at > fact.at:
                if later.case == fact.case:
                    of_case.setdefault(later.conversation, later.at)
                if cells.by_number[later.cell].visibility == "private":
                    private.setdefault(later.conversation, later.at)


def _are_before(instants: dict[int, int], at: int) -> bool:
    """Return whether at least two conversations have an instant before `at`."""
    return len(instants) > 1 and sorted(instants.values())[1] < at


def contributions(near: _Near, cells: CellIndex) -> Multiset[Contribution]:
    """Return what a set of facts, ordered by time, adds to the panes."""
    total: Multiset[Contribution] = Multiset()
    for fact in near.from_on(0):
        total.update(_added_by(fact, near, cells))
    return total


def _added_by(fact: Fact, near: _Near, cells: CellIndex) -> list[Contribution]:
    """Return what one of the facts adds, given the others."""
    at, kind, cell = fact.at, fact.kind, fact.cell
    if kind == Kind.BEGAN:
        return [Contribution(at, cell, counter) for counter in _contact_counters(fact, near, cells)]
    if kind not in STANDALONE:
        return []
    added = [Contribution(at, cell, STANDALONE[kind])]
    if kind in SESSION_ENDS:
        verified_at = at + DAY_MS
        added.append(Contribution(verified_at, cell, Counter.SESSION_VERIFIABLE))
        if kind == Kind.CONTAINED and not _meets_human(near, at, verified_at):
            added.append(Contribution(verified_at, cell, Counter.SESSION_VERIFIED))
    return added


def _meets_human(near: _Near, begin: int, end: int) -> bool:
    for later in near.from_on(begin):
        if later.at >= end:
            return False
        if later.kind == Kind.HUMAN:
            return True
    return False


def _contact_counters(contact: Fact, near: _Near, cells: CellIndex) -> list[int]:
    """Return the counters of a contact, looking back no further than necessary and at most a week."""
    at, cell = contact.at, cells.by_number[contact.cell]
    last_resolve_at = 0
    channels: set[str] = set()
    is_new_case, is_exposed, may_be_exposed = True, False, cell.visibility == "public"
    for earlier in near.up_to(at):
        if earlier.at <= at - WEEK_MS:
            break
        if earlier.conversation == contact.conversation:
            continue
        if earlier.kind == Kind.RESOLVED and earlier.at >= last_resolve_at:
            last_resolve_at = earlier.at
            channels.add(cells.by_number[earlier.cell].channel)
        elif earlier.kind == Kind.BEGAN:
            is_exposed = is_exposed or (
                may_be_exposed
                and at - earlier.at < EXPOSURE_MS
                and cells.by_number[earlier.cell].visibility == "private"
            )
            is_new_case = is_new_case and not (earlier.case == contact.case and earlier.at < at)
        is_done = not is_new_case and (is_exposed or not may_be_exposed or at - earlier.at >= EXPOSURE_MS)
        if last_resolve_at and earlier.at < last_resolve_at and is_done:
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
